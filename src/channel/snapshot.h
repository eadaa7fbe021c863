/* What the loop tells about one client where only the newest value matters: its state, and counters.
 *
 * The loop overwrites the values in the channel, the host looks at them when a script asks: no report is made, and no
 * memory needed. A host that sleeps until one of them changes says so (wake_on); no other host is woken by a change.
 */
#ifndef SW_CHANNEL_SNAPSHOT_H
#define SW_CHANNEL_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/state.h"

/* Counters that the loop writes, or sw_channel_close_here where there is no loop, and the host reads. accepted = queued +
 * in_flight + finished + lost, where accepted is the outbox's last_id. */
struct sw_gauges {
    uint64_t in_flight;   /* messages handed to the kernel whole, neither finished nor given up */
    uint64_t finished;    /* acknowledged by the peer's TCP; under SW_RETAIN_UNCONFIRMED: confirmed */
    uint64_t lost_unsent; /* reported with that fate */
    uint64_t lost_unknown;
    uint64_t lost_not_handed; /* of the unknown: the last connection did not give them to the kernel whole */
    uint64_t handed;  /* newest id handed to the kernel whole, by the last connection that there was, or given up */
    uint64_t reached; /* newest id that any connection was given, or that was given up */
    uint64_t sent_bytes, received_bytes;
    uint64_t connects; /* connections that were ready */
    uint64_t failures; /* attempts and connections that failed, in a row */
};

static inline uint64_t sw_gauges_not_queued(const struct sw_gauges *gauges) {
    return gauges->in_flight + gauges->finished + gauges->lost_unsent + gauges->lost_unknown;
}

/* What wakes a host that sleeps, beside what comes into the inbox. Each has a cost: the gauges change twice in a round
 * trip. */
enum sw_wake_on {
    SW_WAKE_ON_ARRIVAL,
    SW_WAKE_ON_STATE,  /* the state; an inbox that becomes full; a copy that it waits for */
    SW_WAKE_ON_GAUGES, /* these too */
};

/* All that scripts may ask at any time, as it was at one moment. */
struct sw_snapshot {
    enum sw_state state;
    uint32_t connection; /* number of the one that is open; 0: none */
    bool attached;       /* a loop looks after the channel */
    bool paused;         /* the inbox is full, or its reserved slot is in use: nothing is read */
    bool held;           /* the same slot, or too many reports: no attempt is made */
    bool undelivered;    /* something lies in the inbox, or was taken and is not delivered */
    bool gone;           /* closed, and its socket too */
    uint64_t accepted;
    size_t queue_bytes;      /* what counts against queue_limit, without SW_MESSAGE_OVERHEAD ... */
    uint64_t queue_messages; /* ... for each of these */
    size_t inbox_bytes;
    struct sw_error ended; /* why the last connection or attempt ended; err = SW_OK: never */
    struct sw_gauges gauges;
};

/* Queued messages by the equation above. */
static inline uint64_t sw_snapshot_queued(const struct sw_snapshot *snapshot) {
    return snapshot->accepted - sw_gauges_not_queued(&snapshot->gauges);
}

#endif
