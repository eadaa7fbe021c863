/* The sending half of one client: its send queue, and what moves it to the socket.
 *
 * tx takes messages from the channel into the queue, and hands them over to the transport while a connection is open.
 * A message stays in the queue until the peer's TCP has acknowledged it. No event tells that, so a timer asks the
 * kernel while bytes are not acknowledged. The queue outlives connections.
 *
 * Coalescing: while a host sends many messages in a row, the loop would find only a few new ones each time. To take
 * them costs the host more than a send, because both threads need the same lock and the same memory. So for such a
 * client the loop waits a tenth of a millisecond, and one sendmsg sends all messages that have come meanwhile. Single
 * messages, and the first ones of many, are sent at once. Only this client waits; the loop works for the others.
 */
#ifndef SW_LOOP_TX_H
#define SW_LOOP_TX_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "channel/greeting.h"
#include "channel/once.h"
#include "loop/ahead.h"
#include "loop/common.h"
#include "loop/progress.h"
#include "loop/reactor.h"
#include "loop/sendq.h"
#include "loop/transport.h"
#include "loop/written.h"

enum tx_status {
    TX_IDLE,   /* no connection is open, or no more is sent on it */
    TX_OPEN,   /* there may be messages to send */
    TX_SENT,   /* all messages up to the fence are handed over; more may come */
    TX_BROKEN, /* the socket takes no more bytes; `error` says why */
};

struct tx {
    struct common *common;
    struct progress *progress;
    void (*on_change)(struct tx *tx); /* called after each event; the status may have changed */

    struct sw_sendq queue;
    uint64_t acked_reported;  /* newest message that was in an `acked` report */
    uint64_t acked_to_report; /* newest message that should be in one */

    /* The fields below belong to the current connection. */
    enum tx_status status;
    struct sw_error error;
    bool is_ending; /* a command ends the connection: the fence is final, and messages do not coalesce */
    bool is_final;  /* the client is closed: no command can lower the fence */
    struct sw_transport *transport; /* NULL: none is open */
    struct sw_greeting *opening;    /* sent before the first message; one reference; NULL: none, or handed over */
    size_t opening_sent;            /* bytes of it that were handed over */
    struct sw_once *once;           /* messages of send_once: the last one of their ring (channel/once.h) */
    struct sw_written written;      /* which bytes of the queue the written bytes carried */
    uint64_t acked;                 /* how many written bytes were acknowledged at the last sample */
    struct sw_ahead ahead;          /* the limit of unsent bytes in the system */
    uint32_t stalled_since;         /* no byte was acknowledged since then, and some wait: see loop/stall.h */
    uint64_t fence;    /* id of the last message that this connection may send; UINT64_MAX: no limit. Also lowered while
                        commands wait that may end the connection */
    uint64_t in_a_row; /* messages taken since the outbox was last empty */
    ev_io writer;      /* active while the socket must become writable */
    ev_timer ack_timer;                   /* active while bytes are not acknowledged, or cannot be handed over */
    struct sw_short_timer coalesce_timer; /* started while messages coalesce */
};

/* The send queue continues the ids and counters of `before`, which an earlier loop thread has published. */
void sw_tx_init(struct tx *tx, struct common *common, struct progress *progress, const struct sw_gauges *before,
                void (*on_change)(struct tx *tx));
void sw_tx_fini(struct tx *tx);

/* Prepares to send on a new connection: first the opening, then messages. Takes over the reference to the opening
 * (NULL: none). Sends nothing: sw_tx_send does. */
void sw_tx_start(struct tx *tx, struct sw_transport *transport, struct sw_greeting *opening);

/* Hands over messages as far as the kernel takes them now. Watchers send the rest later. */
void sw_tx_send(struct tx *tx);

/* When the connection ends: drops the messages of send_once that were not handed over whole, and returns their number. */
uint32_t sw_tx_give_up_once(struct tx *tx);

/* True while messages coalesce: they are sent when coalesce_timer runs. */
static inline bool sw_tx_is_coalescing(const struct tx *tx) { return tx->coalesce_timer.link != NULL; }

/* Removes the fence, unless a command ends the connection (is_ending). Called when no command waits
 * any more. */
void sw_tx_lift_fence(struct tx *tx);

/* This connection sends no message after `fence`, unless its fence is lower already. */
void sw_tx_lower_fence(struct tx *tx, uint64_t fence);

/* Sets the fence of a connection that a command ends; is_final: the client is closed. */
void sw_tx_flush(struct tx *tx, uint64_t fence, bool is_final);

/* Sends no more on this connection. Acknowledgements still count. */
void sw_tx_shut_down(struct tx *tx);

/* Asks the kernel what the peer's TCP has acknowledged, and publishes it. A connection must be open. */
void sw_tx_sample(struct tx *tx);

/* True if every written byte was acknowledged at the last sample. */
static inline bool sw_tx_is_acked(const struct tx *tx) { return tx->acked == tx->transport->written; }

/* What the end of a connection means for the messages. */
struct tx_end {
    struct sw_loss_summary losses;
    uint64_t unsent;    /* messages that were not handed over whole */
    uint32_t once_lost; /* messages of send_once that were not handed over whole */
};

/* Ends sending on the connection, if one is open, and gives up messages by the retain mode. The queue keeps those
 * that the next connection sends. is_final: no connection follows, and all messages are given up. */
struct tx_end sw_tx_stop(struct tx *tx, bool is_final);

/* How many messages were taken into the queue and not handed over as a whole. */
static inline uint64_t sw_tx_unsent(const struct tx *tx) { return tx->queue.last_id - tx->queue.handed.id; }

/* True if the next connection has messages to send, up to message `fence`. Counts those that sw_tx_take has taken. */
static inline bool sw_tx_has_rest(const struct tx *tx, uint64_t fence) {
    return tx->queue.handed.id < tx->queue.last_id && tx->queue.handed.id < fence;
}

/* Id of the first message that a connection would carry if it began now. */
static inline uint64_t sw_tx_first(const struct tx *tx) { return tx->queue.handed.id + 1; }

/* Takes the messages that the host has accepted into the send queue. */
void sw_tx_take(struct tx *tx);

/* The script has confirmed messages up to `id`. */
void sw_tx_confirm(struct tx *tx, uint64_t id);

/* Prefaults `count` pages for the host, if the queue grows because the connection cannot send now. */
void sw_tx_prefault(struct tx *tx, unsigned count);

/* Gives the host a copy of all unfinished messages. */
void sw_tx_copy(struct tx *tx);

#endif
