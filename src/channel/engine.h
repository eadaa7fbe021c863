/* One Lua state's engine: where its host thread and its loop thread meet.
 *
 * Two lists cross here: down go the channels on which the host has posted something for the loop, up go those on which
 * the loop has posted something for the host. The engine sees their links only, so that channels may use the engine and
 * not the other way round. Beside the lists, pages of bytes that the host had pinned come back, and helper threads post
 * what they have done to the loop. Each thread is woken only when it sleeps (channel/waker.h). The engine is counted: by
 * the Lua state, by each channel, by the loop thread and by each helper, so the last one frees it.
 *
 * The loop thread starts at the first connect. It ends when the host asks (stop), when its own system calls fail, and
 * is then started anew by the next connect. What it runs is a function pointer, so that neither room needs the other.
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

/* The head of whatever a helper thread hands to the loop, which owns it from then on. */
struct sw_post {
    struct sw_post *next;
    void (*handle)(struct sw_post *post); /* on the loop thread: does what the post is for, and frees it */
    void (*drop)(struct sw_post *post);   /* on the host thread, where no loop will run: only frees it */
};

struct sw_engine {
    atomic_int refs;
    void *(*thread_main)(void *engine); /* the loop room's; set once by sidewire.c */

    /* Host thread only. */
    pthread_t thread;
    bool running;        /* thread is to be joined */
    unsigned generation; /* sw_fork_generation() at the last start */

    /* The descriptors are set by start, and constant while the thread runs. */
    struct sw_waker loop_waker, host_waker;

    struct sw_lock lock;         /* guards what follows, and the wakers' flags; never held together with a channel's */
    struct sw_list down;         /* host adds, loop takes: channels */
    struct sw_list up;           /* loop adds, host takes: channels */
    struct sw_post *posts;       /* helpers add, loop takes */
    struct sw_pages completions; /* pinned bytes that are done with: any thread adds, host takes */
    bool alive;        /* the loop thread takes what is posted: set by start, cleared by the loop's last look */
    bool stopping;     /* host: end as soon as no client is open */
    bool aborting;     /* host: end now */
    bool rest_awaited; /* host sets, loop clears: the host is to be woken when the loop goes to sleep */

    /* What the host pins lies in its Lua state, and may be read by the loop while it holds this lock: for as long as a
     * sendmsg takes, so the lock is none of those above. */
    pthread_mutex_t pin_lock;
    bool pins_gone; /* host: the bytes are gone */

    /* Set whenever something is added to up or completions, cleared when that is taken: a host that finds nothing needs no
     * lock. */
    atomic_bool arrived;
    atomic_size_t open; /* channels whose client is not closed, or has a socket still */
};

/* A new engine with one reference, or NULL: no memory. */
struct sw_engine *sw_engine_new(void *(*thread_main)(void *engine));
struct sw_engine *sw_engine_ref(struct sw_engine *engine);
void sw_engine_unref(struct sw_engine *engine);

/* How many channels there are whose client is not closed, or has a socket still. */
static inline size_t sw_engine_count_open(const struct sw_engine *engine) {
    return atomic_load_explicit(&engine->open, memory_order_relaxed);
}

/* --- host thread --- */

/* Starts the loop thread unless it runs. The error says what the system refused. */
struct sw_error sw_engine_start(struct sw_engine *engine);

/* Asks the loop to end (now, or when the last client is closed), waits until it has or `deadline` (sw_clock) has
 * passed; joins it. False: it did not end in time and was left to end by itself, which is safe, because it holds a
 * reference. */
bool sw_engine_stop(struct sw_engine *engine, bool now, double deadline);

/* The Lua state's reference goes, and what it has pinned. A thread that did not end in time is detached: it has a
 * reference of its own, and reads nothing that was pinned from then on. */
void sw_engine_leave(struct sw_engine *engine);

/* True in the child of a fork that happened after the loop thread was started. */
bool sw_engine_forked(const struct sw_engine *engine);

/* In such a child: closes the descriptors and touches nothing else. */
void sw_engine_abandon(struct sw_engine *engine);

/* True while there is a loop that takes what is posted. */
bool sw_engine_alive(struct sw_engine *engine);

/* Puts the link, which stands in no list, on the list for the loop, and wakes the loop if it sleeps. False: there is no
 * loop to take it, and it is not on the list. */
bool sw_engine_post_down(struct sw_engine *engine, struct sw_link *link);

struct sw_arrivals {
    struct sw_link *channels;    /* what was posted up, in that order */
    struct sw_pages completions; /* of pinned bytes that are done with: to be freed */
};

/* May there be arrivals? Takes no lock. */
bool sw_engine_has_arrivals(const struct sw_engine *engine);

/* Takes what there is for the host. */
struct sw_arrivals sw_engine_take_arrivals(struct sw_engine *engine);

/* Takes only the pages of pinned bytes. */
struct sw_pages sw_engine_take_completions(struct sw_engine *engine);

/* A host that is going to sleep says so, then looks once more at what it waits for, then sleeps. */
void sw_engine_set_waiting(struct sw_engine *engine, bool waiting);

/* Has the loop nothing to do, so that all that came of what it has done is posted? False: it wakes a host that sleeps when
 * that becomes true. */
bool sw_engine_await_rest(struct sw_engine *engine);

/* Sleeps until the loop wakes the host or the deadline (sw_clock, < 0: none) passes. 0, ETIMEDOUT, EINTR or why poll(2)
 * failed. After 0 the host looks again, and sleeps again if there is nothing: 0 may also mean that this did not sleep, but
 * only cleared the descriptor after an earlier wake-up. */
int sw_engine_sleep(struct sw_engine *engine, double deadline);

/* --- loop thread --- */

struct sw_work {
    struct sw_link *channels; /* what was posted down, in that order */
    struct sw_post *posts;
    bool stopping, aborting;
};

/* Takes what there is. When there is nothing, and the loop does not stay awake, notes that it sleeps: from then on it
 * is woken. A loop whose descriptor is readable stays awake until it has cleared that. True: there was something. */
bool sw_engine_take_work(struct sw_engine *engine, struct sw_work *work, bool stays_awake);

/* Takes what there is; when there is nothing, ends the loop's life: nothing will be taken from now on. */
bool sw_engine_take_last_work(struct sw_engine *engine, struct sw_work *work);

/* The loop's sleep has ended: no need to wake it. */
void sw_engine_note_awake(struct sw_engine *engine);

/* Puts the link, if not NULL, on the list for the host; wakes the host if it sleeps. The link stands in no list. */
void sw_engine_post_up(struct sw_engine *engine, struct sw_link *link);

/* Between these two, pinned bytes can be read. False: they are gone, for the Lua state closes; the loop ends soon. */
bool sw_engine_hold_pins(struct sw_engine *engine);
void sw_engine_release_pins(struct sw_engine *engine);

/* --- any thread --- */

/* Frees the pages; those of pinned bytes go to the host first. */
void sw_engine_free_pages(struct sw_engine *engine, struct sw_pages *pages);

/* --- helper threads --- */

/* Hands a post to the loop. False: there is no loop any more, the caller keeps it. */
bool sw_engine_post(struct sw_engine *engine, struct sw_post *post);

#endif
