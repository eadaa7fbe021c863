/* The machine's limit: one thread with blocking calls, and as few of them as possible.
 *
 *   plain plain WORKLOAD HOST PORT AMOUNT CONNECTIONS
 *
 * Like bench/measure.lua, where input and output are described. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum {
    MESSAGE = 65, /* bytes on the wire, newline included */
    PIECE = 64 * 1024,
};

static struct sockaddr_in address;
static long amount, connections;
static char piece[PIECE];

static void die(const char *what) {
    fprintf(stderr, "plain: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double clock_now(void) {
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int open_link(void) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0) die("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

static void ready(void) {
    puts("ready");
    fflush(stdout);
}

static void send_all(int fd, const char *data, size_t size) {
    while (size > 0) {
        ssize_t n = send(fd, data, size, MSG_NOSIGNAL);
        if (n < 0) die("send");
        data += n;
        size -= (size_t)n;
    }
}

/* Receives a whole message; in between it sleeps (flags 0) or asks again (MSG_DONTWAIT). */
static void receive_message(int fd, int flags) {
    char message[MESSAGE];
    for (size_t size = 0; size < sizeof message;) {
        ssize_t n = recv(fd, message + size, sizeof message - size, flags);
        if (n == 0 || (n < 0 && errno != EAGAIN)) die("recv");
        if (n > 0) size += (size_t)n;
    }
}

static void set_message(char *message) {
    memset(message, 'm', MESSAGE - 1);
    message[MESSAGE - 1] = '\n';
}

/* Messages are copied into a buffer, which is sent when it is full. */
static void run_flood(void) {
    char message[MESSAGE];
    size_t size = 0;
    int fd = open_link();
    set_message(message);
    ready();
    double began = clock_now();
    clock_t processor = clock();
    for (long i = 0; i < amount; i++) {
        if (size + MESSAGE > PIECE) {
            send_all(fd, piece, size);
            size = 0;
        }
        memcpy(piece + size, message, MESSAGE);
        size += MESSAGE;
    }
    send_all(fd, piece, size);
    double ns = (clock_now() - began) / (double)amount * 1e9;
    double processor_ns = (double)(clock() - processor) / CLOCKS_PER_SEC / (double)amount * 1e9;
    printf("began=%.6f send_ns=%.3f processor_ns=%.3f\n", began, ns, processor_ns);
}

static void run_bulk(void) {
    int fd = open_link();
    ready();
    double began = clock_now();
    for (long i = 0; i < amount; i++) send_all(fd, piece, PIECE);
    printf("began=%.6f\n", began);
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure_trips(int fd, int flags, const char *name) {
    double *trips = calloc((size_t)amount, sizeof *trips);
    char message[MESSAGE];
    if (!trips) die("calloc");
    set_message(message);
    for (long i = 0; i < amount; i++) {
        double began = clock_now();
        send_all(fd, message, MESSAGE);
        receive_message(fd, flags);
        trips[i] = (clock_now() - began) * 1e6;
    }
    qsort(trips, (size_t)amount, sizeof *trips, compare);
    printf("%s_p50=%.3f %s_p99=%.3f ", name, trips[amount / 2], name, trips[amount * 99 / 100]);
    free(trips);
}

static void run_pingpong(void) {
    int fd = open_link();
    ready();
    measure_trips(fd, MSG_DONTWAIT, "spin");
    measure_trips(fd, 0, "wait");
    putchar('\n');
}

/* One system call that finds nothing. */
static void run_idle(void) {
    int fd = open_link();
    char byte;
    ready();
    double began = clock_now();
    for (long i = 0; i < amount; i++)
        if (recv(fd, &byte, 1, MSG_DONTWAIT) >= 0) die("something came");
    printf("poll_ns=%.3f\n", (clock_now() - began) / (double)amount * 1e9);
}

/* Counts lines; after the last of them, the number with which it begins. */
static bool count_lines(const char *data, size_t size, long *lines, long *last) {
    static char line[MESSAGE];
    static size_t kept;
    for (const char *end = data + size, *newline; (newline = memchr(data, '\n', (size_t)(end - data)));) {
        size_t part = (size_t)(newline + 1 - data);
        if (kept + part > sizeof line) die("long line");
        if (++*lines == amount) {
            memcpy(line + kept, data, part);
            *last = strtol(line, NULL, 10);
            return true;
        }
        data += part;
        size -= part;
        kept = 0;
    }
    if (kept + size > sizeof line) die("long line");
    memcpy(line + kept, data, size);
    kept += size;
    return false;
}

static void run_receive(void) {
    long lines = 0, last = 0;
    ready();
    double began = clock_now();
    int fd = open_link();
    ssize_t n;
    do {
        n = recv(fd, piece, PIECE, 0);
        if (n <= 0) die("recv");
    } while (!count_lines(piece, (size_t)n, &lines, &last));
    printf("rate=%.6f last=%ld\n", (double)amount / (clock_now() - began) / 1e6, last);
}

static void exchange(const int *fds, const char *message) {
    for (long i = 0; i < connections; i++) send_all(fds[i], message, MESSAGE);
    for (long i = 0; i < connections; i++) receive_message(fds[i], 0);
}

static void run_fan(void) {
    int *fds = calloc((size_t)connections, sizeof *fds);
    char message[MESSAGE];
    if (!fds) die("calloc");
    set_message(message);
    for (long i = 0; i < connections; i++) fds[i] = open_link();
    ready();
    exchange(fds, message); /* by then the peer has accepted them all */
    double began = clock_now();
    for (long round = 0; round < amount; round++) exchange(fds, message);
    printf("echo_us=%.4f\n", (clock_now() - began) / (double)(amount * connections) * 1e6);
    free(fds);
}

static const struct {
    const char *name;
    void (*run)(void);
} workloads[] = {
    {"flood", run_flood}, {"bulk", run_bulk},       {"pingpong", run_pingpong},
    {"idle", run_idle},   {"receive", run_receive}, {"fan", run_fan},
};

int main(int argc, char **argv) {
    if (argc < 7) {
        fputs("usage: plain plain WORKLOAD HOST PORT AMOUNT CONNECTIONS\n", stderr);
        return 1;
    }
    address.sin_family = AF_INET;
    address.sin_port = htons((in_port_t)strtoul(argv[4], NULL, 10));
    inet_pton(AF_INET, argv[3], &address.sin_addr);
    amount = strtol(argv[5], NULL, 10);
    connections = strtol(argv[6], NULL, 10);
    for (size_t i = 0; i < sizeof workloads / sizeof workloads[0]; i++)
        if (strcmp(workloads[i].name, argv[2]) == 0) return workloads[i].run(), 0;
    fprintf(stderr, "plain: no workload %s\n", argv[2]);
    return 1;
}
