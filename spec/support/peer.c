/* peer: the project's own server, by TCP or on a unix socket, for specs, the demo and benchmarks. One thread, one epoll
 * loop, Linux.
 *
 *   peer [--port N] [--host ADDR] [--mode M] [--record DIR] [--backlog N] [--framing line|u32be|typed]
 *        [--finish-after N] [--linger-with-parent]
 *   peer-tls ... --tls CERT KEY [--tls-ca FILE] [--tls-version 1.2|1.3] [--tls-alpn A,B] [--tls-ciphers LIST]
 *        [--tls-tickets off|once]
 *
 * --help and -h say this in short. It prints one line, `peer pid=P port=N control=C`, and nothing else on stdout. Data connections arrive on
 * `port` (0 = a free one), or on the unix socket that ADDR names: unix:/PATH or unix:@NAME (abstract), port=0. A socket
 * file that is there already is replaced. `control` is a second port on 127.0.0.1. The process ends when the control
 * connection that was opened first closes, or when none came within 60 s, so that it never outlives its test;
 * with --linger-with-parent it ends when its parent process does instead. --finish-after is the command below.
 * Errors: stderr, status 1.
 *
 * Modes, for present and future data connections:
 *   sink            reads and discards
 *   echo            sends back what it reads; stops reading while 256 KiB wait to be sent
 *   lines           answers each message with `ok <first word>`, the word cut at 64 bytes; same bound
 *   flood [BYTES]   discards input, sends numbered messages `<n> xxxx...`, BYTES each as lines (default 64)
 *   silent          never reads, never writes of its own accord
 * The framing applies to lines (not typed), flood and send-line. Typed: as PostgreSQL's, a type and a length that counts
 * itself.
 *
 * Control: one command a line, one answer a line, `ok ...` or `error <why>`, in order. A deferred answer
 * holds up the later commands of its own control connection only.
 *   mode M [ARGS]            stall on|off             throttle BYTES_A_SECOND (reading, each; 0 = off)
 *   rcvbuf BYTES             small-reads BYTES        digest on|off
 *   reset | finish | close   reset-after N | close-after N | finish-after N   (N bytes read; 0 = off)
 *   accept on|off            close-on-accept on|off   finish-on-accept on|off
 *   send HEX | send-line TEXT | send-reset HEX | send-finish HEX | send-slow HEX
 *   stats | reset-stats      wait-bytes N SECONDS | wait-connections N SECONDS | wait-accepted N SECONDS
 *   wire | tls               wait-handshakes N SECONDS
 *   truncate | send-truncate HEX
 *   ping | exit
 *
 * To finish is to send what waits, then FIN, and to read on until the peer's own. A connection that is
 * stalled, silent or throttled is not looked at: its end is seen only when reading goes on, after all data
 * before it. (The input queue survives a RST, so what had arrived is still counted.)
 *
 * `wire` tells of all connections since the start, arrived: the bytes that TCP has received, read or not; whole: those
 * that messages were made of. Without TLS these are the same.
 *
 * peer-tls is the same program with TLS on data connections (peer_tls.h). CERT (with its chain), KEY and FILE are PEM
 * files; with --tls-ca a client must have a certificate. Handshakes go on whatever the mode or a stall. To finish is to
 * send close_notify and then FIN; to truncate is to finish without close_notify, as reset and close do without both.
 * `whole` then counts the plaintext in the whole records that TCP has received. (An alert that TLS 1.3 has encrypted
 * looks like a message of 2 bytes until it is read.) In `stats`, bytes and sent are plaintext, an end without
 * close_notify is one of the ends, and a handshake that fails one of the errors. `tls` tells, with a tab between: how
 * many handshakes were done, resumed a session, offered one, failed; how many ends were truncated; and of the last
 * handshake the server name, the protocol (ALPN), version, cipher, client's name; the last alert that came, and why a
 * handshake failed last. --tls-tickets off: there are no sessions to resume; once: each can be resumed only once (and
 * under TLS 1.2, where these have no tickets, no offer is counted).
 *
 * With --record each connection's input is appended, after each read and before any answer, to
 * DIR/<20 digits: monotonic ns at accept>-<pid>.stream.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#ifdef SW_PEER_TLS
#include "peer_tls.h"
#else
#include "peer_plain.h"
#endif

enum {
    READ_MAX = 256 * 1024,   /* bytes a recv */
    OUT_MAX = 256 * 1024,    /* unsent answers of one connection above which it is not read */
    ROOM_MIN = 4 * 1024,     /* less room than this is none: no crumbs are read while answers trickle out */
    FLOOD_BATCH = 64 * 1024, /* bytes of messages made at a time */
    FLOOD_MAX = 64 * 1024 * 1024,
    COMMAND_MAX = 64 * 1024 * 1024,
    WORD_MAX_SIZE = 64,
    ANSWER_GROWTH = 4, /* "\n" asks, "ok \n" answers */
    BATCH = 64,        /* events a wake-up, and connections accepted an event */
};

#define MS UINT64_C(1000000) /* in nanoseconds, as all times here are */
#define THROTTLE_STEP (5 * MS)
#define SLOW_STEP (1 * MS)
#define ACCEPT_PAUSE (50 * MS) /* after running out of descriptors */
#define FIRST_CONTROL_WAIT (60000 * MS)
#define NEVER UINT64_MAX
#define FNV_BASIS UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)

enum mode { MODE_SINK, MODE_ECHO, MODE_LINES, MODE_FLOOD, MODE_SILENT };

enum { MODES = MODE_SILENT + 1 };

static const char *const mode_names[MODES] = {
    [MODE_SINK] = "sink",   [MODE_ECHO] = "echo",     [MODE_LINES] = "lines",
    [MODE_FLOOD] = "flood", [MODE_SILENT] = "silent",
};

enum framing { FRAMING_LINE, FRAMING_U32BE, FRAMING_TYPED };

/* The sending half of a data connection. */
enum sending {
    SENDING_OPEN,
    SENDING_SHUT,   /* we sent FIN; from here on the connection is a sink */
    SENDING_FAILED, /* a write failed; what had arrived before is still read and counted */
};

/* What happens to a connection once its output is written. */
enum then { THEN_NOTHING, THEN_FINISH, THEN_TRUNCATE, THEN_RESET };

enum end { END_OURS, END_PEER, END_ERROR };

enum wait { WAIT_NOTHING, WAIT_BYTES, WAIT_CONNECTIONS, WAIT_ACCEPTED, WAIT_HANDSHAKES };

/* Bytes in a row: appended at the end, dropped at the front. Zeroed is empty. */
struct buffer {
    unsigned char *data;
    size_t start, size, capacity;
};

/* A descriptor in the epoll set; the first member of what owns it. It is in the set only while it wants
 * events: EPOLLHUP cannot be masked and would spin for a connection that is not to be read. */
struct watch {
    int fd; /* < 0: retired, events still in the batch are stale */
    uint32_t interest;
    void (*ready)(struct watch *watch, uint32_t events);
    struct watch *next_retired;
};

/* A message of mode `lines` on its way in: its first word and, under u32be, the length in front. */
struct question {
    unsigned char word[WORD_MAX_SIZE];
    size_t size;
    bool word_ended;
    unsigned header_size; /* bytes of the length seen */
    uint32_t left;        /* payload bytes to come */
};

