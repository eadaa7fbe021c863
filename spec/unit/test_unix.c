/* What the transport of unix sockets takes for read. */
#include "loop/unix.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/platform.h"
#include "unit.h"

static struct sw_transport transport;
static int peer;
static uint64_t most_acked;

static void open_pair(void) {
    int fds[2];
    if (!CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0)) return;
    fcntl(fds[0], F_SETFL, O_NONBLOCK);
    fcntl(fds[1], F_SETFL, O_NONBLOCK);
    sw_unix_open(&transport, fds[0]);
    peer = fds[1];
    most_acked = 0;
}

static void close_pair(void) {
    transport.table->close(&transport);
    if (peer >= 0) close(peer);
    peer = -1;
}

static char bytes[64 * 1024];

static void put(size_t size) {
    struct iovec piece = {bytes, size};
    CHECK_EQ(transport.table->send(&transport, &piece, 1), (ptrdiff_t)size);
}

/* The most that was ever acknowledged, as loop/written.h keeps it. */
static uint64_t acked(void) {
    uint64_t now = transport.table->acked(&transport);
    if (now > most_acked) most_acked = now;
    return most_acked;
}

#if SW_COUNTS_UNREAD

static void close_peer(void) {
    close(peer);
    peer = -1;
}

static void take(size_t size) { CHECK_EQ(recv(peer, bytes, size, 0), (ssize_t)size); }

static bool has_moved(void) {
    bool moved = transport.has_moved;
    transport.has_moved = false;
    return moved;
}

static void counts_what_is_read(void) {
    open_pair();
    put(10);
    CHECK_EQ(acked(), 0);
    take(4);
    CHECK_EQ(acked(), 0); /* its buffer is freed as a whole */
    take(6);
    CHECK_EQ(acked(), 10);
    put(5);
    CHECK_EQ(acked(), 10);
    close_pair();
}

static void counts_before_all_is_read(void) {
    open_pair();
    put(30000);
    put(30000);
    CHECK_EQ(acked(), 0);
    take(30000);
    uint64_t some = acked();
    CHECK(some > 20000 && some <= 30000); /* the buffers take more memory than their bytes */
    close_peer();
    CHECK_EQ(acked(), some);
    close_pair();
}

static void takes_nothing_freed_for_read(void) {
    char byte;
    open_pair();
    put(10);
    take(10);
    put(20);
    close_peer();
    CHECK_EQ(acked(), 0); /* it was not asked before the end, and cannot be told any more */
    CHECK_EQ(acked(), 0);
    CHECK_EQ(transport.table->receive(&transport, &byte, 1), -ECONNRESET);
    CHECK_EQ(acked(), 0);
    CHECK_EQ(transport.table->receive(&transport, &byte, 1), 0);
    CHECK_EQ(acked(), 0);
    close_pair();
}

static void is_not_misled_by_input(void) {
    char byte;
    open_pair();
    CHECK_EQ(send(peer, "x", 1, 0), 1);
    put(10);
    CHECK_EQ(acked(), 0);
    take(10);
    CHECK_EQ(acked(), 10); /* the input still waits */
    put(10);
    close_peer();
    CHECK_EQ(acked(), 10);
    CHECK_EQ(transport.table->receive(&transport, &byte, 1), 1);
    CHECK_EQ(acked(), 10);
    CHECK_EQ(transport.table->receive(&transport, &byte, 1), -ECONNRESET);
    CHECK_EQ(acked(), 10);
    close_pair();
}

static void trusts_an_end_in_order(void) {
    char byte;
    open_pair();
    put(10);
    take(10);
    close_peer();
    CHECK_EQ(transport.table->receive(&transport, &byte, 1), 0);
    struct iovec piece = {bytes, 1};
    CHECK_EQ(transport.table->send(&transport, &piece, 1), -EPIPE);
    CHECK_EQ(acked(), 10);
    close_pair();
}

static void waits_for_a_half_closed_peer(void) {
    char byte;
    open_pair();
    put(10);
    shutdown(peer, SHUT_WR);
    CHECK_EQ(transport.table->receive(&transport, &byte, 1), 0);
    CHECK_EQ(acked(), 0);
    transport.table->shut_down(&transport);
    CHECK(transport.fin);
    CHECK_EQ(acked(), 0);
    take(10);
    CHECK_EQ(acked(), 10);
    CHECK_EQ(recv(peer, bytes, 1, 0), 0);
    close_pair();
}

static void sees_that_the_peer_reads(void) {
    open_pair();
    for (int i = 0; i < 20; i++) put(10);
    CHECK(!has_moved());
    take(10);
    CHECK_EQ(acked(), 0); /* 19 buffers of some 700 bytes are left */
    CHECK(has_moved());
    CHECK_EQ(acked(), 0);
    CHECK(!has_moved());
    take(10);
    put(10);
    CHECK(has_moved()); /* though no less memory is in use than before */
    close_pair();
}

#else

static void counts_what_is_handed_over(void) {
    open_pair();
    put(10);
    CHECK_EQ(acked(), 10);
    close_pair();
}

#endif

static const struct unit_test tests[] = {
#if SW_COUNTS_UNREAD
    {"counts what the peer has read", counts_what_is_read},
    {"counts large amounts before all is read", counts_before_all_is_read},
    {"[F77] takes nothing for read that the peer's end has freed", takes_nothing_freed_for_read},
    {"[F77] sees such an end behind input, and counts while input waits", is_not_misled_by_input},
    {"trusts an end after which nothing was left unread", trusts_an_end_in_order},
    {"waits for a peer that half-closes and reads on", waits_for_a_half_closed_peer},
    {"sees that the peer reads before the count shows it", sees_that_the_peer_reads},
#else
    {"counts what is handed over, where nothing tells what is read", counts_what_is_handed_over},
#endif
};

UNIT_MAIN(tests)
