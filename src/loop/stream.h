/* One open connection of a client: what sends (tx), what receives (rx), how it ends (closing), over one transport.
 *
 * A stream exists as long as its client, and is opened and closed once for each connection: the send queue (in tx)
 * and what is known of the inbox (in rx) outlive connections. Its owner uses tx and rx directly for these two. Of the
 * connection it tells the stream only how to end it, and looks at sw_stream_phase after each call of a function that
 * may change it, and when it is told by on_change. While the connection ends, time matters, too, and the timer is the
 * owner's: sw_stream_wait says when to call sw_stream_advance.
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
    void (*on_change)(struct stream *stream); /* after an event that changed the phase */
    struct sw_transport transport;
    struct progress progress;
    struct tx tx;
    struct rx rx;
    struct closing closing;
    struct sw_error cause; /* why the connection ends, or has ended */
};

void sw_stream_init(struct stream *stream, struct common *common, void (*on_change)(struct stream *stream));
void sw_stream_fini(struct stream *stream);

/* The connection is ready: sends the head (one reference, taken; NULL: none) and what is queued, and receives. The
 * transport's struct is copied, and the copy is used from now on. */
void sw_stream_open(struct stream *stream, const struct sw_transport *transport, struct sw_greeting *preamble);

static inline bool sw_stream_is_open(const struct stream *stream) { return sw_transport_is_open(&stream->transport); }

/* How far its end has come. CLOSING_DONE: it is to be closed. */
static inline enum closing_phase sw_stream_phase(const struct stream *stream) { return stream->closing.phase; }

/* Its end goes on as far as it can, and in so many seconds at most it is to be asked to go on again; < 0: it does not
 * end.
 */
void sw_stream_advance(struct stream *stream);
static inline double sw_stream_wait(const struct stream *stream) { return sw_closing_wait(&stream->closing); }

/* The host has accepted messages. */
void sw_stream_send(struct stream *stream);

/* We end it: flushes up to message `fence` for at most `linger` seconds, drains then. is_final: the client is closed,
 * so what is received is dropped. Where it drains already, only that changes. */
void sw_stream_flush(struct stream *stream, uint64_t fence, double linger, bool is_final);

/* We end it and send no more: drains for at most `linger` seconds. Messages after `fence` are not meant for it. */
void sw_stream_shut_down(struct stream *stream, uint64_t fence, double linger);

/* It is over, or there was none: closes the socket, and says in the report what that means for the messages.
 * is_final: no other connection follows. */
void sw_stream_close(struct stream *stream, bool is_final, struct sw_report *report);

#endif
