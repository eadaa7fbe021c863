#include "loop/tx.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/uio.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/options.h"
#include "base/platform.h"
#include "base/tunables.h"
#include "channel/engine.h"
#include "channel/loop_end.h"
#include "loop/stall.h"

/* --- the messages to send --- */

static size_t opening_left(const struct tx *tx) {
    return tx->opening != NULL ? tx->opening->size - tx->opening_sent : 0;
}

/* A message for this connection only, whose place has come: all before it is handed over. */
static const struct sw_once *once_due(const struct tx *tx) {
    const struct sw_once *once = sw_once_first(tx->once);
    bool is_due = once != NULL && opening_left(tx) == 0 && tx->queue.handed.id >= once->after &&
                  !sw_sendq_is_mid_message(&tx->queue);
    return is_due || (once != NULL && once->sent > 0) ? once : NULL;
}

/* What goes out before the next byte of the queue, and is none of it: what is left of the head, or such a message. */
static struct sw_slice find_lead(const struct tx *tx) {
    const struct sw_once *once = once_due(tx);
    if (once != NULL) return (struct sw_slice){(const char *)once->bytes + once->sent, once->size - once->sent};
    size_t left = opening_left(tx);
    if (left == 0) return (struct sw_slice){NULL, 0};
    return (struct sw_slice){(const char *)tx->opening->bytes + tx->opening_sent, left};
}

static void drop_once(struct tx *tx) {
    sw_progress_release(tx->progress, sw_once_cost(sw_once_first(tx->once)));
    sw_once_drop(&tx->once);
}

/* Of the queue, nothing behind the place of the next such message, nor behind the fence. */
static uint64_t limit_of_queue(const struct tx *tx) {
    uint64_t after = tx->once != NULL ? sw_once_first(tx->once)->after : UINT64_MAX;
    return after < tx->fence ? after : tx->fence;
}

static void drop_opening(struct tx *tx) {
    sw_greeting_unref(tx->opening);
    tx->opening = NULL;
}

/* Of what was taken in, something is not handed over. */
static bool has_unsent(const struct tx *tx) { return find_lead(tx).size > 0 || tx->queue.handed.byte != tx->queue.end; }

static bool is_sending(const struct tx *tx) { return tx->status == TX_OPEN || tx->status == TX_SENT; }

/* True if there are bytes to send, and no event will tell when to send them: see NO_BUFFERS. */
static bool lacks_buffers(const struct tx *tx) {
    return is_sending(tx) && has_unsent(tx) && !ev_is_active(&tx->writer) && !sw_tx_is_coalescing(tx);
}

/* True if messages that the host sends next must wait in the queue. */
static bool cannot_send(const struct tx *tx) { return !is_sending(tx) || tx->is_ending || ev_is_active(&tx->writer); }

/* Takes the messages from the channel. With `progress`, also publishes it. */
static void take(struct tx *tx, const struct sw_progress *progress) {
    struct sw_intake intake = sw_channel_take_messages(tx->common->channel, progress);
    if (!tx->is_final) sw_tx_lower_fence(tx, intake.fence);
    sw_once_join(&tx->once, intake.once);
    if (intake.pages.head != NULL) sw_sendq_put(&tx->queue, &intake.pages);
}

void sw_tx_take(struct tx *tx) { take(tx, NULL); }

void sw_tx_lift_fence(struct tx *tx) {
    if (!tx->is_ending) tx->fence = UINT64_MAX;
}

void sw_tx_lower_fence(struct tx *tx, uint64_t fence) {
    if (tx->fence > fence) tx->fence = fence;
}

/* --- acknowledgements --- */

static double ack_interval(const struct tx *tx) {
    return tx->queue.mode == SW_RETAIN_UNACKED ? SW_ACK_INTERVAL_FOR_ROOM : SW_ACK_INTERVAL;
}

static uint64_t milliseconds(void) { return (uint64_t)(sw_clock() * 1e3); }

static void query_acked(struct tx *tx) {
    struct sw_sendq *queue = &tx->queue;
    uint64_t before = queue->acked.id;
    uint64_t acked_before = tx->acked;
    tx->acked = tx->transport->table->acked(tx->transport);
    if (tx->acked != acked_before || tx->transport->has_moved) tx->stalled_since = 0;
    tx->transport->has_moved = false;
    uint32_t ahead = sw_ahead_next(&tx->ahead, tx->acked, milliseconds());
    if (ahead != 0) tx->transport->table->tune(tx->transport, SW_TUNE_AHEAD, ahead);
    sw_sendq_acked(queue, sw_written_acked(&tx->written, tx->acked));
    /* Messages that are sent again are not reported again. */
    if (queue->acked.id > before && queue->acked.id > tx->acked_to_report) tx->acked_to_report = queue->acked.id;
}

