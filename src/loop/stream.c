#include "loop/stream.h"

#include <math.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/options.h"
#include "base/platform.h"
#include "channel/loop_end.h"
#include "loop/socket.h"

/* --- the end of a connection --- */

/* Seconds for acknowledgements that are under way. */
static double ack_wait(const struct stream *stream) {
    return SW_ACK_WAIT + 2 * sw_socket_round_trip(stream->transport.fd);
}

/* The kernel may hold more than one round trip carries: as long as acknowledgements come, more are waited for. */
static void look_at_acks(struct stream *stream) {
    struct closing *closing = &stream->closing;
    sw_tx_sample(&stream->tx);
    if ((uint32_t)stream->tx.acked == closing->acked) return;
    closing->acked = (uint32_t)stream->tx.acked;
    closing->deadline = fmax(closing->deadline, fmin(sw_clock() + ack_wait(stream), closing->latest));
}

/* While it drains, the kernel is asked for them. */
static struct closing_facts gather_facts(struct stream *stream) {
    bool drains = sw_stream_phase(stream) == CLOSING_DRAIN;
    if (drains && !stream->transport.fin)
        stream->transport.table->shut_down(&stream->transport); /* there was no room */
    if (drains) look_at_acks(stream);
    return (struct closing_facts){
        .all_sent = stream->tx.status == TX_SENT,
        .peer_ended = stream->rx.status == RX_ENDED,
        .all_acked = sw_tx_is_acked(&stream->tx),
        /* Where acknowledgements are not counted, only the peer's end tells that it has everything. */
        .is_unheard = SW_COUNTS_UNACKED && drains && sw_channel_is_orphaned(stream->tx.common->channel),
    };
}

/* Sends our FIN. rx continues to read. */
static void shut_down(struct stream *stream) {
    sw_tx_shut_down(&stream->tx);
    stream->transport.table->shut_down(&stream->transport);
}

/* The kernel refuses our bytes, or the peer has ended: what it sent before is still to be read. All of it within the
 * linger, also where the end was not ours. */
static void begin_drain(struct stream *stream, struct sw_error cause) {
    double now = sw_clock(), latest = now + stream->tx.common->channel->options->linger;
    if (sw_stream_phase(stream) != CLOSING_NOT) latest = fmin(latest, stream->closing.deadline);
    stream->cause = cause;
    stream->closing.acked = (uint32_t)stream->tx.acked;
    sw_closing_drain(&stream->closing, latest);
    stream->closing.deadline = fmin(now + ack_wait(stream), latest);
    shut_down(stream);
}

/* What was to be sent is sent: our FIN. The connection goes on in the other direction. */
static void half_close(struct stream *stream) {
    if (!stream->closing.half_closes || stream->tx.status != TX_SENT) return;
    stream->closing.half_closes = false;
    shut_down(stream);
}

/* The first cause of an end stays, unless it is that nothing could be sent, and the peer has said in TLS why it ended. */
static bool is_first_cause(const struct stream *stream) {
    bool is_vague = stream->cause.err == SW_SYSTEM && stream->cause.stage == SW_STAGE_SEND;
    return sw_stream_phase(stream) != CLOSING_DRAIN || (is_vague && stream->rx.error.err == SW_TLS);
}

/* Acts on the status of tx and rx. */
static void check_halves(struct stream *stream) {
    enum closing_phase phase = sw_stream_phase(stream);
    if (phase == CLOSING_NOT) half_close(stream);
    if (stream->rx.status == RX_BROKEN) {
        if (is_first_cause(stream)) stream->cause = stream->rx.error;
        sw_closing_end(&stream->closing);
    } else if (stream->tx.status == TX_BROKEN && phase == CLOSING_DRAIN) {
        sw_closing_end(&stream->closing); /* nothing is acknowledged any more: loop/stall.h */
    } else if (stream->tx.status == TX_BROKEN) {
        begin_drain(stream, stream->tx.error);
    } else if (stream->rx.status == RX_ENDED && phase == CLOSING_NOT) {
        begin_drain(stream, stream->rx.error);
    }
}

void sw_stream_advance(struct stream *stream) {
    if (sw_stream_phase(stream) == CLOSING_DONE) return;
    check_halves(stream);
    for (enum closing_phase phase = sw_stream_phase(stream), next; phase == CLOSING_FLUSH || phase == CLOSING_DRAIN;
         phase = next) {
        next = sw_closing_next(&stream->closing, gather_facts(stream), sw_clock());
        if (next == phase) break;
        if (next == CLOSING_DRAIN) shut_down(stream);
    }
}

/* --- events --- */

static void handle_event(struct stream *stream) {
    enum closing_phase before = sw_stream_phase(stream);
    sw_stream_advance(stream);
    if (sw_stream_phase(stream) != before) stream->on_change(stream);
}

static void on_tx(struct tx *tx) { handle_event(SW_HOLDER(tx, struct stream, tx)); }

static void on_rx(struct rx *rx) { handle_event(SW_HOLDER(rx, struct stream, rx)); }

/* --- functions for the owner --- */

