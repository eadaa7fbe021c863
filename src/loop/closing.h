/* Decides when a connection that ends may close its socket.
 *
 * close() with unread input makes the kernel send a reset, and drop what it has not delivered to the peer. So a
 * connection ends in two phases. In the flush, queued messages are sent. In the drain, after our FIN, the loop reads
 * until the peer's FIN and waits until the peer's TCP has acknowledged everything. Both phases have a time limit.
 *
 * This part only decides, from facts and the clock. The stream carries its decisions out. The connection has the
 * timer for the time limits.
 */
#ifndef SW_LOOP_CLOSING_H
#define SW_LOOP_CLOSING_H

#include <stdbool.h>

#include "base/tunables.h"

enum closing_phase {
    CLOSING_NOT,   /* the connection does not end */
    CLOSING_FLUSH, /* queued messages are sent */
    CLOSING_DRAIN, /* no more messages are sent; the loop reads, and waits for acknowledgements */
    CLOSING_DONE,  /* the socket may be closed */
};

struct closing {
    enum closing_phase phase;
    double linger;   /* time limit of the flush in seconds, and of the drain after it, which has SW_DRAIN_MAX at most */
    double deadline; /* sw_clock: the end of the current phase */
};

/* Sets CLOSING_NOT, for a new connection. */
void sw_closing_reset(struct closing *closing);

/* Begins to flush for at most `linger` seconds; restarts the time limit if it flushes already. If linger is 0,
 * closing is done at once. */
void sw_closing_flush(struct closing *closing, double linger);

/* Begins to drain for at most `linger` seconds, and at most SW_DRAIN_MAX. */
void sw_closing_drain(struct closing *closing, double linger);

/* Sets CLOSING_DONE. */
void sw_closing_end(struct closing *closing);

struct closing_facts {
    bool all_sent;   /* the messages to flush are handed over to the kernel */
    bool peer_ended; /* the loop has read up to the peer's FIN */
    bool all_acked;  /* the peer's TCP has acknowledged every byte */
};

/* Enters the next phase if the facts or the time allow it. Returns the current phase. */
enum closing_phase sw_closing_next(struct closing *closing, struct closing_facts facts);

/* Seconds after which sw_closing_next must be called again; < 0: only an event can change the phase. */
double sw_closing_wait(const struct closing *closing);

#endif
