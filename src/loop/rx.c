#include "loop/rx.h"

#include <errno.h>
#include <string.h>

#include "base/options.h"
#include "base/tunables.h"
#include "channel/loop_end.h"

/* No event tells of what the transport has read ahead. */
static void start_reading(struct rx *rx) {
    ev_io_start(rx->common->reactor->ev, &rx->reader);
    if (rx->transport->has_input) sw_reactor_read_soon(rx->common->reactor, &rx->reader);
}

void sw_rx_set_credit(struct rx *rx, bool has_credit) {
    rx->is_paused = !has_credit;
    if (rx->status != RX_OPEN || rx->drops_input) return;
    if (has_credit)
        start_reading(rx);
    else
        ev_io_stop(rx->common->reactor->ev, &rx->reader);
}

void sw_rx_drop_input(struct rx *rx) {
    rx->drops_input = true;
    if (rx->status == RX_OPEN) start_reading(rx);
}

static void stop_reading(struct rx *rx, enum rx_status status, struct sw_error error) {
    rx->status = status;
    rx->error = error;
    ev_io_stop(rx->common->reactor->ev, &rx->reader);
}

static void stop_undecodable(struct rx *rx) { stop_reading(rx, RX_BROKEN, sw_error_make(SW_FRAME, SW_STAGE_RECEIVE)); }

void sw_rx_break(struct rx *rx) {
    if (rx->status == RX_OPEN && !rx->drops_input) stop_undecodable(rx);
}

static void post_messages(struct rx *rx, struct sw_message_run *whole) {
    if (rx->discards_messages || whole->count == 0)
        sw_pages_free(&whole->pages);
    else if (sw_channel_post_messages(rx->common->channel, &whole->pages, whole->count, whole->bytes))
        sw_rx_set_credit(rx, false);
}

/* Decodes the bytes in the reactor's buffer. If there are many, uses pages of the pool. */
static enum sw_err assemble(struct rx *rx, size_t size, struct sw_message_run *whole) {
    unsigned large = sw_pages_count_large(sw_assembly_expected(size));
    struct sw_pages empty = {NULL, NULL};
    if (large > 0) empty = sw_channel_get_pages(rx->common->channel, large);
    enum sw_err failed = sw_assembly_feed(&rx->assembly, &rx->common->channel->options->framing,
                                          rx->common->reactor->buffer, size, &empty, whole);
    if (empty.head != NULL) sw_channel_put_pages(rx->common->channel, &empty);
    return failed;
}

static void handle_bytes(struct rx *rx, size_t size) {
    sw_progress_count_received(rx->progress, size);
    sw_turns_note(&rx->common->turns, rx->common->reactor, false, rx->common->channel->options->spin);
    if (rx->drops_input) return;
    struct sw_message_run whole = {.count = 0};
    enum sw_err failed = assemble(rx, size, &whole);
    post_messages(rx, &whole);
    /* After the messages: a script that sees the bytes in the counters can take the messages. */
    sw_progress_publish(rx->progress);
    if (failed == SW_FRAME) stop_undecodable(rx);
    if (failed == SW_SYSTEM) stop_reading(rx, RX_BROKEN, sw_error_system(ENOMEM, SW_STAGE_RECEIVE));
}

/* The size of one read in bytes. All messages of a read go into the inbox, even when it becomes full. The boundaries
 * of messages may take four times as much memory as the bytes: empty messages of one byte each. That memory must stay
 * within a quarter of inbox_limit plus one message of the largest size. */
static size_t read_size(const struct rx *rx) {
    const struct sw_options *options = rx->common->channel->options;
    size_t most = options->inbox_limit / 16 + options->framing.max / 4;
    if (most < SW_READ_MIN) return SW_READ_MIN;
    return most < SW_READ_BUFFER ? most : SW_READ_BUFFER;
}

/* Reads once. False: there is no more to read now, or the status has changed. */
static bool receive_some(struct rx *rx) {
    size_t size = read_size(rx);
    ptrdiff_t got = rx->transport->table->receive(rx->transport, rx->common->reactor->buffer, size);
    if (got == -EAGAIN || got == -EWOULDBLOCK) return false;
    if (got > 0)
        handle_bytes(rx, (size_t)got);
    else if (got == 0)
        stop_reading(rx, RX_ENDED, sw_error_make(SW_PEER, SW_STAGE_RECEIVE));
    else
        stop_reading(rx, RX_BROKEN, sw_transport_error(got, SW_STAGE_RECEIVE));
    return got == (ptrdiff_t)size && ev_is_active(&rx->reader);
}

static void on_readable(struct ev_loop *ev, ev_io *reader, int events) {
    (void)ev;
    struct rx *rx = reader->data;
    if (events & EV_ERROR) { /* epoll_ctl failed (ENOSPC, ENOMEM), and libev has stopped the watcher */
        stop_reading(rx, RX_BROKEN, sw_error_system(EIO, SW_STAGE_START));
    } else {
        for (int round = 0; round < SW_READ_ROUNDS; round++)
            if (!receive_some(rx)) break;
        if (rx->transport->has_input && ev_is_active(reader)) sw_reactor_read_soon(rx->common->reactor, reader);
    }
    rx->on_change(rx);
}

void sw_rx_init(struct rx *rx, struct common *common, struct progress *progress, void (*on_change)(struct rx *rx)) {
    memset(rx, 0, sizeof *rx);
    rx->common = common;
    rx->progress = progress;
    rx->on_change = on_change;
    ev_init(&rx->reader, on_readable);
    rx->reader.data = rx;
}

void sw_rx_fini(struct rx *rx) { sw_assembly_reset(&rx->assembly); }

void sw_rx_start(struct rx *rx, struct sw_transport *transport) {
    rx->status = RX_OPEN;
    rx->transport = transport;
    rx->drops_input = false;
    sw_assembly_reset(&rx->assembly);
    ev_io_set(&rx->reader, transport->fd, EV_READ);
    if (!rx->is_paused) start_reading(rx);
}

struct sw_partial *sw_rx_stop(struct rx *rx, bool is_wanted, bool *lacks_partial) {
    bool copies =
        is_wanted && !rx->drops_input && !rx->discards_messages && sw_assembly_partial_bytes(&rx->assembly) > 0;
    struct sw_partial *partial = copies ? sw_assembly_copy_partial(&rx->assembly) : NULL;
    *lacks_partial = copies && partial == NULL;
    rx->status = RX_IDLE;
    rx->transport = NULL;
    ev_io_stop(rx->common->reactor->ev, &rx->reader);
    sw_reactor_forget_read(rx->common->reactor, &rx->reader);
    sw_assembly_end(&rx->assembly);
    return partial;
}