static bool must_report_acked(const struct tx *tx) { return tx->acked_to_report > tx->acked_reported; }

void sw_tx_sample(struct tx *tx) {
    query_acked(tx);
    sw_progress_publish(tx->progress); /* first: when the script gets the report, stats() must already include it */
    if (must_report_acked(tx) && sw_channel_post_acked(tx->common->channel, tx->acked_to_report))
        tx->acked_reported = tx->acked_to_report;
}

/* Starts ack_timer. It asks the kernel until all bytes are acknowledged and the host has got the report. */
static void watch_acks(struct tx *tx) {
    if (ev_is_active(&tx->ack_timer)) return;
    tx->stalled_since = 0;
    tx->ack_timer.repeat = ack_interval(tx);
    ev_timer_again(tx->common->reactor->ev, &tx->ack_timer);
}

/* True if a message waits until the socket is writable: the peer takes nothing. Where the kernel does not count
 * acknowledgements, that is the only sign. */
static bool must_time(const struct tx *tx) { return ev_is_active(&tx->writer); }

/* Carries out stall_timeout: ends the connection, or lets the timer look again in time. */
static void check_stall(struct tx *tx) {
    bool waits = !sw_tx_is_acked(tx) || must_time(tx);
    double limit = tx->common->channel->options->stall_timeout;
    double left = sw_stall_left(&tx->stalled_since, waits, limit, milliseconds());
    if (left > 0) {
        tx->ack_timer.repeat = fmin(tx->ack_timer.repeat, left);
        return;
    }
    tx->error = sw_error_system(ETIMEDOUT, SW_STAGE_RECEIVE);
    tx->status = TX_BROKEN;
    ev_io_stop(tx->common->reactor->ev, &tx->writer);
    sw_reactor_cancel_short_timer(&tx->coalesce_timer);
    tx->transport->table->tune(tx->transport, SW_TUNE_ABORT, 0);
}

static void check_acks(struct tx *tx) {
    ev_timer *timer = &tx->ack_timer;
    uint64_t before = tx->queue.acked.id;
    sw_tx_sample(tx);
    bool advanced = tx->queue.acked.id > before;
    double longer = timer->repeat * 2 < SW_ACK_INTERVAL_MAX ? timer->repeat * 2 : SW_ACK_INTERVAL_MAX;
    timer->repeat = advanced ? ack_interval(tx) : longer;
    bool no_buffers = lacks_buffers(tx);
    if (sw_tx_is_acked(tx) && !must_report_acked(tx) && !no_buffers && !must_time(tx)) {
        ev_timer_stop(tx->common->reactor->ev, timer);
        return;
    }
    check_stall(tx);
    ev_timer_again(tx->common->reactor->ev, timer);
    if (no_buffers) sw_tx_send(tx);
}

static void on_ack_timer(struct ev_loop *ev, ev_timer *timer, int events) {
    (void)ev, (void)events;
    struct tx *tx = timer->data;
    check_acks(tx);
    tx->on_change(tx);
}

/* --- handing over --- */

enum outcome {
    ALL_SENT,   /* all messages up to the fence are handed over */
    COALESCING, /* the host goes on sending: wait for more messages */
    BLOCKED,    /* the socket is not writable: `writer` tells when it is */
    NO_BUFFERS, /* the system has no buffers (ENOBUFS), and `writer` cannot tell when it has: ack_timer tries again */
    MORE,       /* there is more to send */
    BROKEN,     /* the connection takes no more bytes */
};

/* If the queue has no bytes to send, publishes the progress and takes messages from the channel. Decides whether to
 * send now. */
static enum outcome take_if_empty(struct tx *tx) {
    if (has_unsent(tx)) return MORE;
    uint64_t last_id = tx->queue.last_id;
    struct sw_gauges gauges;
    const struct sw_progress progress = sw_progress_collect(tx->progress, &gauges);
    take(tx, &progress);
    bool goes_on = tx->in_a_row >= SW_COALESCE_AFTER && !tx->is_ending;
    tx->in_a_row += tx->queue.last_id - last_id;
    if (!has_unsent(tx)) {
        tx->in_a_row = 0;
        return ALL_SENT;
    }
    return goes_on && tx->queue.end - tx->queue.handed.byte < SW_COALESCE_BYTES ? COALESCING : MORE;
}

/* The next bytes: what leads, then messages. */
static size_t fill(const struct tx *tx, struct iovec *iov) {
    const struct sw_slice lead = find_lead(tx);
    size_t count = lead.size > 0;
    if (count > 0) iov[0] = (struct iovec){(void *)(uintptr_t)lead.data, lead.size};
    if (tx->once != NULL && count > 0) return count; /* another one may have its place right behind */
    return count + sw_sendq_fill(&tx->queue, limit_of_queue(tx), SW_SEND_LIMIT, iov + count, SW_IOVECS - count);
}

