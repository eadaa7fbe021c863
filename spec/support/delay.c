/* delay: a wire between two network namespaces on which packets take their time.
 *
 *   delay DEVICE PLACE MILLISECONDS
 *
 * makes a TUN device DEVICE in the network namespace that it runs in, and another of that name in PLACE, which
 * is a name of `ip netns`, or a PID. What is sent into the one comes out of the other so many MILLISECONDS (0 to
 * 60000, with a fraction) later: nothing is lost, nothing overtakes. Addresses are whoever's who starts it; until
 * both devices are up, packets vanish.
 *
 * It prints `ready` when both are there. SIGUSR1 cuts the wire: what is on its way and what comes later vanishes.
 * SIGUSR2 mends it. It says `cut` and `mended` when that is done, and ends when its parent does. Exit status: 2
 * after a wrong argument, 1 when the system does not let it.
 *
 * Why it exists: what an end of a connection loses is seen where acknowledgements take long. Not every kernel has
 * netem, and a proxy that delays bytes acknowledges them itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <math.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/queue.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
    PACKET_MAX = 65536,
    QUEUE_MAX = 10000, /* packets that the kernel keeps for us; more are lost */
    BATCH = 64,        /* packets of one device before the other has its turn */
    MS_MAX = 60000,
};

#define SECOND INT64_C(1000000000) /* in nanoseconds, as all times here are */

struct packet {
    STAILQ_ENTRY(packet) next;
    int64_t due;
    int to;
    size_t size;
    unsigned char bytes[];
};

/* On their way in both directions: all take as long, so the first is due first. */
static STAILQ_HEAD(packet_list, packet) packets = STAILQ_HEAD_INITIALIZER(packets);

static int64_t delay;
static bool is_cut;

__attribute__((noreturn)) static void die(const char *what) {
    fprintf(stderr, "delay: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int64_t now(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * SECOND + ts.tv_nsec;
}

/* A reader that is gone is no reason to end. */
static void say(const char *word) {
    printf("%s\n", word);
    fflush(stdout);
}

/* ---- the wire ---- */

static void keep(int to, const unsigned char *bytes, size_t size) {
    struct packet *packet = malloc(sizeof *packet + size);
    if (!packet) die("malloc");
    packet->due = now() + delay;
    packet->to = to;
    packet->size = size;
    memcpy(packet->bytes, bytes, size);
    STAILQ_INSERT_TAIL(&packets, packet, next);
}

/* EIO: the device is not up. */
static void deliver(const struct packet *packet) {
    ssize_t n;
    do {
        n = write(packet->to, packet->bytes, packet->size);
    } while (n < 0 && errno == EINTR);
    if (n < 0 && errno != EIO) die("write to a device");
}

static void drop_first(void) {
    struct packet *packet = STAILQ_FIRST(&packets);
    STAILQ_REMOVE_HEAD(&packets, next);
    free(packet);
}

static void deliver_due(void) {
    for (int64_t time = now(); !STAILQ_EMPTY(&packets) && STAILQ_FIRST(&packets)->due <= time; drop_first())
        deliver(STAILQ_FIRST(&packets));
}

/* EIO: the device went down, as its namespace does at the end. */
static void take(int from, int to) {
    static unsigned char bytes[PACKET_MAX];
    for (int i = 0; i < BATCH; i++) {
        ssize_t n = read(from, bytes, sizeof bytes);
        if (n < 0 && errno != EAGAIN && errno != EINTR && errno != EIO) die("read from a device");
        if (n <= 0) return;
        if (!is_cut) keep(to, bytes, (size_t)n);
    }
}

static void obey(int signals) {
    struct signalfd_siginfo info;
    if (read(signals, &info, sizeof info) != sizeof info) return;
    is_cut = info.ssi_signo == SIGUSR1;
    while (is_cut && !STAILQ_EMPTY(&packets)) drop_first();
    say(is_cut ? "cut" : "mended");
}

/* Until the first packet is due; NULL: there is none. */
static const struct timespec *time_left(struct timespec *left) {
    if (STAILQ_EMPTY(&packets)) return NULL;
    int64_t nanoseconds = STAILQ_FIRST(&packets)->due - now();
    if (nanoseconds < 0) nanoseconds = 0;
    *left = (struct timespec){.tv_sec = nanoseconds / SECOND, .tv_nsec = nanoseconds % SECOND};
    return left;
}

static void carry(int near, int far, int signals, int parent) {
    struct pollfd looks[] = {
        {.fd = near, .events = POLLIN},
        {.fd = far, .events = POLLIN},
        {.fd = signals, .events = POLLIN},
        {.fd = parent, .events = POLLIN},
    };
    struct timespec left;
    while (!looks[3].revents) {
        if (ppoll(looks, sizeof looks / sizeof looks[0], time_left(&left), NULL) < 0 && errno != EINTR) die("ppoll");
        if (looks[2].revents) obey(signals);
        if (looks[0].revents) take(near, far);
        if (looks[1].revents) take(far, near);
        deliver_due();
    }
}

/* ---- start ---- */

/* In the network namespace that we are in. */
static int make_device(const char *name) {
    struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) die("/dev/net/tun");
    memcpy(request.ifr_name, name, strlen(name));
    if (ioctl(fd, TUNSETIFF, &request) != 0) die(name);
    int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    request.ifr_qlen = QUEUE_MAX;
    if (any < 0 || ioctl(any, SIOCSIFTXQLEN, &request) != 0) die("SIOCSIFTXQLEN");
    close(any);
    return fd;
}

