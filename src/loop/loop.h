/* The loop thread: one libev loop, its connections, and the way in for work.
 *
 * Work arrives on the engine's lists. The loop looks at them before it would sleep (ev_prepare), says that it sleeps
 * under the engine's lock, and is woken by a descriptor that only a host or helper that saw it asleep writes to; so a
 * busy loop costs its senders no system call. Every drain has a budget; what is left keeps the loop awake by an idle
 * watcher. So it is, for a while, when a client wants the loop to look out for what comes next (option spin): to be
 * woken takes a thread longer than to see for itself.
 *
 * libev aborts the process when epoll_wait or memory fails. On our threads, hooks turn the first into an orderly end of
 * the loop (every client is told), the second into waiting for memory.
 */
#ifndef SW_LOOP_LOOP_H
#define SW_LOOP_LOOP_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct sw_engine;
struct conn;

enum { SW_READ_BUFFER = 256 * 1024 };

struct loop {
    struct ev_loop *ev;
    struct sw_engine *engine; /* one reference */
    struct conn *conns;       /* every connection; linked by next */
    struct conn *removed;     /* ended in this round, to be freed at its end; linked by next */
    uint64_t seed;            /* of the jitter */
    ev_io wake;               /* the engine's wake-up is readable */
    ev_prepare before_sleep;
    ev_check after_sleep;
    ev_idle unfinished;    /* started while there is more work than a round's budget, or the loop spins */
    double awake_until;    /* sw_clock; 0: nobody wants that */
    bool stopping;         /* end when the last connection is closed */
    bool ended;            /* ev_break was called */
    bool look_again;       /* the next sleep must not last: see sw_loop_look_again */
    bool nap;              /* a moment is to pass before that: see sw_loop_nap */
    bool roused;           /* the engine's wake-up is still readable */
    struct sw_error fault; /* why the loop cannot go on; SW_OK: it can */
    unsigned char buffer[SW_READ_BUFFER]; /* for one read at a time */
};

/* The thread's main function; the argument is the engine, with a reference for the thread. */
void *sw_loop_main(void *argument);

/* NULL when the libev that this process brings is the one this was built for; else a sentence that says what to do. */
const char *sw_loop_check_library(void);

/* Zeroed memory for what the loop cannot do without: waits for it, as libev's allocator does on our threads. */
void *sw_loop_allocate(size_t size);

/* libev tells that the system refused a watcher only after its next sleep: makes that one short. */
void sw_loop_look_again(struct loop *loop);

/* The next round begins after about a tenth of a millisecond, in which a host that goes on sending is left alone. */
void sw_loop_nap(struct loop *loop);

/* The loop does not sleep within the next `seconds`. */
void sw_loop_spin(struct loop *loop, double seconds);

/* The connection's end: takes it off the list; it is freed at the end of the round. */
void sw_loop_remove(struct loop *loop, struct conn *conn);

#endif
