#include "loop/plain.h"

#include "loop/socket.h"

static ptrdiff_t plain_send(struct sw_transport *transport, struct iovec *iov, size_t count) {
    ptrdiff_t taken = sw_socket_send(transport->fd, iov, count);
    if (taken > 0) transport->written += (uint64_t)taken;
    return taken;
}

static ptrdiff_t plain_receive(struct sw_transport *transport, void *buffer, size_t size) {
    return sw_socket_receive(transport->fd, buffer, size);
}

static void plain_shut_down(struct sw_transport *transport) {
    transport->fin = sw_socket_shut_down(transport->fd) || transport->fin;
}

static uint64_t plain_acked(struct sw_transport *transport) {
    return sw_socket_acked(transport->fd, transport->written, transport->fin);
}

static void plain_tune(struct sw_transport *transport, enum sw_tune what, double value) {
    switch (what) {
    case SW_TUNE_STALL: sw_socket_set_stall(transport->fd, value); break;
    case SW_TUNE_AHEAD: sw_socket_set_ahead(transport->fd, (int)value); break;
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
