/* One client's channel: all that its host side and its loop side share.
 *
 * The host holds a client (userdata), the loop holds a connection; neither points to the other. Between them stand an
 * outbox, an inbox, a list of commands and a few gauges behind one lock. Counted: by the client, by the connection, and
 * by each engine list that it stands in. What the host thread does with it is in host_end.h, what the loop thread does
 * in loop_end.h.
 */
#ifndef SW_CHANNEL_CHANNEL_H
#define SW_CHANNEL_CHANNEL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/options.h"
#include "base/state.h"
#include "channel/command.h"
#include "channel/engine.h"
#include "channel/greeting.h"
#include "channel/inbox.h"
#include "channel/lock.h"
#include "channel/outbox.h"

/* Counters that the loop keeps (sw_channel_close_here, where there is none) and the host reads. accepted = queued +
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

/* What wakes a host that sleeps, beside records in the inbox. More would wake it for nothing: twice a round trip. */
enum sw_watch {
    SW_WATCH_NOTHING,
    SW_WATCH_STATE,  /* of the client; an inbox that becomes full; the copy it wants */
    SW_WATCH_GAUGES, /* these too */
};

/* A host that gives up a copy and wants another while the loop makes the first gets the second. */
enum sw_copying {
    SW_COPY_IDLE,   /* none is wanted; one that was made may be there */
    SW_COPY_WANTED, /* the loop is to make one */
    SW_COPY_MAKING, /* the loop has seen that */
};

/* Copies of the unfinished messages. */
struct sw_copy {
    struct sw_pages pages;
    uint64_t first; /* id of the first */
    bool failed;    /* no memory */
};

static inline uint64_t sw_gauges_not_queued(const struct sw_gauges *gauges) {
    return gauges->in_flight + gauges->finished + gauges->lost_unsent + gauges->lost_unknown;
}

struct sw_channel {
    atomic_int refs;
    atomic_int fd;              /* loop writes: its socket or -1; only a forked child reads it, to close it */
    struct sw_engine *engine;   /* one reference */
    struct sw_options *options; /* one reference */
    void *owner;                /* host thread only: the client, NULL once that is collected */
    void *conn;                 /* loop thread only: the connection, NULL before the first command and after the last */

    struct sw_link down; /* in the engine's list for the loop, where it holds a reference; set by the engine */
    struct sw_link up;   /* and in the one for the host */

    struct sw_lock lock; /* guards what follows; what a send looks at comes first */
    bool attached; /* host sets with the first connect, loop clears when it drops the connection: the loop knows it */
    bool posted;   /* host sets, loop clears: stands in the engine's list for the loop */
    bool silent;   /* host: collected, nobody is left to be told anything */
    bool gone; /* closed, and its socket too: the last report is there; loop sets, or the host where there is no loop */
    enum sw_state state; /* what scripts see: host at a command, loop when it knows the newest command */
    struct sw_outbox out;
    struct sw_inbox in;
    struct sw_command *commands, **commands_tail; /* host adds, loop takes and frees */
    struct sw_command close_command;              /* so that closing needs no memory */
    uint64_t command;                             /* host: number of the newest command */
    uint64_t confirmed;                           /* host: newest id that the script confirmed */
    struct sw_greeting *greeting;                 /* host: one reference, for the next connection; NULL: none */
    struct sw_copy copy;                          /* loop puts, host takes */
    enum sw_watch watch;                          /* host: what it sleeps for */
    enum sw_copying copying;                      /* host begins, loop goes on and ends, host gives up */
    bool discard;                                 /* host: on = { message = false } */
    bool wants_log;                               /* host: there is a handler for log */
    bool wants_acked;                             /* host: and one for acked */
    struct sw_error ended; /* loop: why the last connection or attempt ended; err = SW_OK: never */
    struct sw_gauges gauges;
};

/* A new channel with one reference; takes that to the options, which are NULL where there was no memory for them. NULL:
 * no memory. */
struct sw_channel *sw_channel_new(struct sw_engine *engine, struct sw_options *options);
struct sw_channel *sw_channel_ref(struct sw_channel *channel);
void sw_channel_unref(struct sw_channel *channel);

/* The channel whose link was taken from the engine's list for the loop, or for the host; its reference is the taker's. To
 * be followed only after the link's `next` was read: from the moment that the channel is taken care of, it may stand in
 * the list again. */
static inline struct sw_channel *sw_channel_of_down(struct sw_link *link) {
    return SW_HOLDER(link, struct sw_channel, down);
}
static inline struct sw_channel *sw_channel_of_up(struct sw_link *link) {
    return SW_HOLDER(link, struct sw_channel, up);
}

/* --- for the two ends: host_end.c, loop_end.c --- */

static inline void sw_channel_lock(struct sw_channel *channel) { sw_lock_take(&channel->lock); }
static inline void sw_channel_unlock(struct sw_channel *channel) { sw_lock_drop(&channel->lock); }

/* With the lock held: the channel is gone now. */
static inline void sw_channel_mark_gone(struct sw_channel *channel) {
    channel->attached = false;
    channel->gone = true;
    atomic_fetch_sub_explicit(&channel->engine->open, 1, memory_order_relaxed);
}

/* With the lock held: must sw_channel_post_up follow, so that the host takes what is in the inbox? */
static inline bool sw_channel_mark_up(struct sw_channel *channel) {
    if (channel->in.announced || channel->silent) return false;
    channel->in.announced = true;
    return true;
}

/* After sw_channel_mark_up said so: puts the channel on the engine's list for the host, and wakes the host. */
void sw_channel_post_up(struct sw_channel *channel);

#endif
