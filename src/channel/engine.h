/* The engine of one Lua state: what its host thread and its loop thread share beside the channels.
 *
 * The engine has two lists of channels. The list `down` has the channels in which the host has posted something for the
 * loop; the list `up` has those in which the loop has posted something for the host. The engine knows only the
 * channels' links, because channels depend on the engine and not the reverse. The engine also takes back pages of
 * pinned strings for the host, and what helper threads post to the loop. A thread is woken only if it sleeps
 * (channel/waker.h). The engine is reference-counted: the Lua state, each channel, the loop thread and each helper
 * thread have a reference.
 *
 * The loop thread starts at the first connect. It ends when the host stops it or when its own system calls fail; the
 * next connect starts it again. Its main function is a pointer, so that this folder does not depend on src/loop.
 */
#ifndef SW_CHANNEL_ENGINE_H
#define SW_CHANNEL_ENGINE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/list.h"
#include "buffer/page.h"
#include "channel/lock.h"
#include "channel/waker.h"

/* The first field of a struct that a helper thread posts to the loop, which then owns it. */
struct sw_post {
    struct sw_post *next;
    void (*handle)(struct sw_post *post); /* on the loop thread: handles the post and frees it */
    void (*drop)(struct sw_post *post);   /* on the host thread, if no loop runs: only frees it */
};

struct sw_engine {
    atomic_int refs;
    void *(*thread_main)(void *engine); /* main function of the loop thread, sw_loop_main; never changes */

    /* Host thread only. */
    pthread_t thread;
    bool running;        /* the thread was started and not yet joined */
    unsigned generation; /* sw_fork_generation() when the descriptors were opened and the thread was started */

    /* sw_engine_start opens their descriptors, which do not change while the thread runs. */
    struct sw_waker loop_waker, host_waker;
    struct sw_waker notifier; /* closed until a script asks for it: channel/notifier.h */

    struct sw_lock lock; /* guards the fields up to idle_awaited, and the wakers' flags; never held with a channel's */
    struct sw_list down; /* host adds, loop takes: channels */
    struct sw_list up;   /* loop adds, host takes: channels */
    struct sw_post *posts; /* helper threads add, loop takes */
    struct sw_pages
        completions;   /* pages of pinned strings that the loop no longer reads: any thread adds, host takes */
    bool alive;        /* the loop takes what is posted: sw_engine_start sets, sw_engine_take_last_work clears */
    bool stopping;     /* host sets: the loop ends as soon as no client is open */
    bool aborting;     /* host sets: the loop ends at once */
    bool idle_awaited; /* host sets, loop clears: the loop wakes the host when it goes to sleep */

    /* Pinned strings belong to the Lua state. The loop holds this lock while a sendmsg reads them. That takes too long
     * for a struct sw_lock. */
    pthread_mutex_t pin_lock;
    bool pins_gone; /* under pin_lock, host sets: the Lua state ends and frees the strings */

    /* True: `up` or `completions` has something for the host, which needs the lock only then. */
    atomic_bool arrived;
    atomic_size_t open; /* number of channels that are not gone */

    atomic_uint max_lookups; /* host sets: of names at a time */
};

/* A new engine with one reference, or NULL: no memory. */
struct sw_engine *sw_engine_new(void *(*thread_main)(void *engine));
struct sw_engine *sw_engine_ref(struct sw_engine *engine);
void sw_engine_unref(struct sw_engine *engine);

/* The number of channels whose client is not closed, or still has a socket. */
static inline size_t sw_engine_count_open(const struct sw_engine *engine) {
    return atomic_load_explicit(&engine->open, memory_order_relaxed);
}

/* How many names may be looked up at a time for this engine; at most SW_LOOKUPS_OF_ENGINE_MAX, as at first. */
static inline void sw_engine_set_max_lookups(struct sw_engine *engine, unsigned count) {
    atomic_store_explicit(&engine->max_lookups, count, memory_order_relaxed);
}
static inline unsigned sw_engine_max_lookups(const struct sw_engine *engine) {
    return atomic_load_explicit(&engine->max_lookups, memory_order_relaxed);
}

/* --- host thread --- */

/* Starts the loop thread unless it runs. SW_CLOSED: the Lua state has ended, or a stop has timed out and the old
 * thread still runs; else SW_SYSTEM. */
struct sw_error sw_engine_start(struct sw_engine *engine);

/* Asks the loop to end: at once if `now`, else when all clients are closed. Waits until `deadline` (sw_clock), and
 * joins the thread. False: the deadline has passed; the thread ends later, which is safe, because it has a
 * reference. */