/* Calls the transport's send. Holds the pinned strings, so that the host does not free them meanwhile. They are freed
 * only when the loop thread must end; it does so before it sleeps, and sends nothing until then. */
static ptrdiff_t hand_over(struct tx *tx, struct iovec *iov, size_t count) {
    struct sw_engine *engine = tx->common->channel->engine;
    bool is_pinned = tx->queue.pinned_pages > 0;
    if (is_pinned && !sw_engine_hold_pins(engine)) return -EAGAIN;
    ptrdiff_t taken = tx->transport->table->send(tx->transport, iov, count);
    if (is_pinned) sw_engine_release_pins(engine);
    return taken;
}

static void note_lead(struct tx *tx, size_t left, size_t taken) {
    if (taken == 0) return;
    if (once_due(tx) != NULL) {
        sw_once_first(tx->once)->sent += taken;
        if (taken == left) drop_once(tx);
    } else {
        tx->opening_sent += taken;
        if (taken == left) drop_opening(tx);
    }
}

/* `taken` bytes of what leads and then of the queue became `written` bytes on the wire. */
static void count_taken(struct tx *tx, uint64_t taken, uint64_t written) {
    size_t left = find_lead(tx).size, of_lead = taken < left ? (size_t)taken : left;
    uint64_t of_queue = taken - of_lead;
    if (written != taken) {
        sw_written_add(&tx->written, written, of_queue);
    } else {
        if (of_lead > 0) sw_written_add(&tx->written, of_lead, 0);
        if (of_queue > 0) sw_written_add(&tx->written, of_queue, of_queue);
    }
    note_lead(tx, left, of_lead);
    sw_sendq_handed(&tx->queue, of_queue);
    sw_progress_count_sent(tx->progress, written);
    sw_turns_note(&tx->common->turns, tx->common->reactor, true, tx->common->channel->options->spin);
}

static enum outcome send_some(struct tx *tx) {
    struct iovec iov[SW_IOVECS];
    enum outcome outcome = take_if_empty(tx);
    if (outcome != MORE) return outcome;
    size_t count = fill(tx, iov);
    if (count == 0) { /* there are only messages after the fence */
        sw_progress_publish(tx->progress);
        return ALL_SENT;
    }
    uint64_t before = tx->transport->written;
    ptrdiff_t taken = hand_over(tx, iov, count);
    if (taken == -EAGAIN || taken == -EWOULDBLOCK) return BLOCKED;
    if (taken == -ENOBUFS) return NO_BUFFERS;
    if (taken < 0) {
        sw_progress_publish(tx->progress);
        tx->error = sw_transport_error(taken, SW_STAGE_SEND);
        return BROKEN;
    }
    count_taken(tx, (uint64_t)taken, tx->transport->written - before);
    uint64_t unacked = tx->transport->written - tx->acked;
    if (unacked >= (SW_COUNTS_UNACKED ? SW_ASK_BYTES : 1) && !tx->transport->has_taken) sw_tx_sample(tx);
    return MORE;
}

void sw_tx_send(struct tx *tx) {
    enum outcome outcome = MORE;
    if (!is_sending(tx)) return;
    uint64_t before = tx->transport->written;
    if (sw_tx_is_coalescing(tx)) sw_tx_take(tx);
    sw_reactor_cancel_short_timer(&tx->coalesce_timer);
    for (int round = 0; round < SW_WRITE_ROUNDS && outcome == MORE; round += !tx->transport->has_taken)
        outcome = send_some(tx);
    tx->status = outcome == BROKEN ? TX_BROKEN : outcome == ALL_SENT ? TX_SENT : TX_OPEN;
    if (outcome == BROKEN) {
        ev_io_stop(tx->common->reactor->ev, &tx->writer);
        return;
    }
    if (outcome != ALL_SENT && outcome != COALESCING) sw_progress_publish(tx->progress); /* else done already */
    bool is_blocked = outcome == BLOCKED || outcome == MORE;
    if (tx->transport->written != before || outcome == NO_BUFFERS || is_blocked) watch_acks(tx);
    if (outcome == COALESCING) sw_reactor_start_short_timer(tx->common->reactor, &tx->coalesce_timer);
    /* Not with NO_BUFFERS: the socket may be writable, and `writer` would run without end. */
    if (is_blocked)
        ev_io_start(tx->common->reactor->ev, &tx->writer);
    else
        ev_io_stop(tx->common->reactor->ev, &tx->writer);
}

static void on_coalesce_timer(struct sw_short_timer *coalesce_timer) {
    struct tx *tx = SW_HOLDER(coalesce_timer, struct tx, coalesce_timer);
    sw_tx_take(tx);
    sw_tx_send(tx);
    tx->on_change(tx);
}

