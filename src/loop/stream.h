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

/* Opens the stream: sends the preamble, then the queued messages, and receives. Takes over the reference to the
 * preamble (NULL: none). Copies *transport and uses only the copy. */
void sw_stream_open(struct stream *stream, const struct sw_transport *transport, struct sw_greeting *preamble);

static inline bool sw_stream_is_open(const struct stream *stream) { return sw_transport_is_open(&stream->transport); }

/* How far the end of the connection has come. At CLOSING_DONE, the owner calls sw_stream_close. */
static inline enum closing_phase sw_stream_phase(const struct stream *stream) { return stream->closing.phase; }

/* Enters the next phase, or phases, if that is possible now. */
void sw_stream_advance(struct stream *stream);

/* Seconds after which the owner must call sw_stream_advance; < 0: the connection does not end. */
static inline double sw_stream_wait(const struct stream *stream) { return sw_closing_wait(&stream->closing); }

/* Sends the messages that the host has accepted. */
void sw_stream_send(struct stream *stream);

/* Ends the connection: flushes up to message `fence` for at most `linger` seconds, then drains. is_final: the client
 * is closed, and received bytes are dropped. If the stream drains already, only is_final has an effect. */
void sw_stream_flush(struct stream *stream, uint64_t fence, double linger, bool is_final);

/* Ends the connection without sending more: drains for at most `linger` seconds. Messages after `fence` are kept for
 * the next connection. */
void sw_stream_shut_down(struct stream *stream, uint64_t fence, double linger);

/* Closes the socket, if there is one, and puts into the report what became of the messages. is_final: no other
 * connection follows. */
void sw_stream_close(struct stream *stream, bool is_final, struct sw_report *report);

#endif