struct conn {
    struct watch watch;
    LIST_ENTRY(conn) open;    /* server.open */
    LIST_ENTRY(conn) parked;  /* server.parked, if is_parked */
    LIST_ENTRY(conn) ticking; /* server.ticking, if is_ticking */
    LIST_ENTRY(conn) unread;  /* server.unread, if is_unread */
    struct wire wire;         /* its socket is watch.fd */
    bool is_shaking;          /* not a byte can be read or written before the handshake is done */
    bool is_parked;           /* has used up its throttled allowance */
    bool is_unread;           /* wants input that the wire has, and the socket has not */
    bool is_ticking;          /* wants a look every SLOW_STEP */
    bool eof;                 /* the peer sent FIN */
    enum sending sending;
    enum then then;
    struct buffer out;
    size_t slow_left;  /* bytes at the front of `out` that go out one at a time */
    uint64_t received; /* bytes read, ever */
    uint64_t flooded;  /* messages made by mode `flood`, ever */
    double allowance;  /* bytes that the throttle lets it read now */
    uint64_t refilled; /* when allowance was last brought up to date */
    int record;        /* file of what it reads, or -1 */
    struct question question;
};

struct control {
    struct watch watch;
    LIST_ENTRY(control) link; /* server.controls */
    struct buffer in, out;
    enum wait wait;
    uint64_t target, deadline; /* of the wait */
};

LIST_HEAD(conn_list, conn);
LIST_HEAD(control_list, control);

struct stats {
    uint64_t accepted, received, sent, lines, digest, ends, errors;
};

static struct server {
    int epoll;
    uint64_t now; /* when this wake-up began */
    bool done;
    struct watch listener, control_listener, parent;
    uint64_t accept_again; /* accepting is paused until then, or NEVER */

    struct conn_list open, parked, ticking, unread;
    uint64_t open_count;
    uint64_t arrived, whole;       /* of closed connections, as `wire` tells them */
    uint64_t throttle_at, tick_at; /* next looks at `parked` and `ticking` */
    struct control_list controls;
    struct control *first_control; /* compared, not followed: it may be gone under --linger-with-parent */
    bool had_control;
    uint64_t started;
    struct watch *retired;

    struct sockaddr_storage address; /* of the listener, the port filled in */
    socklen_t address_size;
    int backlog;
    int record_dir; /* or -1 */
    bool linger_with_parent;

    enum framing framing;
    enum mode mode;
    uint64_t flood_size;
    bool stalled, digesting, close_on_accept, finish_on_accept;
    uint64_t throttle, small_reads, rcvbuf, reset_after, close_after, finish_after; /* 0 = off */
    struct stats stats;
} server = {
    .listener = {.fd = -1},
    .accept_again = NEVER,
    .backlog = 4096,
    .record_dir = -1,
    .flood_size = 64,
    .digesting = true,
    .stats = {.digest = FNV_BASIS},
};

static unsigned char input[READ_MAX]; /* what the last recv brought */
static struct buffer made;            /* answers and messages, before they are sent */

