/* The sending half of one client: its send queue, which outlives connections, and what moves it to the socket.
 *
 * Messages come from the channel, wait in the queue, go to the transport while a connection is open, and stay until
 * the peer's TCP has acknowledged them. There is no event for that, so a timer asks the kernel while something is
 * under way.
 *
 * Coalescing: a host in the middle of a thousand sends has a few more messages whenever the loop looks, and to be
 * looked at costs it more than a send: both threads want the same lock and the same memory. So such a client waits a
 * tenth of a millisecond ("soon"), and one sendmsg takes what has come together. Messages now and then, and the first
 * ones of many, go at once. Only this client waits; the loop works for others meanwhile.
 */
#ifndef SW_LOOP_TX_H
#define SW_LOOP_TX_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "channel/greeting.h"
#include "loop/ahead.h"
#include "loop/common.h"
#include "loop/progress.h"
#include "loop/reactor.h"
#include "loop/sendq.h"
#include "loop/transport.h"
#include "loop/written.h"

enum tx_status {
    TX_IDLE,   /* no connection, or nothing more is to be sent on it */
    TX_OPEN,   /* sends what there is */
    TX_SENT,   /* all up to the fence is handed over; more may come */
    TX_BROKEN, /* the socket takes nothing any more: `error` says why */
};

struct tx {
    struct common *common;
    struct progress *progress;
    void (*on_change)(struct tx *tx); /* after an event: look at the status */

    struct sw_sendq queue;
    uint64_t acked_reported;  /* newest message that an `acked` report told of ... */
    uint64_t acked_to_report; /* ... and that one is to tell of */

    /* Of the connection. */
    enum tx_status status;
    struct sw_error error;
    bool is_ending; /* the connection is to end: the fence stays, and nothing is waited for to come together */
    bool is_final;  /* the client is closed: no command can change the fence any more */
    bool is_quiet;  /* ack_timer only waits to see whether more is sent */
    struct sw_transport *transport; /* NULL: none is open */
    struct sw_greeting *preamble;   /* goes out before the first message; one reference, until it is handed over */
    size_t preamble_sent;           /* bytes of it */
    struct sw_written written;
    uint64_t acked; /* bytes written that the peer's TCP has, when last asked */
    struct sw_ahead ahead;
    uint64_t fence; /* no message after this one is sent; lowered also as a precaution, while commands wait that may end
                        the connection; UINT64_MAX: no limit */
    uint64_t in_a_row; /* messages taken since the host had none for us */
    ev_io writer;
    ev_timer ack_timer; /* runs while something is not acknowledged, and a while longer */
    struct sw_short_timer coalesce_timer;
};

/* Its send queue goes on from what an earlier loop has published, `before`. */
void sw_tx_init(struct tx *tx, struct common *common, struct progress *progress, const struct sw_gauges *before,
                void (*on_change)(struct tx *tx));
void sw_tx_fini(struct tx *tx);

/* A connection is open: the head (one reference, taken; NULL: none), then messages, go to the transport from now on,
 * by sw_tx_send. */
void sw_tx_start(struct tx *tx, struct sw_transport *transport, struct sw_greeting *preamble);

/* Hands over what there is, as far as the kernel takes it now; watchers do the rest. */
void sw_tx_send(struct tx *tx);

/* It lets messages come together, and will send by itself. */
static inline bool sw_tx_is_coalescing(const struct tx *tx) { return tx->coalesce_timer.link != NULL; }

/* All commands that waited are handled: takes the precaution back, unless the connection is to end. */
void sw_tx_lift_fence(struct tx *tx);

/* No message after `fence` is meant for this connection. */
void sw_tx_lower_fence(struct tx *tx, uint64_t fence);

/* Sends up to `fence`, and nothing behind it; is_final: no command comes that could change that. */
void sw_tx_flush(struct tx *tx, uint64_t fence, bool is_final);

/* Nothing more is to be sent on this connection; acknowledgements still count. */
void sw_tx_shut_down(struct tx *tx);

/* Asks the kernel how far the peer's TCP is, and publishes it. A connection must be open. */
void sw_tx_sample(struct tx *tx);

/* The last sample found every byte acknowledged. */
static inline bool sw_tx_is_acked(const struct tx *tx) { return tx->acked == tx->transport->written; }

struct tx_end {
    struct sw_loss_summary losses;
    uint64_t unsent; /* messages that were not handed over whole */
};

/* The connection, if one is open, is over: what that means for the messages. is_final: no other follows. What remains
 * is what the next connection sends. */
struct tx_end sw_tx_stop(struct tx *tx, bool is_final);

/* Messages accepted and not handed over whole. */
static inline uint64_t sw_tx_unsent(const struct tx *tx) { return tx->queue.last_id - tx->queue.handed.id; }

/* Moves what the host has accepted into the send queue, so that it is counted. */
void sw_tx_take(struct tx *tx);

/* The script needs no replay of messages up to `id`. */
void sw_tx_confirm(struct tx *tx, uint64_t id);

/* The host wants pages to fill: prefaults `count` of them where the queue will go on growing. */
void sw_tx_prefault(struct tx *tx, unsigned count);

/* Gives the host copies of all unfinished messages. */
void sw_tx_copy(struct tx *tx);

#endif