static void enter(const char *place) {
    char path[512];
    bool is_pid = place[strspn(place, "0123456789")] == '\0';
    snprintf(path, sizeof path, is_pid ? "/proc/%s/ns/net" : "/run/netns/%s", place);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || setns(fd, CLONE_NEWNET) != 0) die(path);
    close(fd);
}

static int watch_signals(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0) die("signalfd");
    return fd;
}

/* Readable when it has ended. */
static int watch_parent(void) {
    int fd = (int)syscall(SYS_pidfd_open, getppid(), 0);
    if (fd < 0) die("pidfd_open");
    return fd;
}

static void usage(FILE *to) {
    fputs("usage: delay DEVICE PLACE MILLISECONDS\n"
          "Makes a TUN device DEVICE here and in the network namespace PLACE (a name of\n"
          "`ip netns`, or a PID); a packet takes so many MILLISECONDS (0 to 60000) from\n"
          "the one to the other. Prints `ready`, ends with its parent. SIGUSR1 cuts this\n"
          "wire, SIGUSR2 mends it.\n",
          to);
}

__attribute__((noreturn, format(printf, 1, 2))) static void wrong(const char *format, ...) {
    va_list args;
    va_start(args, format);
    fputs("delay: ", stderr);
    vfprintf(stderr, format, args);
    fputs("\n", stderr);
    va_end(args);
    usage(stderr);
    exit(2);
}

static int64_t parse_delay(const char *text) {
    char *end;
    double milliseconds = strtod(text, &end);
    if (end == text || *end != '\0' || !(milliseconds >= 0 && milliseconds <= MS_MAX))
        wrong("MILLISECONDS is 0 to %d: %s", MS_MAX, text);
    return llrint(milliseconds * 1e6);
}

static void check_name(const char *name, const char *text, size_t max) {
    if (*text == '\0' || strlen(text) > max || strchr(text, '/')) wrong("%s cannot be this: %s", name, text);
}

int main(int argc, char **argv) {
    if (argc == 2 && (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0)) {
        usage(stdout);
        return 0;
    }
    if (argc > 1 && argv[1][0] == '-') wrong("no such option: %s", argv[1]);
    if (argc != 4) wrong("three arguments, not %d", argc - 1);
    check_name("DEVICE", argv[1], IFNAMSIZ - 1);
    check_name("PLACE", argv[2], 255);
    delay = parse_delay(argv[3]);
    int parent = watch_parent(), signals = watch_signals();
    signal(SIGPIPE, SIG_IGN);
    int near = make_device(argv[1]);
    enter(argv[2]);
    int far = make_device(argv[1]);
    say("ready");
    carry(near, far, signals, parent);
    return 0;
}
