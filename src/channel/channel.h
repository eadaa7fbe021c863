/* The channel of one client: the data that the host thread and the loop thread share, behind one lock.
 *
 * The host thread has the client, the loop thread has the connection, and neither refers to the other: both use the
 * channel. One thread posts something in it, the other thread takes and handles it.
 *
 *     down, host to loop    messages to send (outbox.h), commands: a list and slots (command.h)
 *     up, loop to host      messages received (inbox.h), reports: a list (report.h), states and gauges (snapshot.h)
 *
 * A thread that posts something also puts the channel into the engine's list for the other thread, unless it is already
 * there, and wakes that thread if it sleeps. The channel is reference-counted: the client, the connection and each list
 * of the engine that contains it have a reference. The functions of the host thread are in host_end.h, those of the
 * loop thread in loop_end.h.
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
#include "channel/causes.h"
#include "channel/command.h"
#include "channel/engine.h"
#include "channel/greeting.h"
#include "channel/inbox.h"
#include "channel/lock.h"
#include "channel/once.h"
#include "channel/outbox.h"
#include "channel/snapshot.h"

/* A copy of all unfinished messages, for client:unfinished(). */
struct sw_copy {
    struct sw_pages pages;
    uint64_t first; /* id of the first message; 0: there was not enough memory for the copy */
};

struct sw_channel {
    atomic_int refs;
    uint32_t connection;        /* under the lock; loop: number of the open one, as gauges.connects; 0: none */
    struct sw_engine *engine;   /* one reference */
    struct sw_options *options; /* one reference */
    void *owner;                /* host thread only: the client; NULL: it was collected */
    void *conn; /* loop thread only: the connection; NULL: before the first command and after the last */

    /* Links in the engine's lists for the loop (down) and for the host (up), under the engine's lock. */
    struct sw_link down, up;

    struct sw_lock lock; /* guards all fields below; those that every send reads come first */
    bool attached; /* the loop handles this channel: host sets at the first connect, loop clears when it drops it */
    bool posted;   /* the channel is in the engine's list for the loop: host sets, loop clears */
    bool orphaned; /* the client was collected, so nothing takes reports any more: host sets */
    bool gone;     /* closed, without a socket, and the close report is posted: loop sets, without a loop the host */
    bool copy_awaited; /* host sets with SW_SLOT_COPY, loop clears with the copy, host clears if it stops waiting */
    enum sw_state state : 4; /* as scripts see it: host sets at a command, loop once it has taken the newest command */
    enum sw_wake_on wake_on : 4; /* host sets: which changes end its sleep */
    unsigned server : 4,
        ended_server : 4;  /* set with state: indices of the servers of the newest attempt and of `ended` */
    struct sw_error ended; /* set with state: why the last connection or attempt ended; err = SW_OK: none has ended */
    struct sw_causes *causes; /* set with state: those of `ended`, one reference; NULL: none, or no memory for them */
    double attempt_due;       /* sw_clock, loop sets with WAITING: when the next attempt begins */
    struct sw_outbox out;
    struct sw_once *once; /* host adds, loop takes: the last of a ring (once.h) */
    struct sw_pool pool;  /* of both directions; loop opens and closes it */
    struct sw_inbox in;
    struct sw_command *commands, **commands_tail; /* host adds, loop takes and frees */
    struct sw_command close_command;              /* its own memory, so that closing cannot fail */
    uint64_t command;                             /* host sets: number of the newest command */
    struct sw_slots slots;        /* host posts; loop takes, and computes has_credit, can_report and pages */
    struct sw_greeting *greeting; /* host sets: for the next connection, one reference; NULL: none */
    struct sw_copy copy;          /* loop puts, host takes */
    struct sw_gauges gauges;      /* loop sets, without a loop the host */
};

/* A new channel with one reference. It takes over the caller's reference to the options. NULL: no memory; NULL options
 * mean the same, so that the caller need not check them. */
struct sw_channel *sw_channel_new(struct sw_engine *engine, struct sw_options *options);
struct sw_channel *sw_channel_ref(struct sw_channel *channel);
void sw_channel_unref(struct sw_channel *channel);

/* The channel of a link from the engine's list for the loop, or for the host. The caller takes over the list's
 * reference. It must read the link's `next` before it handles the channel, because then the other thread may put the
 * channel into the list again. */
static inline struct sw_channel *sw_channel_of_down(struct sw_link *link) {
    return SW_HOLDER(link, struct sw_channel, down);
}
static inline struct sw_channel *sw_channel_of_up(struct sw_link *link) {
    return SW_HOLDER(link, struct sw_channel, up);
}

/* --- for host_end.c and loop_end.c --- */

static inline void sw_channel_lock(struct sw_channel *channel) { sw_lock_acquire(&channel->lock); }
static inline void sw_channel_unlock(struct sw_channel *channel) { sw_lock_release(&channel->lock); }

/* With the lock held: notes that the client is closed and has no socket. */
static inline void sw_channel_mark_gone(struct sw_channel *channel) {
    channel->attached = false;
    channel->gone = true;
    atomic_fetch_sub_explicit(&channel->engine->open, 1, memory_order_relaxed);
}

/* Without the lock, once the channel is gone: no connection will send the greeting. Before that, one might: a
 * connection can become ready while the close command waits. */
void sw_channel_drop_greeting(struct sw_channel *channel);

/* With the lock held: how many pages the pool may have. This is the larger room of the two directions, so all memory
 * stays within the sum of both limits and a quarter of the larger one. */
static inline unsigned sw_channel_pool_room(const struct sw_channel *channel) {
    unsigned out = sw_pool_room(channel->options->queue_limit, channel->out.bytes);
    unsigned in = sw_pool_room(channel->options->inbox_limit, channel->in.bytes);
    return out > in ? out : in;
}

/* With the lock held, after something was put into the inbox. True: the caller must call sw_channel_post_up after it
 * has released the lock. */
static inline bool sw_channel_claim_up(struct sw_channel *channel) {
    if (channel->in.scheduled || channel->orphaned) return false;
    channel->in.scheduled = true;
    return true;
}

/* Without the lock, after sw_channel_claim_up returned true: puts the channel into the engine's list for the host, and
 * wakes the host if it sleeps. */
void sw_channel_post_up(struct sw_channel *channel);

#endif
