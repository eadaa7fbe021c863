#include "loop/plain.h"

#include <errno.h>

#include "base/platform.h"
#include "loop/socket.h"

/* Notes a permanent error. */
static ptrdiff_t checked(struct sw_transport *transport, ptrdiff_t result) {
    if (result < 0 && result != -EAGAIN && result != -EWOULDBLOCK && result != -ENOBUFS) transport->failed = true;
    return result;
}

static ptrdiff_t plain_send(struct sw_transport *transport, struct iovec *iov, size_t count) {
    ptrdiff_t taken = sw_socket_send(transport->fd, iov, count);
    if (taken > 0) transport->written += (uint64_t)taken;
    return checked(transport, taken);
}

static ptrdiff_t plain_receive(struct sw_transport *transport, void *buffer, size_t size) {
    return checked(transport, sw_socket_receive(transport->fd, buffer, size));
}

static void plain_shut_down(struct sw_transport *transport) {
    transport->fin = sw_socket_shut_down(transport->fd) || transport->fin;
}

static uint64_t plain_acked(struct sw_transport *transport) {
    bool outlives = SW_COUNTS_UNACKED == SW_BY_SIOCOUTQ || SW_COUNTS_UNACKED == SW_BY_NOTHING;
    if (transport->failed && !outlives) return 0; /* see is_emptied in socket.c */
    return sw_socket_acked(transport->fd, transport->written, transport->fin);
}

static void plain_tune(struct sw_transport *transport, enum sw_tune what, double value) {
    switch (what) {
    case SW_TUNE_AHEAD: sw_socket_set_ahead(transport->fd, (int)value); break;
    case SW_TUNE_ABORT: sw_socket_set_abort(transport->fd); break;
    }
}

static void plain_close(struct sw_transport *transport) {
    sw_socket_close(transport->fd);
    transport->table = NULL;
}

static const struct sw_transport_table plain = {
    .send = plain_send,
    .receive = plain_receive,
    .shut_down = plain_shut_down,
    .acked = plain_acked,
    .tune = plain_tune,
    .close = plain_close,
};

void sw_plain_open(struct sw_transport *transport, int fd) {
    *transport = (struct sw_transport){.table = &plain, .fd = fd};
}
