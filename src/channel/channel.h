/* One client's channel: all that its host side and its loop side share.
 *
 * The host holds a client (userdata), the loop holds a connection; neither points to the other. Between them stands the
 * channel, behind one lock. What goes through it is one protocol: each side posts, the other side takes and handles.
 *
 *     down, host to loop    messages to send (outbox.h), commands: a list and slots (command.h)
 *     up, loop to host      messages received (inbox.h), reports: a list (report.h), states and gauges (snapshot.h)
 *
 * A thread that posts something has the engine schedule the channel for the other thread, unless it is scheduled already,
 * and wake that thread if it sleeps. The channel is counted: by the client, by the connection, and by each engine list that it
 * stands in. What the host thread does with it is in host_end.h, what the loop thread does in loop_end.h.
 */
#ifndef SW_CHANNEL_CHANNEL_H
#define SW_CHANNEL_CHANNEL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/list.h"
#include "base/options.h"
#include "base/state.h"
#include "buffer/page.h"
#include "buffer/pool.h"
#include "channel/command.h"
#include "channel/engine.h"
#include "channel/greeting.h"
#include "channel/inbox.h"
#include "channel/lock.h"
#include "channel/once.h"
#include "channel/outbox.h"
#include "channel/snapshot.h"

/* Copies of the unfinished messages. */
struct sw_copy {
    struct sw_pages pages;
    uint64_t first; /* id of the first; 0: there was no memory for them */
};

struct sw_channel {
    atomic_int refs;
    atomic_int fd;              /* loop writes: its socket or -1; only a forked child reads it, to close it ... */
    atomic_int fd_before;       /* ... and the same of the socket of the connection before, while that ends beside it */
    uint32_t connection;        /* under the lock; loop: number of the open one, as gauges.connects; 0: none */
    struct sw_engine *engine;   /* one reference */
    struct sw_options *options; /* one reference */
    void *owner;                /* host thread only: the client, NULL once that is collected */
    void *conn;                 /* loop thread only: the connection, NULL before the first command and after the last */

    /* Guarded by the engine's lock: places in its lists for the loop and for the host. Each list holds a reference. */
    struct sw_link down, up;

    struct sw_lock lock; /* guards what follows; what a send looks at comes first */
    bool attached; /* host sets with the first connect, loop clears when it drops the connection: the loop knows it */
    bool posted;   /* host sets, loop clears: stands in the engine's list for the loop */
    bool orphaned; /* host: collected, nobody is left to be told anything */
    bool gone; /* closed, and its socket too: the last report is there; loop sets, or the host where there is no loop */
    bool copy_awaited;       /* host sets with SW_SLOT_COPY and gives up, loop clears when the copy is there */
    enum sw_state state;     /* what scripts see: host at a command, loop when it knows the newest command */
    enum sw_wake_on wake_on; /* host: what it sleeps for */
    struct sw_error ended;   /* loop: why the last connection or attempt ended; err = SW_OK: never */
    struct sw_outbox out;
    struct sw_once *once; /* host adds, loop takes: the last of a ring (once.h) */
    struct sw_pool pool;  /* of both directions; loop opens and closes it */
    struct sw_inbox in;
    struct sw_command *commands, **commands_tail; /* host adds, loop takes and frees */
    struct sw_command close_command;              /* so that closing needs no memory */
    uint64_t command;                             /* host: number of the newest command */
    struct sw_slots slots;        /* host posts, loop takes, which also computes has_credit, can_report, pages */
    struct sw_greeting *greeting; /* host: one reference, for the next connection; NULL: none */
    struct sw_copy copy;          /* loop puts, host takes */
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

/* Without the lock, once the channel is gone: no connection follows that could send it. Not before: a connection may
 * become ready while the close command waits to be taken. */
void sw_channel_drop_greeting(struct sw_channel *channel);

/* With the lock held: how many pages the pool may have. Of the rooms of both directions the larger one: then all memory
 * stays within both limits and the larger one's quarter. */
static inline unsigned sw_channel_pool_room(const struct sw_channel *channel) {
    unsigned out = sw_pool_room(channel->options->queue_limit, channel->out.bytes);
    unsigned in = sw_pool_room(channel->options->inbox_limit, channel->in.bytes);
    return out > in ? out : in;
}

/* With the lock held: must sw_channel_post_up follow, so that the host takes what is in the inbox? */
static inline bool sw_channel_mark_up(struct sw_channel *channel) {
    if (channel->in.scheduled || channel->orphaned) return false;
    channel->in.scheduled = true;
    return true;
}

/* After sw_channel_mark_up said so: puts the channel on the engine's list for the host, and wakes the host. */
void sw_channel_post_up(struct sw_channel *channel);

#endif