bool sw_engine_stop(struct sw_engine *engine, bool now, double deadline);

/* The Lua state ends: revokes its pinned strings, and lets no further loop start. A thread that did not end in time is
 * detached: it has its own reference, and no longer reads pinned strings. */
void sw_engine_detach(struct sw_engine *engine);

/* True in a forked child if the parent had started the loop thread before the fork. */
bool sw_engine_forked(const struct sw_engine *engine);

/* In such a child, or when no thread of the engine runs any more: closes the descriptors and touches nothing else. */
void sw_engine_abandon(struct sw_engine *engine);

/* In such a child: moves the notifier of the parent's engine to this new engine, with a descriptor that is not the
 * parent's. */
void sw_engine_inherit_notifier(struct sw_engine *engine, struct sw_engine *parent);

/* While no loop thread runs: if the process has forked since the descriptors were opened, closes those that are shared
 * with the parent. A new one replaces the notifier's; if there is none left, the notifier is closed. */
void sw_engine_renew_descriptors(struct sw_engine *engine);

/* True while the loop takes what is posted. */
bool sw_engine_is_alive(struct sw_engine *engine);

/* Puts the link into the list for the loop, and wakes the loop if it sleeps. The link must not be in a list. False:
 * there is no loop, so the link was not put there. */
bool sw_engine_post_down(struct sw_engine *engine, struct sw_link *link);

struct sw_arrivals {
    struct sw_link *channels;    /* in the order in which they were posted */
    struct sw_pages completions; /* pages of pinned strings, to be freed */
};

/* May there be arrivals? Takes no lock. */
bool sw_engine_has_arrivals(const struct sw_engine *engine);

/* Takes what there is for the host. */
struct sw_arrivals sw_engine_take_arrivals(struct sw_engine *engine);

/* Takes only the pages of pinned strings. */
struct sw_pages sw_engine_take_completions(struct sw_engine *engine);

/* A host that wants to sleep first sets this, then checks again what it waits for, and only then sleeps. Without this
 * order, it could miss a wake-up. */
void sw_engine_set_waiting(struct sw_engine *engine, bool waiting);

/* True: the loop has nothing to do, so it has posted everything that came of its work. False: it wakes a host that
 * sleeps as soon as that is true. */
bool sw_engine_await_idle(struct sw_engine *engine);

/* Sleeps until the loop wakes the host or the deadline (sw_clock, < 0: none) passes. Returns 0, ETIMEDOUT, EINTR or
 * another errno of poll(2). 0 does not mean that something has come: this may only have cleared the descriptor after an
 * earlier wake-up. So after 0 the host checks what it waits for, and sleeps again if need be. */
int sw_engine_sleep(struct sw_engine *engine, double deadline);

/* --- loop thread --- */

struct sw_work {
    struct sw_link *channels; /* in the order in which they were posted */
    struct sw_post *posts;
    bool stopping, aborting;
};

/* Takes everything that was posted for the loop. False: there was nothing; unless stays_awake, the loop then counts as
 * sleeping, and is woken by the next post. If its descriptor is readable, the loop must stay awake until it has cleared
 * it. */
bool sw_engine_take_work(struct sw_engine *engine, struct sw_work *work, bool stays_awake);

/* Takes everything that was posted for the loop. False: there was nothing, and `alive` is now false: the loop takes
 * nothing more. */
bool sw_engine_take_last_work(struct sw_engine *engine, struct sw_work *work);

/* Notes that the loop's sleep has ended, so that other threads do not signal it. */
void sw_engine_note_awake(struct sw_engine *engine);

/* Puts the link into the list for the host and signals the notifier, unless the link is NULL. Wakes the host if it
 * sleeps. The link must not be in a list. */
void sw_engine_post_up(struct sw_engine *engine, struct sw_link *link);

/* Between these two calls the loop may read pinned strings. False: it may not, because the Lua state has ended; the
 * loop ends soon. */
bool sw_engine_hold_pins(struct sw_engine *engine);
void sw_engine_release_pins(struct sw_engine *engine);

/* --- any thread --- */

/* Frees the pages. Those of pinned strings go to the host, which ends the pins and then frees them. */
void sw_engine_free_pages(struct sw_engine *engine, struct sw_pages *pages);

/* --- helper threads --- */

/* Posts to the loop. False: there is no loop any more, and the caller keeps the post. */
bool sw_engine_post(struct sw_engine *engine, struct sw_post *post);

#endif
