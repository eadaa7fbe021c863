/* A stream is one open connection of a client: sending (tx), receiving (rx) and closing, over one transport.
 *
 * The stream's struct exists as long as the client, because the send queue (in tx) and the credit of the inbox (in
 * rx) outlive connections. It is opened and closed once for each connection. The owner uses tx and rx directly for
 * the queue and the credit. It can tell the stream how to end the connection. It reads sw_stream_phase after each
 * call that may change it, and when on_change is called. While the connection ends, the owner runs a timer:
 * sw_stream_wait says when to call sw_stream_advance.
 */
#ifndef SW_LOOP_STREAM_H
#define SW_LOOP_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"
#include "channel/greeting.h"
#include "channel/report.h"
#include "loop/closing.h"
#include "loop/common.h"
#include "loop/progress.h"
#include "loop/rx.h"
#include "loop/transport.h"
#include "loop/tx.h"

struct stream {
    void (*on_change)(struct stream *stream); /* called after an event that has changed the phase */
    struct sw_transport transport;
    struct progress progress;
    struct tx tx;
    struct rx rx;
    struct closing closing;
    struct sw_error cause; /* why the connection ends, or the last one has ended */
};

void sw_stream_init(struct stream *stream, struct common *common, void (*on_change)(struct stream *stream));
void sw_stream_fini(struct stream *stream);

/* The connection is ready, with the opening (one reference, taken; NULL: none) as what goes out first. Receives from now on;
 * sw_stream_send or sw_stream_flush, which follows, sends. The transport's struct is copied, and the copy is used from now
 * on. */
void sw_stream_open(struct stream *stream, const struct sw_transport *transport, struct sw_greeting *opening);

static inline bool sw_stream_is_open(const struct stream *stream) { return sw_transport_is_open(&stream->transport); }

/* How far the end of the connection has come. At CLOSING_DONE, the owner calls sw_stream_close. */
static inline enum closing_phase sw_stream_phase(const struct stream *stream) { return stream->closing.phase; }

/* Enters the next phase, or phases, if that is possible now. */
void sw_stream_advance(struct stream *stream);
static inline double sw_stream_wait(const struct stream *stream) {
    return sw_closing_wait(&stream->closing, sw_clock());
}

/* Ends the connection, because what it has brought cannot be decoded. */
void sw_stream_break(struct stream *stream);

/* Sends the messages that the host has accepted. */
void sw_stream_send(struct stream *stream);

/* We end it: flushes up to message `fence`, then drains, both for at most `linger` seconds from now; the newest linger
 * counts. is_final: the client is closed, so what is received is dropped. Where it drains already, only time and that
 * change. */
void sw_stream_flush(struct stream *stream, uint64_t fence, double linger, bool is_final);

/* Ends the connection without sending more: drains for at most `linger` seconds. Messages after `fence` are kept for
 * the next connection. */
void sw_stream_shut_down(struct stream *stream, uint64_t fence, double linger);

/* Sends up to message `fence`, then our FIN; receiving goes on until the peer ends. */
void sw_stream_half_close(struct stream *stream, uint64_t fence);

/* While it ends: it has `linger` seconds from now on, and messages after `fence` are not meant for it. */
void sw_stream_end_by(struct stream *stream, uint64_t fence, double linger);

/* While it ends: it may be over as soon as everything is acknowledged, whether the peer has ended or not. */
void sw_stream_await(struct stream *stream);

/* It is over, or there was none: says in the report what that means for the messages. is_final: no other connection
 * follows. *rest becomes the transport, where the peer has not ended and the socket may linger; else the
 * socket is closed, and rest->table NULL. */
void sw_stream_close(struct stream *stream, bool is_final, struct sw_report *report, struct sw_transport *rest);

/* sw_clock: when its end is over, at the latest. Without a connection, for the owner: when the linger is over. */
static inline double sw_stream_deadline(const struct stream *stream) { return stream->closing.deadline; }
static inline void sw_stream_set_deadline(struct stream *stream, double deadline) {
    stream->closing.deadline = deadline;
}

#endif