void sw_stream_init(struct stream *stream, struct common *common, void (*on_change)(struct stream *stream)) {
    struct sw_gauges before;
    sw_channel_gauges(common->channel, &before);
    stream->on_change = on_change;
    stream->transport = (struct sw_transport){.table = NULL};
    stream->cause = sw_error_make(SW_OK, SW_STAGE_NONE);
    sw_progress_init(&stream->progress, common, &stream->tx.queue, &before);
    sw_tx_init(&stream->tx, common, &stream->progress, &before, on_tx);
    sw_rx_init(&stream->rx, common, &stream->progress, on_rx);
    sw_closing_reset(&stream->closing);
}

void sw_stream_fini(struct stream *stream) {
    sw_rx_fini(&stream->rx);
    sw_tx_fini(&stream->tx);
    sw_progress_fini(&stream->progress);
}

void sw_stream_open(struct stream *stream, const struct sw_transport *transport, struct sw_greeting *opening) {
    stream->transport = *transport;
    sw_closing_reset(&stream->closing);
    sw_rx_start(&stream->rx, &stream->transport);
    sw_tx_start(&stream->tx, &stream->transport, opening);
}

void sw_stream_send(struct stream *stream) {
    sw_tx_send(&stream->tx);
    sw_stream_advance(stream);
}

void sw_stream_break(struct stream *stream) {
    sw_rx_break(&stream->rx);
    sw_stream_advance(stream);
}

static struct sw_error closed(void) { return sw_error_make(SW_CLOSED, SW_STAGE_CLOSE); }

/* The newest command's linger counts, but a connection that ends by itself is not kept for it. */
static void set_deadline(struct stream *stream, double deadline) {
    struct closing *closing = &stream->closing;
    bool is_ours = stream->cause.err == SW_CLOSED;
    closing->latest = is_ours ? deadline : fmin(deadline, closing->latest);
    closing->deadline = is_ours ? deadline : fmin(deadline, closing->deadline);
}

void sw_stream_flush(struct stream *stream, uint64_t fence, double linger, bool is_final) {
    enum closing_phase phase = sw_stream_phase(stream);
    double deadline = sw_clock() + linger;
    stream->closing.is_awaited = false;
    if (is_final) sw_rx_drop_input(&stream->rx);
    if (phase == CLOSING_NOT && stream->tx.status == TX_IDLE) {
        sw_stream_shut_down(stream, fence, linger);
    } else if (phase == CLOSING_NOT || phase == CLOSING_FLUSH) {
        stream->cause = closed();
        sw_tx_flush(&stream->tx, fence, is_final);
        sw_closing_flush(&stream->closing, deadline);
        if (linger > 0) sw_tx_send(&stream->tx);
    } else if (phase == CLOSING_DRAIN) {
        set_deadline(stream, deadline);
    }
    sw_stream_advance(stream);
}

void sw_stream_shut_down(struct stream *stream, uint64_t fence, double linger) {
    stream->cause = closed();
    sw_tx_lower_fence(&stream->tx, fence);
    sw_closing_drain(&stream->closing, sw_clock() + linger);
    shut_down(stream);
    sw_stream_advance(stream);
}

void sw_stream_half_close(struct stream *stream, uint64_t fence) {
    sw_tx_flush(&stream->tx, fence, false);
    stream->closing.half_closes = true;
    sw_stream_send(stream);
}

void sw_stream_end_by(struct stream *stream, uint64_t fence, double linger) {
    stream->closing.is_awaited = false;
    sw_tx_lower_fence(&stream->tx, fence);
    set_deadline(stream, sw_clock() + linger);
    sw_stream_advance(stream);
}

void sw_stream_await(struct stream *stream) {
    stream->closing.is_awaited = true;
    sw_stream_advance(stream);
}

/* Another connection follows, and the peer has not ended. */
static bool may_linger(const struct stream *stream) {
    return sw_stream_is_open(stream) && stream->closing.is_awaited && stream->rx.status == RX_OPEN &&
           sw_stream_phase(stream) == CLOSING_DONE && sw_tx_is_acked(&stream->tx) &&
           sw_clock() < stream->closing.deadline;
}

void sw_stream_close(struct stream *stream, bool is_final, struct sw_report *report, struct sw_transport *rest) {
    bool lingers = may_linger(stream);
    const struct tx_end end = sw_tx_stop(&stream->tx, is_final);
    report->unsent = end.unsent;
    report->unacked = end.losses.in_flight;
    report->lost_unknown = end.losses.unknown;
    report->lost_unsent = end.losses.unsent;
    report->once_lost = end.once_lost;
    bool lacks_partial;
    report->partial = sw_rx_stop(&stream->rx, !is_final, &lacks_partial);
    report->lacks_partial = lacks_partial;
    rest->table = NULL;
    if (lingers) {
        *rest = stream->transport;
        stream->transport.table = NULL;
    } else if (sw_stream_is_open(stream)) {
        stream->transport.table->close(&stream->transport);
    }
    stream->closing.phase = CLOSING_NOT;
}
