/* Decides when a connection that ends may close its socket.
 *
 * close() with unread input sends a reset that destroys what the kernel has not delivered. So the socket is closed only
 * when the peer has ended and has acknowledged everything, or at the deadline: the peer may still work on what it got.
 *
 * This part only decides, by facts and the time that it is given. Both are plain data; the stream carries out what it
 * answers, and the connection has the timer by which it is asked in time.
 */
#ifndef SW_LOOP_CLOSING_H
#define SW_LOOP_CLOSING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/tunables.h"

enum closing_phase {
    CLOSING_NOT,   /* the connection does not end */
    CLOSING_FLUSH, /* queued messages are sent */
    CLOSING_DRAIN, /* no more messages are sent; the loop reads, and waits for acknowledgements */
    CLOSING_DONE,  /* the socket may be closed */
};

struct closing {
    enum closing_phase phase : 8;
    bool half_closes : 1; /* NOT: our FIN is due when all up to the fence is sent, though the connection goes on */
    bool is_awaited : 1;  /* another connection is to follow as soon as what was sent is acknowledged */
    uint16_t looks;       /* DRAIN: how often acknowledgements were asked for */
    uint32_t acked;       /* DRAIN: bytes that the peer's TCP had then: the lower bits */
    double deadline;      /* sw_clock: it is over then, whatever is missing */
    double latest;        /* sw_clock: DRAIN: acknowledgements that come may move the deadline, but not beyond this */
    double acked_since;   /* sw_clock: DRAIN: the peer's TCP has everything since then; 0: it has not */
};

/* Sets CLOSING_NOT, for a new connection. */
void sw_closing_reset(struct closing *closing);

/* Flush, then drain, both until the deadline. */
void sw_closing_flush(struct closing *closing, double deadline);

/* Drain until the deadline. */
void sw_closing_drain(struct closing *closing, double deadline);

/* Sets CLOSING_DONE. */
void sw_closing_end(struct closing *closing);

struct closing_facts {
    bool all_sent;   /* what was to be flushed is handed over */
    bool peer_ended; /* the peer's FIN was read */
    bool all_acked;  /* the peer's TCP has everything */
    bool is_unheard; /* nobody is left to hear of it: the peer's own end is waited for SW_UNHEARD_END at most */
};

/* Goes on as far as the facts and the time allow; returns the phase that it is at now. */
enum closing_phase sw_closing_next(struct closing *closing, struct closing_facts facts, double now);

/* In so many seconds at most sw_closing_next is to be called again; < 0: time changes nothing. */
double sw_closing_wait(const struct closing *closing, double now);

#endif
