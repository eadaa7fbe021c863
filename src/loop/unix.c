#include "loop/unix.h"

#include <errno.h>

#include "base/platform.h"
#include "loop/socket.h"

enum { UNREAD_MAX = (1 << 29) - 1 }; /* what sw_transport.unread can hold; a send buffer is far smaller */

/* Asks how much the peer has not read. What it has read since the last time is a sign of life. */
static int ask_unread(struct sw_transport *transport) {
    int unread = sw_socket_unread(transport->fd);
    unsigned now = unread < 0 ? 0 : (unsigned)unread;
    if (unread >= 0 && now < transport->unread) transport->has_moved = true;
    transport->unread = now & UNREAD_MAX;
    return unread;
}

/* Asks before, to see what the peer has read, and after, to see from there what it reads next. */
static ptrdiff_t unix_send(struct sw_transport *transport, struct iovec *iov, size_t count) {
    (void)ask_unread(transport);
    ptrdiff_t taken = sw_socket_send(transport->fd, iov, count);
    if (taken > 0) {
        transport->written += (uint64_t)taken;
        (void)ask_unread(transport);
    }
    if (taken == -ECONNRESET) transport->failed = true; /* this has taken the error away */
    return taken;
}

static ptrdiff_t unix_receive(struct sw_transport *transport, void *buffer, size_t size) {
    ptrdiff_t got = sw_socket_receive(transport->fd, buffer, size);
    if (got == -ECONNRESET) transport->failed = true; /* the same */
    return got;
}

static void unix_shut_down(struct sw_transport *transport) {
    transport->fin = sw_socket_shut_down(transport->fd) || transport->fin;
}

/* At least so many bytes are read if the peer's socket was open when `unread` was asked. */
static uint64_t least_read(const struct sw_transport *transport, int unread) {
    uint64_t size = (uint64_t)unread;
    return size < transport->written ? transport->written - size : 0;
}

static uint64_t unix_acked(struct sw_transport *transport) {
    if (!SW_COUNTS_UNREAD) return transport->written;
    if (transport->failed) return 0;
    int unread = ask_unread(transport);
    transport->failed = sw_socket_is_reset(transport->fd); /* after the question: see unix.h */
    return transport->failed || unread < 0 ? 0 : least_read(transport, unread);
}

/* Nothing limits what the system holds but its send buffer, which is small (208 KiB), and there is no reset. */
static void unix_tune(struct sw_transport *transport, enum sw_tune what, double value) {
    (void)transport, (void)what, (void)value;
}

static void unix_close(struct sw_transport *transport) {
    sw_socket_close(transport->fd);
    transport->table = NULL;
}

static const struct sw_transport_table table = {
    .send = unix_send,
    .receive = unix_receive,
    .shut_down = unix_shut_down,
    .acked = unix_acked,
    .tune = unix_tune,
    .close = unix_close,
};

void sw_unix_open(struct sw_transport *transport, int fd) {
    *transport = (struct sw_transport){.table = &table, .fd = fd};
}
