/* The state and the counters of one client, of which only the newest values matter.
 *
 * The loop overwrites the values in the channel, and the host reads them when a script asks. So they need no report and
 * no memory. A change wakes the host only if it sleeps until that change (enum sw_wake_on).
 */
#ifndef SW_CHANNEL_SNAPSHOT_H
#define SW_CHANNEL_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/state.h"

/* Counters over the client's life. The loop writes them (without a loop sw_channel_close_without_loop), the host reads
 * them. Always last_id of the outbox = queued + in_flight + finished + lost_unsent + lost_unknown. */
struct sw_gauges {
    uint64_t in_flight;       /* messages given to the kernel whole, neither finished nor lost */
    uint64_t finished;        /* messages acknowledged by the peer's TCP; with SW_RETAIN_UNCONFIRMED: confirmed */
    uint64_t lost_unsent;     /* messages that were reported lost as unsent */
    uint64_t lost_unknown;    /* messages that were reported lost as unknown */
    uint64_t lost_not_handed; /* those of lost_unknown that the last connection did not give to the kernel whole */
    uint64_t handed;          /* newest id that the last connection gave to the kernel whole, or that was lost */
    uint64_t reached;         /* newest id that any connection has tried to send, or that was lost */
    uint64_t sent_bytes, received_bytes;
    uint64_t connects; /* successful attempts */
    uint64_t failures; /* consecutive attempts and connections that failed */
};

/* The number of accepted messages that are not queued any more. */
static inline uint64_t sw_gauges_not_queued(const struct sw_gauges *gauges) {
    return gauges->in_flight + gauges->finished + gauges->lost_unsent + gauges->lost_unknown;
}

/* Which changes wake a sleeping host. More changes cost more wake-ups: the gauges change twice in each round trip. */
enum sw_wake_on {
    SW_WAKE_ON_ARRIVAL, /* messages and reports */
    SW_WAKE_ON_STATE,   /* also a new state, an inbox that becomes full, a copy of unfinished messages */
    SW_WAKE_ON_GAUGES,  /* also changed gauges */
};

/* The state of a client with what belongs to it, as the loop posts it at each change. */
struct sw_standing {
    enum sw_state state;
    uint8_t server;       /* index of the server of the connection, or of the newest attempt, among the client's */
    uint8_t ended_server; /* the same for `ended` */
    union {
        double attempt_due;   /* WAITING: when the next attempt begins (sw_clock) */
        double lookups_ahead; /* RESOLVING: other lookups because of which this one has no turn; 0: it has its turn */
    };
    struct sw_error ended; /* why the last connection or attempt ended; err = SW_OK: none has since the loop began */
};

/* The state and the counters as they were at one moment. */
struct sw_snapshot {
    enum sw_state state;
    uint8_t server;       /* index of the server of the connection, or of the newest attempt, among the client's */
    uint8_t ended_server; /* the same for `ended` */
    union {
        double attempt_due;   /* WAITING: when the next attempt begins (sw_clock) */
        double lookups_ahead; /* RESOLVING: other lookups because of which this one has no turn; 0: it has its turn */
    };
    uint32_t connection;  /* number of the open connection; 0: none is open */
    bool attached;        /* a loop handles the channel */
    bool paused;          /* the loop does not read: the inbox is full, or its reserved slot is in use */
    bool blocks_attempts; /* the loop starts no attempt: the reserved slot is in use, or there are too many reports */
    bool undelivered;     /* messages or reports are in the inbox, or the host has taken but not delivered them */
    bool gone;            /* the client is closed and has no socket */
    uint64_t accepted;    /* newest accepted message id */
    size_t queue_bytes;   /* bytes that count against queue_limit, without SW_MESSAGE_OVERHEAD for each message */
    uint64_t queue_messages; /* messages that count against queue_limit */
    size_t inbox_bytes;      /* bytes that count against inbox_limit */
    struct sw_error ended;   /* why the last connection or attempt ended; err = SW_OK: none has ended */
    struct sw_gauges gauges;
};

/* The number of messages that were never given to the kernel whole, by the equation above. */
static inline uint64_t sw_snapshot_queued(const struct sw_snapshot *snapshot) {
    return snapshot->accepted - sw_gauges_not_queued(&snapshot->gauges);
}

#endif