static void die(const char *what) {
    fprintf(stderr, "peer: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t clock_now(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000 * MS + (uint64_t)ts.tv_nsec;
}

static uint64_t lesser(uint64_t a, uint64_t b) { return a < b ? a : b; }

/* ---- buffer ---- */

static void buffer_free(struct buffer *buffer) {
    free(buffer->data);
    *buffer = (struct buffer){0};
}

/* The bytes themselves; NULL when there are none. */
static const unsigned char *buffer_front(const struct buffer *buffer) {
    return buffer->size > 0 ? buffer->data + buffer->start : NULL;
}

static void buffer_drop(struct buffer *buffer, size_t size) {
    buffer->start += size;
    buffer->size -= size;
    if (buffer->size == 0) buffer->start = 0;
}

static void buffer_make_room(struct buffer *buffer, size_t size) {
    if (buffer->start > 0) memmove(buffer->data, buffer->data + buffer->start, buffer->size);
    buffer->start = 0;
    if (buffer->size + size <= buffer->capacity) return;
    size_t capacity = buffer->capacity ? buffer->capacity : 256;
    while (capacity < buffer->size + size) capacity *= 2;
    buffer->data = realloc(buffer->data, capacity);
    if (!buffer->data) die("realloc");
    buffer->capacity = capacity;
}

/* `size` bytes more at the end, for the caller to fill. */
static unsigned char *buffer_extend(struct buffer *buffer, size_t size) {
    if (buffer->start + buffer->size + size > buffer->capacity) buffer_make_room(buffer, size);
    unsigned char *end = buffer->data + buffer->start + buffer->size;
    buffer->size += size;
    return end;
}

static void buffer_append(struct buffer *buffer, const void *data, size_t size) {
    if (size > 0) memcpy(buffer_extend(buffer, size), data, size);
}

/* ---- framing ---- */

static void frame_begin(struct buffer *buffer, size_t size) {
    if (server.framing == FRAMING_LINE) return;
    bool is_typed = server.framing == FRAMING_TYPED;
    uint32_t length = htonl((uint32_t)size + (is_typed ? sizeof length : 0));
    if (is_typed) buffer_append(buffer, "D", 1);
    buffer_append(buffer, &length, sizeof length);
}

static void frame_end(struct buffer *buffer) {
    if (server.framing == FRAMING_LINE) buffer_append(buffer, "\n", 1);
}

/* ---- watch ---- */

static void watch_for(struct watch *watch, uint32_t interest) {
    if (interest == watch->interest) return;
    int op = watch->interest == 0 ? EPOLL_CTL_ADD : interest == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;
    struct epoll_event event = {.events = interest, .data.ptr = watch};
    if (epoll_ctl(server.epoll, op, watch->fd, &event) != 0) die("epoll_ctl");
    watch->interest = interest;
}

static void watch_close(struct watch *watch) {
    close(watch->fd); /* leaves the epoll set with it: no descriptor here is ever duplicated */
    watch->fd = -1;
    watch->interest = 0;
}

/* The owner stays allocated until the batch of events is done: one of them may still point to it. */
static void watch_retire(struct watch *watch) {
    watch_close(watch);
    watch->next_retired = server.retired;
    server.retired = watch;
}

static void free_retired(void) {
    while (server.retired) {
        struct watch *watch = server.retired;
        server.retired = watch->next_retired;
        free(watch); /* the first member of its owner */
    }
}

/* ---- data connections: ending ---- */

static void unpark(struct conn *conn) {
    if (conn->is_parked) LIST_REMOVE(conn, parked);
    conn->is_parked = false;
}

static void set_ticking(struct conn *conn, bool on) {
    if (on == conn->is_ticking) return;
    conn->is_ticking = on;
    if (!on) {
        LIST_REMOVE(conn, ticking);
        return;
    }
    if (LIST_EMPTY(&server.ticking)) server.tick_at = server.now + SLOW_STEP;
    LIST_INSERT_HEAD(&server.ticking, conn, ticking);
}

static void set_unread(struct conn *conn, bool on) {
    if (on == conn->is_unread) return;
    conn->is_unread = on;
    if (on)
        LIST_INSERT_HEAD(&server.unread, conn, unread);
    else
        LIST_REMOVE(conn, unread);
}

static bool has_ended(const struct conn *conn) { return conn->watch.fd < 0; }

static void count_end(enum end end) {
    if (end == END_PEER) server.stats.ends++;
    if (end == END_ERROR) server.stats.errors++;
}

static void close_conn(struct conn *conn) {
    unpark(conn);
    set_ticking(conn, false);
    set_unread(conn, false);
    LIST_REMOVE(conn, open);
    server.open_count--;
    server.arrived += wire_arrived(&conn->wire);
    server.whole += wire_whole(&conn->wire);
    wire_free(&conn->wire);
    buffer_free(&conn->out);
    if (conn->record >= 0) close(conn->record);
    watch_retire(&conn->watch);
}

static void reset_conn(struct conn *conn) {
    struct linger none = {.l_onoff = 1, .l_linger = 0};
    setsockopt(conn->watch.fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    close_conn(conn);
}

static void finish_conn(struct conn *conn) {
    if (conn->sending == SENDING_OPEN && conn->then == THEN_NOTHING) conn->then = THEN_FINISH;
}

/* ---- data connections: sending ---- */

static void fail_sending(struct conn *conn) {
    conn->sending = SENDING_FAILED;
    conn->slow_left = 0;
    buffer_free(&conn->out);
    if (conn->then == THEN_FINISH || conn->then == THEN_TRUNCATE) conn->then = THEN_NOTHING;
}

/* Bytes the wire took: 0 when it is full, not ready yet, or the connection is dead. */
static size_t write_some(struct conn *conn, const void *data, size_t size) {
    if (conn->is_shaking) return 0;
    ssize_t n = wire_write(&conn->wire, data, size);
    if (n < 0) {
        if (errno != EAGAIN && errno != EINTR) fail_sending(conn);
        return 0;
    }
    server.stats.sent += (uint64_t)n;
    return (size_t)n;
}

static void flush(struct conn *conn, size_t size) {
    if (size < wire_unwritten(&conn->wire)) size = wire_unwritten(&conn->wire);
    size_t n = write_some(conn, buffer_front(&conn->out), size);
    buffer_drop(&conn->out, n);
    if (conn->out.size == 0) buffer_free(&conn->out);
}

static bool takes_output(const struct conn *conn) {
    return conn->sending == SENDING_OPEN && conn->then == THEN_NOTHING;
}

/* Sends what the kernel takes at once and keeps the rest; output after an end is dropped. */
static void put(struct conn *conn, const void *data, size_t size) {
    if (size == 0 || !takes_output(conn)) return;
    size_t n = conn->out.size == 0 && !server.stalled ? write_some(conn, data, size) : 0;
    if (conn->sending == SENDING_OPEN) buffer_append(&conn->out, (const char *)data + n, size - n);
}

/* As put, but a byte each SLOW_STEP; what waits already goes as slowly. */
static void put_slowly(struct conn *conn, const void *data, size_t size) {
    if (!takes_output(conn)) return;
    buffer_append(&conn->out, data, size);
    conn->slow_left = conn->out.size;
}

static void send_slow_byte(struct conn *conn) {
    size_t before = conn->out.size;
    flush(conn, 1);
    if (conn->slow_left > 0) conn->slow_left -= before - conn->out.size;
}

static bool floods(const struct conn *conn) { return server.mode == MODE_FLOOD && takes_output(conn) && !conn->eof; }

static void make_flood_message(uint64_t number) {
    char front[24];
    size_t front_size = (size_t)snprintf(front, sizeof front, "%" PRIu64 " ", number);
    size_t size = server.flood_size - 1; /* the line's "\n" counts */
    if (size < front_size) size = front_size;
    frame_begin(&made, size);
    unsigned char *text = buffer_extend(&made, size);
    memcpy(text, front, front_size);
    memset(text + front_size, 'x', size - front_size);
    frame_end(&made);
}

static void flood(struct conn *conn) {
    while (made.size < FLOOD_BATCH) make_flood_message(++conn->flooded);
    put(conn, buffer_front(&made), made.size);
    buffer_drop(&made, made.size);
}

static void send_more(struct conn *conn) {
    if (conn->slow_left > 0) return;
    if (conn->out.size > 0)
        flush(conn, conn->out.size);
    else if (floods(conn))
        flood(conn);
}

/* ---- data connections: answering ---- */

static void take_word(struct question *question, const unsigned char *data, size_t size) {
    if (question->word_ended) return;
    size_t room = sizeof question->word - question->size;
    if (size > room) size = room;
    const unsigned char *space = memchr(data, ' ', size);
    if (space) size = (size_t)(space - data);
    memcpy(question->word + question->size, data, size);
    question->size += size;
    question->word_ended = space || question->size == sizeof question->word;
}

static void answer(struct question *question) {
    frame_begin(&made, 3 + question->size);
    buffer_append(&made, "ok ", 3);
    buffer_append(&made, question->word, question->size);
    frame_end(&made);
    question->size = 0;
    question->word_ended = false;
    question->header_size = 0;
    question->left = 0;
}

static void answer_lines(struct question *question, const unsigned char *data, size_t size) {
    const unsigned char *end = data + size;
    for (const unsigned char *newline; (newline = memchr(data, '\n', (size_t)(end - data))); data = newline + 1) {
        take_word(question, data, (size_t)(newline - data));
        answer(question);
    }
    take_word(question, data, (size_t)(end - data));
}

static void take_header_byte(struct question *question, unsigned char byte) {
    question->left = question->left << 8 | byte;
    question->header_size++;
}

static size_t take_payload(struct question *question, const unsigned char *data, size_t size) {
    if (size > question->left) size = question->left;
    take_word(question, data, size);
    question->left -= (uint32_t)size;
    return size;
}

static void answer_frames(struct question *question, const unsigned char *data, size_t size) {
    for (size_t i = 0; i < size;) {
        if (question->header_size < 4)
            take_header_byte(question, data[i++]);
        else
            i += take_payload(question, data + i, size - i);
        if (question->header_size == 4 && question->left == 0) answer(question);
    }
}

static void respond(struct conn *conn, size_t size) {
    switch (server.mode) {
    case MODE_ECHO: put(conn, input, size); return;
    case MODE_LINES:
        if (server.framing == FRAMING_LINE)
            answer_lines(&conn->question, input, size);
        else
            answer_frames(&conn->question, input, size);
        put(conn, buffer_front(&made), made.size);
        buffer_drop(&made, made.size);
        return;
    case MODE_SINK:
    case MODE_FLOOD:
    case MODE_SILENT: return;
    }
}

/* ---- data connections: reading ---- */

static size_t room_for_input(const struct conn *conn) {
    size_t free_bytes = conn->out.size < OUT_MAX ? OUT_MAX - conn->out.size : 0;
    if (!takes_output(conn)) return READ_MAX;
    switch (server.mode) {
    case MODE_ECHO: return free_bytes < ROOM_MIN ? 0 : free_bytes;
    case MODE_LINES: return free_bytes < ROOM_MIN ? 0 : free_bytes / ANSWER_GROWTH - WORD_MAX_SIZE;
    case MODE_SINK:
    case MODE_FLOOD:
    case MODE_SILENT: return READ_MAX;
    }
    return READ_MAX;
}

static bool wants_input(const struct conn *conn) {
    if (server.stalled || conn->eof || conn->is_parked) return false;
    if (server.mode == MODE_SILENT && conn->sending == SENDING_OPEN) return false;
    return room_for_input(conn) > 0;
}

/* Cuts a read so that it ends exactly at `limit` bytes of the connection. */
static size_t cut_at(const struct conn *conn, size_t size, uint64_t limit) {
    return limit > conn->received ? (size_t)lesser(size, limit - conn->received) : size;
}

static size_t read_size(const struct conn *conn) {
    size_t size = room_for_input(conn);
    if (size > READ_MAX) size = READ_MAX;
    if (server.small_reads > 0) size = (size_t)lesser(size, server.small_reads);
    size = cut_at(conn, size, server.reset_after);
    size = cut_at(conn, size, server.close_after);
    size = cut_at(conn, size, server.finish_after);
    return server.throttle > 0 ? (size_t)lesser(size, (uint64_t)conn->allowance) : size;
}

/* Time earns allowance, up to what 0.1 s brings and at least a byte. */
static void refill(struct conn *conn) {
    double rate = (double)server.throttle, most = rate > 10 ? rate / 10 : 1;
    conn->allowance += rate * (double)(server.now - conn->refilled) / (1000.0 * (double)MS);
    if (conn->allowance > most) conn->allowance = most;
    conn->refilled = server.now;
}

static void park(struct conn *conn) {
    if (LIST_EMPTY(&server.parked)) server.throttle_at = server.now + THROTTLE_STEP;
    LIST_INSERT_HEAD(&server.parked, conn, parked);
    conn->is_parked = true;
}

static bool is_throttled_now(struct conn *conn) {
    if (server.throttle == 0) return false;
    refill(conn);
    if (conn->allowance >= 1) return false;
    park(conn);
    return true;
}

static void write_record(struct conn *conn, size_t size) {
    for (size_t done = 0; done < size;) {
        ssize_t n = write(conn->record, input + done, size - done);
        if (n < 0 && errno != EINTR) die("write to record");
        if (n > 0) done += (size_t)n;
    }
}

/* FNV-1a, and the lines for free: the multiplications are what it waits for. */
static void digest_input(size_t size) {
    uint64_t digest = server.stats.digest, lines = 0;
    for (size_t i = 0; i < size; i++) {
        digest = (digest ^ input[i]) * FNV_PRIME;
        lines += input[i] == '\n';
    }
    server.stats.digest = digest;
    server.stats.lines += lines;
}

static void take_input(struct conn *conn, size_t size) {
    if (conn->record >= 0) write_record(conn, size);
    if (server.digesting) digest_input(size);
    server.stats.received += size;
    conn->received += size;
    if (server.throttle > 0) conn->allowance -= (double)size;
    respond(conn, size);
}

static void take_eof(struct conn *conn) {
    conn->eof = true;
    count_end(conn->sending == SENDING_FAILED ? END_ERROR : END_PEER);
}

static void receive(struct conn *conn) {
    if (is_throttled_now(conn)) return;
    ssize_t n = wire_read(&conn->wire, input, read_size(conn));
    if (n > 0) {
        take_input(conn, (size_t)n);
    } else if (n == 0) {
        take_eof(conn);
    } else if (errno != EAGAIN && errno != EINTR) {
        count_end(END_ERROR);
        close_conn(conn);
    }
}

/* ---- data connections: what follows from their state ---- */

static bool reached(const struct conn *conn, uint64_t limit) { return limit > 0 && conn->received >= limit; }

static void apply_limits(struct conn *conn) {
    if (reached(conn, server.reset_after))
        reset_conn(conn);
    else if (reached(conn, server.close_after))
        close_conn(conn);
    else if (reached(conn, server.finish_after))
        finish_conn(conn);
}

/* A RST destroys what the kernel has not put on the wire yet. */
static bool is_on_the_wire(const struct conn *conn) {
    int unsent = 0;
    return ioctl(conn->watch.fd, SIOCOUTQNSD, &unsent) != 0 || unsent == 0;
}

static void apply_then(struct conn *conn) {
    if (conn->out.size > 0 || conn->is_shaking) return;
    switch (conn->then) {
    case THEN_NOTHING: return;
    case THEN_FINISH:
        if (!wire_say_end(&conn->wire)) return;
        /* fallthrough */
    case THEN_TRUNCATE:
        shutdown(conn->watch.fd, SHUT_WR);
        conn->sending = SENDING_SHUT;
        conn->then = THEN_NOTHING;
        return;
    case THEN_RESET:
        if (is_on_the_wire(conn)) reset_conn(conn);
        return;
    }
}

static uint32_t wanted_events(const struct conn *conn) {
    if (conn->is_shaking) return wire_wants_write(&conn->wire) ? EPOLLOUT : EPOLLIN;
    uint32_t events = wants_input(conn) ? EPOLLIN : 0;
    bool has_output = conn->out.size > 0 || floods(conn);
    if (has_output && conn->slow_left == 0 && !server.stalled) events |= EPOLLOUT;
    if (wire_wants_write(&conn->wire)) events |= EPOLLOUT;
    return events;
}

static void shake(struct conn *conn) {
    enum wire_state state = wire_shake(&conn->wire);
    conn->is_shaking = state == WIRE_SHAKING;
    if (state == WIRE_FAILED) fail_sending(conn);
}

static bool is_over(const struct conn *conn) { return conn->eof && conn->out.size == 0 && conn->then == THEN_NOTHING; }

/* Who ends second says so as well. */
static void end_conn(struct conn *conn) {
    if (conn->sending == SENDING_OPEN) wire_say_end(&conn->wire);
    close_conn(conn);
}

/* After every change, to a connection or to a setting: does what is due and watches for what is wanted. */
static void settle(struct conn *conn) {
    if (!has_ended(conn)) apply_limits(conn);
    if (!has_ended(conn)) apply_then(conn);
    if (!has_ended(conn) && is_over(conn)) end_conn(conn);
    if (has_ended(conn)) return;
    set_unread(conn, !conn->is_shaking && wants_input(conn) && wire_has_unread(&conn->wire));
    set_ticking(conn, conn->slow_left > 0 || conn->then == THEN_RESET);
    watch_for(&conn->watch, wanted_events(conn));
}

static void conn_ready(struct watch *watch, uint32_t events) {
    struct conn *conn = (struct conn *)watch;
    if (conn->is_shaking) {
        shake(conn);
    } else {
        bool wants_write = wire_wants_write(&conn->wire);
        if (events & EPOLLOUT && !server.stalled) send_more(conn);
        if ((events & ~(uint32_t)EPOLLOUT || wants_write) && wants_input(conn)) receive(conn);
    }
    settle(conn);
}

/* `visit` may end the connection that it is given, and no other. Returns how many there were. */
static uint64_t each_conn(void (*visit)(struct conn *conn)) {
    uint64_t count = server.open_count;
    for (struct conn *conn = LIST_FIRST(&server.open), *next; conn; conn = next) {
        next = LIST_NEXT(conn, open);
        visit(conn);
    }
    return count;
}

/* ---- accepting ---- */

static int open_record(void) {
    static uint64_t last;
    char name[64];
    uint64_t now = clock_now();
    last = now > last ? now : last + 1;
    snprintf(name, sizeof name, "%020" PRIu64 "-%ld.stream", last, (long)getpid());
    int fd = openat(server.record_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0) die(name);
    return fd;
}

static void set_option(int fd, int level, int name, int value) {
    if (setsockopt(fd, level, name, &value, sizeof value) != 0) die("setsockopt");
}

static void *allocate(size_t size) {
    void *zeroed = calloc(1, size);
    if (!zeroed) die("calloc");
    return zeroed;
}

static void add_conn(int fd) {
    struct conn *conn = allocate(sizeof *conn);
    conn->watch = (struct watch){.fd = fd, .ready = conn_ready};
    conn->record = server.record_dir >= 0 ? open_record() : -1;
    conn->refilled = server.now;
    wire_open(&conn->wire, fd);
    LIST_INSERT_HEAD(&server.open, conn, open);
    server.open_count++;
    server.stats.accepted++;
    int on = 1; /* fails harmlessly when the connection is dead already */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    shake(conn);
    if (server.finish_on_accept) finish_conn(conn);
    if (server.close_on_accept) close_conn(conn);
    settle(conn);
}

static void pause_accepting(void) {
    static bool told; /* once: perhaps nothing reads stderr */
    if (!told) fprintf(stderr, "peer: accept: %s\n", strerror(errno));
    told = true;
    if (server.listener.fd >= 0) watch_for(&server.listener, 0);
    watch_for(&server.control_listener, 0);
    server.accept_again = server.now + ACCEPT_PAUSE;
}

static void resume_accepting(void) {
    if (server.listener.fd >= 0) watch_for(&server.listener, EPOLLIN);
    watch_for(&server.control_listener, EPOLLIN);
    server.accept_again = NEVER;
}

static int accept_one(const struct watch *listener) {
    int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    bool exhausted = errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
    if (fd < 0 && exhausted) pause_accepting();
    return fd;
}

static void listener_ready(struct watch *watch, uint32_t events) {
    (void)events;
    for (int i = 0, fd; i < BATCH && (fd = accept_one(watch)) >= 0; i++) add_conn(fd);
}

/* A listening socket at `address`, or -1 with errno. */
static int open_listener(const struct sockaddr *address, socklen_t size, int backlog) {
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (bind(fd, address, size) == 0 && listen(fd, backlog) == 0) return fd;
    int why = errno;
    close(fd);
    errno = why;
    return -1;
}

/* A unix socket's name stays when its server is gone, and nobody else can bind it then. */
static void remove_socket_file(void) {
    const struct sockaddr_un *address = (const struct sockaddr_un *)&server.address;
    struct stat file;
    if (address->sun_family != AF_UNIX || address->sun_path[0] == '\0') return;
    if (lstat(address->sun_path, &file) == 0 && S_ISSOCK(file.st_mode)) unlink(address->sun_path);
}

static const char *start_listening(void) {
    if (server.listener.fd >= 0) return NULL;
    remove_socket_file();
    int fd = open_listener((struct sockaddr *)&server.address, server.address_size, server.backlog);
    if (fd < 0) return strerror(errno);
    if (server.rcvbuf > 0) set_option(fd, SOL_SOCKET, SO_RCVBUF, (int)server.rcvbuf);
    server.listener = (struct watch){.fd = fd, .ready = listener_ready};
    watch_for(&server.listener, EPOLLIN);
    return NULL;
}

static void stop_listening(void) {
    if (server.listener.fd >= 0) watch_close(&server.listener);
}

/* ---- control: commands ---- */

struct command;

/* One command being carried out. */
struct call {
    const struct command *command;
    struct control *from;
    char *args;      /* what follows the command's name and a space */
    char text[2048]; /* what follows `ok `, if anything */
};

struct command {
    const char *name;
    const char *(*run)(struct call *call); /* NULL, or what is wrong */
    void *setting;                         /* of set_switch (bool) and set_number (uint64_t) */
    enum then then;                        /* of send_hex */
    enum wait wait;                        /* of start_wait */
    void (*visit)(struct conn *conn);      /* of run_on_all */
};

__attribute__((format(printf, 2, 3))) static const char *ok(struct call *call, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(call->text, sizeof call->text, format, args);
    va_end(args);
    return NULL;
}

/* Cuts the text at its first space; returns what follows, "" when nothing does. */
static char *split(char *text) {
    char *space = strchr(text, ' ');
    if (!space) return text + strlen(text);
    *space = '\0';
    return space + 1;
}

static bool parse_number(const char *text, uint64_t max, uint64_t *number) {
    char *end;
    if (*text < '0' || *text > '9') return false;
    errno = 0;
    *number = strtoull(text, &end, 10);
    return *end == '\0' && errno == 0 && *number <= max;
}

static bool parse_seconds(const char *text, uint64_t *duration) {
    char *end;
    double seconds = strtod(text, &end);
    if (end == text || *end != '\0' || !(seconds >= 0 && seconds <= 1e6)) return false;
    *duration = (uint64_t)(seconds * 1000 * (double)MS);
    return true;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* Decodes in place; the number of bytes, or -1. */
static ssize_t parse_hex(char *text) {
    size_t size = strlen(text);
    if (size % 2 != 0) return -1;
    for (size_t i = 0; i < size; i += 2) {
        int high = hex_digit(text[i]), low = hex_digit(text[i + 1]);
        if (high < 0 || low < 0) return -1;
        text[i / 2] = (char)(high << 4 | low);
    }
    return (ssize_t)(size / 2);
}

static void start_afresh(struct conn *conn) {
    conn->question = (struct question){0};
    settle(conn);
}

static const char *set_mode(char *text) {
    const char *args = split(text);
    uint64_t flood_size = 64;
    int mode = 0;
    while (mode < MODES && strcmp(text, mode_names[mode]) != 0) mode++;
    if (mode == MODES) return "mode is sink, echo, lines, flood or silent";
    if (*args != '\0' && mode != MODE_FLOOD) return "this mode takes no argument";
    if (*args != '\0' && (!parse_number(args, FLOOD_MAX, &flood_size) || flood_size == 0))
        return "bytes a line: 1..67108864";
    server.mode = (enum mode)mode;
    server.flood_size = flood_size;
    return NULL;
}

static const char *run_mode(struct call *call) {
    const char *error = set_mode(call->args);
    if (!error) each_conn(start_afresh);
    return error;
}

static const char *parse_switch(const char *text, bool *value) {
    bool on = strcmp(text, "on") == 0;
    if (!on && strcmp(text, "off") != 0) return "on or off expected";
    *value = on;
    return NULL;
}

static const char *set_switch(struct call *call) {
    const char *error = parse_switch(call->args, call->command->setting);
    if (!error) each_conn(settle);
    return error;
}

static const char *set_number(struct call *call) {
    if (!parse_number(call->args, INT64_MAX, call->command->setting)) return "a whole number expected";
    each_conn(settle);
    return NULL;
}

static void restart_throttle(struct conn *conn) {
    unpark(conn);
    conn->allowance = 0;
    conn->refilled = server.now;
    settle(conn);
}

static const char *set_throttle(struct call *call) {
    const char *error = set_number(call);
    if (!error) each_conn(restart_throttle);
    return error;
}

static const char *set_rcvbuf(struct call *call) {
    if (!parse_number(call->args, INT32_MAX, &server.rcvbuf)) return "a number of bytes expected";
    if (server.rcvbuf > 0 && server.listener.fd >= 0)
        set_option(server.listener.fd, SOL_SOCKET, SO_RCVBUF, (int)server.rcvbuf);
    return NULL;
}

static const char *set_accept(struct call *call) {
    bool on;
    const char *error = parse_switch(call->args, &on);
    if (error) return error;
    if (on) return start_listening();
    stop_listening();
    return NULL;
}

static void finish_now(struct conn *conn) {
    finish_conn(conn);
    settle(conn);
}

static void truncate_now(struct conn *conn) {
    if (takes_output(conn)) conn->then = THEN_TRUNCATE;
    settle(conn);
}

static const char *run_on_all(struct call *call) {
    if (*call->args != '\0') return "takes no argument";
    return ok(call, "connections=%" PRIu64, each_conn(call->command->visit));
}

typedef void put_function(struct conn *conn, const void *data, size_t size);

/* The bytes in `made`, to everyone. */
static const char *send_made(struct call *call, put_function *put_one, enum then then) {
    uint64_t count = server.open_count;
    for (struct conn *conn = LIST_FIRST(&server.open), *next; conn; conn = next) {
        next = LIST_NEXT(conn, open);
        put_one(conn, buffer_front(&made), made.size);
        if (then != THEN_NOTHING) conn->then = then;
        settle(conn);
    }
    buffer_drop(&made, made.size);
    return ok(call, "connections=%" PRIu64, count);
}

static const char *take_hex(struct call *call) {
    ssize_t size = parse_hex(call->args);
    if (size <= 0) return "pairs of hexadecimal digits expected";
    buffer_append(&made, call->args, (size_t)size);
    return NULL;
}

static const char *send_hex(struct call *call) {
    const char *error = take_hex(call);
    return error ? error : send_made(call, put, call->command->then);
}

static const char *send_slow(struct call *call) {
    const char *error = take_hex(call);
    return error ? error : send_made(call, put_slowly, THEN_NOTHING);
}

static const char *send_line(struct call *call) {
    size_t size = strlen(call->args);
    frame_begin(&made, size);
    buffer_append(&made, call->args, size);
    frame_end(&made);
    return send_made(call, put, THEN_NOTHING);
}

static const char *run_stats(struct call *call) {
    const struct stats *stats = &server.stats;
    return ok(call,
              "connections=%" PRIu64 " accepted=%" PRIu64 " bytes=%" PRIu64 " sent=%" PRIu64 " lines=%" PRIu64
              " digest=%016" PRIx64 " ends=%" PRIu64 " errors=%" PRIu64,
              server.open_count, stats->accepted, stats->received, stats->sent, stats->lines, stats->digest,
              stats->ends, stats->errors);
}

static const char *run_wire(struct call *call) {
    if (*call->args != '\0') return "takes no argument";
    uint64_t arrived = server.arrived, whole = server.whole;
    struct conn *conn;
    LIST_FOREACH(conn, &server.open, open) {
        arrived += wire_arrived(&conn->wire);
        whole += wire_whole(&conn->wire);
    }
    return ok(call, "arrived=%" PRIu64 " whole=%" PRIu64, arrived, whole);
}

static const char *run_tls(struct call *call) {
    if (*call->args != '\0') return "takes no argument";
    return wire_describe(call->text, sizeof call->text);
}

static const char *run_reset_stats(struct call *call) {
    if (*call->args != '\0') return "takes no argument";
    server.stats = (struct stats){.digest = FNV_BASIS};
    return NULL;
}

static const char *start_wait(struct call *call) {
    const char *seconds = split(call->args);
    uint64_t target, duration;
    if (!parse_number(call->args, INT64_MAX, &target) || !parse_seconds(seconds, &duration))
        return "a number and seconds expected";
    call->from->target = target;
    call->from->deadline = server.now + duration;
    call->from->wait = call->command->wait;
    return NULL;
}

static const char *run_ping(struct call *call) { return *call->args == '\0' ? NULL : "takes no argument"; }

static const char *run_exit(struct call *call) {
    if (*call->args != '\0') return "takes no argument";
    server.done = true;
    return NULL;
}

static const struct command commands[] = {
    {.name = "mode", .run = run_mode},
    {.name = "stall", .run = set_switch, .setting = &server.stalled},
    {.name = "throttle", .run = set_throttle, .setting = &server.throttle},
    {.name = "rcvbuf", .run = set_rcvbuf},
    {.name = "small-reads", .run = set_number, .setting = &server.small_reads},
    {.name = "digest", .run = set_switch, .setting = &server.digesting},
    {.name = "reset", .run = run_on_all, .visit = reset_conn},
    {.name = "finish", .run = run_on_all, .visit = finish_now},
    {.name = "close", .run = run_on_all, .visit = close_conn},
    {.name = "reset-after", .run = set_number, .setting = &server.reset_after},
    {.name = "close-after", .run = set_number, .setting = &server.close_after},
    {.name = "finish-after", .run = set_number, .setting = &server.finish_after},
    {.name = "accept", .run = set_accept},
    {.name = "close-on-accept", .run = set_switch, .setting = &server.close_on_accept},
    {.name = "finish-on-accept", .run = set_switch, .setting = &server.finish_on_accept},
    {.name = "send", .run = send_hex, .then = THEN_NOTHING},
    {.name = "send-line", .run = send_line},
    {.name = "send-reset", .run = send_hex, .then = THEN_RESET},
    {.name = "send-finish", .run = send_hex, .then = THEN_FINISH},
    {.name = "send-slow", .run = send_slow},
    {.name = "stats", .run = run_stats},
    {.name = "reset-stats", .run = run_reset_stats},
    {.name = "wait-bytes", .run = start_wait, .wait = WAIT_BYTES},
    {.name = "wait-connections", .run = start_wait, .wait = WAIT_CONNECTIONS},
    {.name = "wait-accepted", .run = start_wait, .wait = WAIT_ACCEPTED},
    {.name = "wait-handshakes", .run = start_wait, .wait = WAIT_HANDSHAKES},
    {.name = "wire", .run = run_wire},
    {.name = "tls", .run = run_tls},
    {.name = "truncate", .run = run_on_all, .visit = truncate_now},
    {.name = "send-truncate", .run = send_hex, .then = THEN_TRUNCATE},
    {.name = "ping", .run = run_ping},
    {.name = "exit", .run = run_exit},
};

static const struct command *find_command(const char *name) {
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(name, commands[i].name) == 0) return &commands[i];
    return NULL;
}

/* ---- control: connections ---- */

static void close_control(struct control *control) {
    if (control == server.first_control && !server.linger_with_parent) server.done = true;
    LIST_REMOVE(control, link);
    buffer_free(&control->in);
    buffer_free(&control->out);
    watch_retire(&control->watch);
}

static void flush_control(struct control *control) {
    if (control->out.size == 0) return;
    ssize_t n = send(control->watch.fd, buffer_front(&control->out), control->out.size, MSG_NOSIGNAL);
    if (n > 0) buffer_drop(&control->out, (size_t)n);
}

static void reply(struct control *control, const char *verdict, const char *text) {
    buffer_append(&control->out, verdict, strlen(verdict));
    if (*text != '\0') buffer_append(&control->out, " ", 1);
    buffer_append(&control->out, text, strlen(text));
    buffer_append(&control->out, "\n", 1);
    flush_control(control);
}

static void run_command(struct control *control, char *line) {
    struct call call = {.from = control, .args = split(line)};
    call.command = find_command(line);
    const char *error = call.command ? call.command->run(&call) : "unknown command";
    if (error)
        reply(control, "error", error);
    else if (control->wait == WAIT_NOTHING)
        reply(control, "ok", call.text);
}

/* The next whole line without its end, in place, or NULL; it lives until the buffer is changed. */
static char *take_line(struct buffer *in) {
    if (in->size == 0) return NULL;
    unsigned char *line = in->data + in->start, *end = memchr(line, '\n', in->size);
    if (!end) return NULL;
    buffer_drop(in, (size_t)(end - line) + 1);
    *end = '\0';
    if (end > line && end[-1] == '\r') end[-1] = '\0';
    return (char *)line;
}

static bool is_free(const struct control *control) { return control->wait == WAIT_NOTHING && control->out.size == 0; }

static void run_commands(struct control *control) {
    char *line;
    while (is_free(control) && (line = take_line(&control->in))) run_command(control, line);
    watch_for(&control->watch, EPOLLIN | (control->out.size > 0 ? EPOLLOUT : 0));
}

/* False when the control connection is over. */
static bool receive_control(struct control *control) {
    ssize_t n = recv(control->watch.fd, input, sizeof input, 0);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    if (n == 0 || control->in.size > COMMAND_MAX) return false;
    buffer_append(&control->in, input, (size_t)n);
    return true;
}

static void control_ready(struct watch *watch, uint32_t events) {
    struct control *control = (struct control *)watch;
    if (events & EPOLLOUT) flush_control(control);
    if (events & ~(uint32_t)EPOLLOUT && !receive_control(control))
        close_control(control);
    else
        run_commands(control);
}

static void add_control(int fd) {
    struct control *control = allocate(sizeof *control);
    control->watch = (struct watch){.fd = fd, .ready = control_ready};
    LIST_INSERT_HEAD(&server.controls, control, link);
    if (!server.had_control) server.first_control = control;
    server.had_control = true;
    watch_for(&control->watch, EPOLLIN);
}

static void control_listener_ready(struct watch *watch, uint32_t events) {
    (void)events;
    int fd = accept_one(watch);
    if (fd >= 0) add_control(fd);
}

/* A function, since without TLS the first is always 0, and a comparison in place would look like a mistake. */
static bool is_enough(uint64_t count, uint64_t target) { return count >= target; }

/* ---- control: waits ---- */

static bool is_fulfilled(const struct control *control) {
    switch (control->wait) {
    case WAIT_NOTHING: return false;
    case WAIT_BYTES: return server.stats.received >= control->target;
    case WAIT_CONNECTIONS: return server.open_count == control->target;
    case WAIT_ACCEPTED: return server.stats.accepted >= control->target;
    case WAIT_HANDSHAKES: return is_enough(wire_handshakes(), control->target);
    }
    return false;
}

static void describe_wait(enum wait wait, char *text, size_t size) {
    switch (wait) {
    case WAIT_NOTHING: return;
    case WAIT_BYTES: snprintf(text, size, "bytes=%" PRIu64, server.stats.received); return;
    case WAIT_CONNECTIONS: snprintf(text, size, "connections=%" PRIu64, server.open_count); return;
    case WAIT_ACCEPTED: snprintf(text, size, "accepted=%" PRIu64, server.stats.accepted); return;
    case WAIT_HANDSHAKES: snprintf(text, size, "handshakes=%" PRIu64, wire_handshakes()); return;
    }
}

static void end_wait(struct control *control, const char *verdict) {
    char text[64] = "";
    describe_wait(control->wait, text, sizeof text);
    control->wait = WAIT_NOTHING;
    reply(control, verdict, text);
    run_commands(control);
}

/* True when a wait ended: the commands behind it have run, and another may have begun. */
static bool look_at_wait(struct control *control) {
    bool fulfilled = is_fulfilled(control);
    if (!fulfilled && (control->wait == WAIT_NOTHING || server.now < control->deadline)) return false;
    end_wait(control, fulfilled ? "ok" : "error timeout");
    return true;
}

static void look_at_waits(void) {
    struct control *control;
    LIST_FOREACH(control, &server.controls, link) {
        while (look_at_wait(control)) continue;
    }
}

/* ---- the loop ---- */

static void unpark_refilled(void) {
    server.throttle_at = server.now + THROTTLE_STEP;
    for (struct conn *conn = LIST_FIRST(&server.parked), *next; conn; conn = next) {
        next = LIST_NEXT(conn, parked);
        refill(conn);
        if (conn->allowance < 1) continue;
        unpark(conn);
        settle(conn);
    }
}

/* What no event tells of. */
static void read_on(void) {
    for (struct conn *conn = LIST_FIRST(&server.unread), *next; conn; conn = next) {
        next = LIST_NEXT(conn, unread);
        receive(conn);
        settle(conn);
    }
}

static void tick(void) {
    server.tick_at = server.now + SLOW_STEP;
    for (struct conn *conn = LIST_FIRST(&server.ticking), *next; conn; conn = next) {
        next = LIST_NEXT(conn, ticking);
        if (conn->slow_left > 0 && !server.stalled) send_slow_byte(conn);
        settle(conn);
    }
}

static uint64_t first_control_deadline(void) {
    return server.had_control || server.linger_with_parent ? NEVER : server.started + FIRST_CONTROL_WAIT;
}

static void look_at_timers(void) {
    if (!LIST_EMPTY(&server.parked) && server.now >= server.throttle_at) unpark_refilled();
    if (!LIST_EMPTY(&server.ticking) && server.now >= server.tick_at) tick();
    if (server.now >= server.accept_again) resume_accepting();
    if (server.now >= first_control_deadline()) server.done = true;
}

static uint64_t next_deadline(void) {
    uint64_t next = lesser(server.accept_again, first_control_deadline());
    if (!LIST_EMPTY(&server.parked)) next = lesser(next, server.throttle_at);
    if (!LIST_EMPTY(&server.ticking)) next = lesser(next, server.tick_at);
    struct control *control;
    LIST_FOREACH(control, &server.controls, link) {
        if (control->wait != WAIT_NOTHING) next = lesser(next, control->deadline);
    }
    return next;
}

/* Milliseconds for epoll_wait, rounded up. */
static int time_out(void) {
    uint64_t next = next_deadline(), now = clock_now();
    if (!LIST_EMPTY(&server.unread)) return 0;
    if (next == NEVER) return -1;
    return next <= now ? 0 : (int)lesser((next - now + MS - 1) / MS, 60000);
}

static void run_once(void) {
    struct epoll_event events[BATCH];
    int count = epoll_wait(server.epoll, events, BATCH, time_out());
    if (count < 0 && errno != EINTR) die("epoll_wait");
    server.now = clock_now();
    for (int i = 0; i < count; i++) {
        struct watch *watch = events[i].data.ptr;
        if (watch->fd >= 0) watch->ready(watch, events[i].events);
    }
    read_on();
    look_at_timers();
    look_at_waits();
    free_retired();
}

/* ---- start ---- */

static void refuse(const char *option, const char *why) {
    fprintf(stderr, "peer: --%s: %s\n", option, why);
    exit(1);
}

static uint64_t option_number(const char *option, uint64_t max) {
    uint64_t number;
    if (!parse_number(optarg, max, &number)) refuse(option, "number out of range");
    return number;
}

static void set_framing(void) {
    if (strcmp(optarg, "line") == 0)
        server.framing = FRAMING_LINE;
    else if (strcmp(optarg, "u32be") == 0)
        server.framing = FRAMING_U32BE;
    else if (strcmp(optarg, "typed") == 0)
        server.framing = FRAMING_TYPED;
    else
        refuse("framing", "line, u32be or typed");
}

static void set_record(void) {
    server.record_dir = open(optarg, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (server.record_dir < 0) refuse("record", strerror(errno));
}

static void set_unix_address(const char *name) {
    struct sockaddr_un *address = (struct sockaddr_un *)&server.address;
    size_t size = strlen(name);
    if (size == 0 || size >= sizeof address->sun_path) refuse("host", "no name, or longer than a unix socket's can be");
    address->sun_family = AF_UNIX;
    memcpy(address->sun_path, name, size + 1);
    if (name[0] == '@') address->sun_path[0] = '\0';
    server.address_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size + (name[0] == '@' ? 0 : 1));
}

static void set_address(const char *host, uint64_t port) {
    if (strncmp(host, "unix:", 5) == 0) {
        set_unix_address(host + 5);
        return;
    }
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM}, *found;
    char service[8];
    snprintf(service, sizeof service, "%u", (unsigned)port);
    int failure = getaddrinfo(host, service, &hints, &found);
    if (failure) refuse("host", gai_strerror(failure));
    memcpy(&server.address, found->ai_addr, found->ai_addrlen);
    server.address_size = found->ai_addrlen;
    freeaddrinfo(found);
}

/* --tls has two values, the second of which getopt_long does not know of. */
static void set_tls(const char *option, int argc, char **argv) {
    wire_set(option, optarg);
    if (strcmp(option, "tls") != 0) return;
    if (optind == argc) refuse("tls", "a certificate and a key");
    wire_set("key", argv[optind++]);
}

static const char usage[] = "usage: peer [--port N] [--host ADDR] [--mode M] [--record DIR] [--backlog N]\n"
                            "            [--framing line|u32be|typed] [--finish-after N]\n"
                            "            [--linger-with-parent]\n"
#ifdef SW_PEER_TLS
                            "            --tls CERT KEY [--tls-ca FILE] [--tls-version 1.2|1.3]\n"
                            "            [--tls-alpn A,B] [--tls-ciphers LIST] [--tls-tickets off|once]\n"
#endif
                            "\n"
                            "A server for tests. It prints `peer pid=P port=N control=C` and then serves at\n"
                            "127.0.0.1 port N; with --host at ADDR, which may be unix:/PATH or unix:@NAME.\n"
                            "It ends when no program has connected to the control port within 60 s, or when\n"
                            "the first connection there ends; with --linger-with-parent when the process\n"
                            "ends that has started it. The modes:\n"
                            "\n"
                            "  sink            reads and discards (the default)\n"
                            "  echo            sends back what it reads\n"
                            "  lines           answers each message with `ok <first word>`\n"
                            "  \"flood BYTES\"   discards, and sends numbered messages of BYTES bytes (64)\n"
                            "  silent          neither reads nor writes\n"
                            "\n"
                            "So `peer --port 4000 --mode echo --linger-with-parent` serves a terminal until\n"
                            "it is closed. spec/support/peer.c has the commands of the control port.\n";

static void print_usage(void) {
    fputs(usage, stdout);
    exit(fflush(stdout) == 0 ? 0 : 1);
}

static const struct option options[] = {
    {"port", required_argument, NULL, 'p'},
    {"host", required_argument, NULL, 'a'},
    {"mode", required_argument, NULL, 'm'},
    {"record", required_argument, NULL, 'r'},
    {"backlog", required_argument, NULL, 'b'},
    {"framing", required_argument, NULL, 'f'},
    {"finish-after", required_argument, NULL, 'F'},
    {"linger-with-parent", no_argument, NULL, 'l'},
    {"help", no_argument, NULL, 'h'},
    {"tls", required_argument, NULL, 't'},
    {"tls-ca", required_argument, NULL, 't'},
    {"tls-version", required_argument, NULL, 't'},
    {"tls-alpn", required_argument, NULL, 't'},
    {"tls-ciphers", required_argument, NULL, 't'},
    {"tls-tickets", required_argument, NULL, 't'},
    {0},
};

static void parse_options(int argc, char **argv) {
    const char *host = "127.0.0.1", *error;
    uint64_t port = 0;
    for (int option, index; (option = getopt_long(argc, argv, "h", options, &index)) != -1;) {
        switch (option) {
        case 'p': port = option_number("port", 65535); break;
        case 'a': host = optarg; break;
        case 'h': print_usage(); break;
        case 'm':
            if ((error = set_mode(optarg))) refuse("mode", error);
            break;
        case 'r': set_record(); break;
        case 'b': server.backlog = (int)option_number("backlog", INT32_MAX); break;
        case 'f': set_framing(); break;
        case 'F': server.finish_after = option_number("finish-after", INT64_MAX); break;
        case 'l': server.linger_with_parent = true; break;
        case 't': set_tls(options[index].name, argc, argv); break;
        default: exit(1); /* getopt_long has said why */
        }
    }
    if (optind < argc) refuse(argv[optind], "not an option");
    set_address(host, port);
    wire_begin();
}

/* Inherited descriptors would keep its test's sockets open; and 10,000 connections need many of their own. */
static void prepare_process(void) {
    struct rlimit files;
    syscall(SYS_close_range, 3U, ~0U, 0U);
    signal(SIGPIPE, SIG_IGN);
    if (getrlimit(RLIMIT_NOFILE, &files) != 0) return;
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
}

static unsigned port_of(int fd, struct sockaddr_storage *address, socklen_t *size) {
    *size = sizeof *address;
    if (getsockname(fd, (struct sockaddr *)address, size) != 0) die("getsockname");
    if (address->ss_family == AF_UNIX) return 0;
    in_port_t port = address->ss_family == AF_INET6 ? ((struct sockaddr_in6 *)address)->sin6_port
                                                    : ((struct sockaddr_in *)address)->sin_port;
    return ntohs(port);
}

static void start_control(void) {
    struct sockaddr_in loopback = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = open_listener((struct sockaddr *)&loopback, sizeof loopback, 16);
    if (fd < 0) die("control port");
    server.control_listener = (struct watch){.fd = fd, .ready = control_listener_ready};
    watch_for(&server.control_listener, EPOLLIN);
}

static void parent_ready(struct watch *watch, uint32_t events) {
    (void)watch, (void)events;
    server.done = true;
}

static void watch_parent(void) {
    int fd = (int)syscall(SYS_pidfd_open, getppid(), 0);
    if (fd < 0) die("pidfd_open");
    server.parent = (struct watch){.fd = fd, .ready = parent_ready};
    watch_for(&server.parent, EPOLLIN);
}

static void introduce(void) {
    static struct sockaddr_storage ignored;
    socklen_t size;
    unsigned port = port_of(server.listener.fd, &server.address, &server.address_size);
    unsigned control = port_of(server.control_listener.fd, &ignored, &size);
    printf("peer pid=%ld port=%u control=%u\n", (long)getpid(), port, control);
    if (fflush(stdout) != 0) die("stdout");
}

int main(int argc, char **argv) {
    prepare_process();
    parse_options(argc, argv);
    server.started = server.now = clock_now();
    server.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (server.epoll < 0) die("epoll_create1");
    const char *error = start_listening();
    if (error) refuse("port", error);
    start_control();
    if (server.linger_with_parent) watch_parent();
    introduce();
    while (!server.done) run_once();
    return 0;
}
