/* The end of a connection that is still open, in two phases: flush what is to go out, then drain: our FIN is out, or the
 * peer's is in, and what is left is to read to the peer's end and to see everything acknowledged.
 *
 * close() with unread input sends a reset that destroys what the kernel has not delivered; so the socket is closed only
 * when the peer has ended and has acknowledged everything, or when the time is over.
 *
 * It only decides, by facts and by the clock. What it is told and what it answers are plain data; the stream carries it
 * out, and the connection has the timer by which it is asked in time.
 */
#ifndef SW_LOOP_CLOSING_H
#define SW_LOOP_CLOSING_H

#include <stdbool.h>

#include "base/tunables.h"

enum closing_phase {
    CLOSING_NOT,   /* the connection is not to end */
    CLOSING_FLUSH, /* what is queued goes out first */
    CLOSING_DRAIN, /* nothing more is sent */
    CLOSING_DONE,
};

struct closing {
    enum closing_phase phase;
    double linger;   /* seconds for the flush, and then for the drain, which takes SW_DRAIN_MAX at most */
    double deadline; /* sw_clock: of this phase */
};

/* Not closing, for a new connection. */
void sw_closing_reset(struct closing *closing);

/* Flush for `linger` seconds at most, then drain. If it flushes already, the time begins anew. 0: over at once. */
void sw_closing_flush(struct closing *closing, double linger);

/* Drain for `linger` seconds at most, and never longer than SW_DRAIN_MAX. */
void sw_closing_drain(struct closing *closing, double linger);

/* Over at once. */
void sw_closing_end(struct closing *closing);

struct closing_facts {
    bool all_sent;   /* what was to be flushed is handed over */
    bool peer_ended; /* the peer's FIN was read */
    bool all_acked;  /* the peer's TCP has everything */
};

/* Goes on as far as the facts and the time allow; returns the phase that it is at now. */
enum closing_phase sw_closing_next(struct closing *closing, struct closing_facts facts);

/* In so many seconds at most sw_closing_next is to be called again; < 0: time changes nothing. */
double sw_closing_wait(const struct closing *closing);

#endif
