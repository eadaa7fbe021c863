#include "loop/stream.h"

#include "base/list.h"
#include "channel/loop_end.h"

/* --- the end of a connection --- */

/* While the stream drains, asks the kernel for the acknowledgements. */
static struct closing_facts gather_facts(struct stream *stream) {
    if (sw_stream_phase(stream) == CLOSING_DRAIN) sw_tx_sample(&stream->tx);
    return (struct closing_facts){
        .all_sent = stream->tx.status == TX_SENT,
        .peer_ended = stream->rx.status == RX_ENDED,
        .all_acked = sw_tx_is_acked(&stream->tx),
    };
}

/* Sends our FIN. rx continues to read. */
static void shut_down(struct stream *stream) {
    sw_tx_shut_down(&stream->tx);
    stream->transport.table->shut_down(&stream->transport);
}

/* The kernel refuses our bytes, or the peer's FIN has come: reads what the peer sent before, then ends. */
static void begin_drain(struct stream *stream, struct sw_error cause) {
    stream->cause = cause;
    sw_closing_drain(&stream->closing, SW_DRAIN_MAX);
    shut_down(stream);
}

/* Acts on the status of tx and rx. */
static void check_halves(struct stream *stream) {
    enum closing_phase phase = sw_stream_phase(stream);
    if (stream->rx.status == RX_BROKEN) {
        if (phase != CLOSING_DRAIN) stream->cause = stream->rx.error; /* while draining, the first cause stays */
        sw_closing_end(&stream->closing);
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
        next = sw_closing_next(&stream->closing, gather_facts(stream));
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
    sw_tx_fini(&stream->tx);
    sw_progress_fini(&stream->progress);
}

void sw_stream_open(struct stream *stream, const struct sw_transport *transport, struct sw_greeting *preamble) {
    stream->transport = *transport;
    sw_closing_reset(&stream->closing);
    sw_rx_start(&stream->rx, &stream->transport);
    sw_tx_start(&stream->tx, &stream->transport, preamble);
    sw_stream_send(stream);
}

void sw_stream_send(struct stream *stream) {
    sw_tx_send(&stream->tx);
    sw_stream_advance(stream);
}

static struct sw_error closed(void) { return sw_error_make(SW_CLOSED, SW_STAGE_CLOSE); }

void sw_stream_flush(struct stream *stream, uint64_t fence, double linger, bool is_final) {
    if (is_final) sw_rx_drop_input(&stream->rx);
    if (sw_stream_phase(stream) == CLOSING_NOT || sw_stream_phase(stream) == CLOSING_FLUSH) {
        stream->cause = closed();
        sw_tx_flush(&stream->tx, fence, is_final);
        sw_closing_flush(&stream->closing, linger);
        if (sw_stream_phase(stream) == CLOSING_FLUSH) sw_tx_send(&stream->tx);
    }
    sw_stream_advance(stream);
}

void sw_stream_shut_down(struct stream *stream, uint64_t fence, double linger) {
    stream->cause = closed();
    sw_tx_lower_fence(&stream->tx, fence);
    sw_closing_drain(&stream->closing, linger);
    shut_down(stream);
    sw_stream_advance(stream);
}

void sw_stream_close(struct stream *stream, bool is_final, struct sw_report *report) {
    const struct tx_end end = sw_tx_stop(&stream->tx, is_final);
    report->unsent = end.unsent;
    report->unacked = end.losses.in_flight;
    report->lost_unknown = end.losses.unknown;
    report->lost_unsent = end.losses.unsent;
    report->partial = (uint32_t)sw_rx_stop(&stream->rx);
    sw_closing_reset(&stream->closing);
    if (sw_stream_is_open(stream)) stream->transport.table->close(&stream->transport);
}