static void on_writable(struct ev_loop *ev, ev_io *writer, int events) {
    (void)ev;
    struct tx *tx = writer->data;
    if (events & EV_ERROR) { /* epoll_ctl failed (ENOSPC, ENOMEM), and libev has stopped the watcher */
        tx->error = sw_error_system(EIO, SW_STAGE_START);
        tx->status = TX_BROKEN;
    } else {
        sw_tx_send(tx);
    }
    tx->on_change(tx);
}

/* --- a connection --- */

void sw_tx_init(struct tx *tx, struct common *common, struct progress *progress, const struct sw_gauges *before,
                void (*on_change)(struct tx *tx)) {
    memset(tx, 0, sizeof *tx);
    tx->common = common;
    tx->progress = progress;
    tx->on_change = on_change;
    sw_sendq_init(&tx->queue, common->channel->options->retain, before->handed, before->finished);
    sw_written_init(&tx->written);
    ev_init(&tx->writer, on_writable);
    ev_init(&tx->ack_timer, on_ack_timer);
    tx->writer.data = tx->ack_timer.data = tx;
    tx->coalesce_timer.run = on_coalesce_timer;
}

void sw_tx_fini(struct tx *tx) {
    sw_written_fini(&tx->written);
    sw_sendq_fini(&tx->queue);
    while (tx->once != NULL) sw_once_drop(&tx->once);
}

void sw_tx_start(struct tx *tx, struct sw_transport *transport, struct sw_greeting *opening) {
    tx->status = TX_OPEN;
    tx->transport = transport;
    tx->opening = opening;
    tx->opening_sent = 0;
    tx->acked = tx->in_a_row = 0;
    tx->fence = UINT64_MAX;
    tx->is_ending = tx->is_final = false;
    ev_io_set(&tx->writer, transport->fd, EV_WRITE);
    tx->ahead = (struct sw_ahead){.limit = 0};
}

void sw_tx_flush(struct tx *tx, uint64_t fence, bool is_final) {
    tx->fence = fence;
    tx->is_ending = true;
    tx->is_final = is_final;
}

void sw_tx_shut_down(struct tx *tx) {
    tx->status = TX_IDLE;
    tx->is_ending = true;
    sw_reactor_cancel_short_timer(&tx->coalesce_timer);
    ev_io_stop(tx->common->reactor->ev, &tx->writer);
}

static void end_connection(struct tx *tx) {
    sw_tx_sample(tx);
    sw_tx_shut_down(tx);
    ev_timer_stop(tx->common->reactor->ev, &tx->ack_timer);
    drop_opening(tx);
    sw_written_fini(&tx->written);
    tx->transport = NULL;
}

uint32_t sw_tx_give_up_once(struct tx *tx) {
    uint32_t count = 0;
    sw_channel_set_connection(tx->common->channel, 0);
    sw_tx_take(tx);
    for (; tx->once != NULL; count++) drop_once(tx);
    return count;
}

struct tx_end sw_tx_stop(struct tx *tx, bool is_final) {
    if (tx->transport != NULL) end_connection(tx);
    tx->is_final = tx->is_final || is_final;
    /* Takes all there is, also to be counted and, where nothing is replayed, given up, up to the fence. */
    uint32_t once_lost = sw_tx_give_up_once(tx);
    struct tx_end end = {.unsent = sw_tx_unsent(tx), .once_lost = once_lost};
    end.losses = is_final ? sw_sendq_abandon(&tx->queue) : sw_sendq_rewind(&tx->queue, tx->fence);
    sw_progress_count_losses(tx->progress, &end.losses);
    sw_progress_publish(tx->progress);
    return end;
}

/* --- other requests of the host --- */

void sw_tx_prefault(struct tx *tx, unsigned count) {
    if (!cannot_send(tx)) return; /* sent pages come back to the pool soon enough */
    sw_progress_publish(tx->progress);
    for (; count > 0; count--) { /* passes on each page at once: the host may need it now */
        struct sw_pages page = sw_pages_prefault(1);
        sw_channel_put_pages(tx->common->channel, &page);
    }
}

void sw_tx_confirm(struct tx *tx, uint64_t id) {
    if (id <= tx->queue.confirmed) return;
    sw_sendq_confirm(&tx->queue, id);
    sw_progress_publish(tx->progress);
}

static bool hold(void *engine) { return sw_engine_hold_pins(engine); }

static void release(void *engine) { sw_engine_release_pins(engine); }

void sw_tx_copy(struct tx *tx) {
    const struct sw_pin_guard guard = {hold, release, tx->common->channel->engine};
    if (tx->transport != NULL) sw_tx_sample(tx);
    sw_tx_take(tx);
    struct sw_copy copy = {.first = tx->queue.kept.id + 1};
    if (!sw_sendq_copy(&tx->queue, &guard, &copy.pages)) copy.first = 0;
    sw_channel_post_copy(tx->common->channel, &copy);
}
