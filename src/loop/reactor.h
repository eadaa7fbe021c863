/* What every part of the loop room needs of libev: the loop itself, timers, "run again soon". At the bottom of the
 * room.
 *
 * One reactor belongs to one loop thread. It also holds what the parts share for the length of one event: the buffer
 * for reading, the random numbers of the backoff.
 *
 * Parts of this room keep one rule: a public function returns its outcome, or leaves it in its part's status, and
 * never calls back. Only what handles an event (libev's, or the answer to a lookup) calls the function that its part
 * was made with, as its last act. So no caller finds its own struct changed behind its back.
 *
 * libev aborts the process when epoll_wait or memory fails. On our threads hooks turn the first into `fault`, which
 * ends the loop in an orderly way, and the second into waiting for memory.
 */
#ifndef SW_LOOP_REACTOR_H
#define SW_LOOP_REACTOR_H

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/tunables.h"

/* Something to be run about a tenth of a millisecond from now; embedded in the part that asks for it. */
struct sw_short_timer {
    struct sw_short_timer *next, **link; /* link is NULL while it does not wait */
    void (*run)(struct sw_short_timer *soon);
};

/* Something to be run each second until its client has been idle for that long; embedded in the part that asks for
 * it. */
struct sw_sweep {
    struct sw_sweep *next, **link; /* link is NULL while it does not wait */
    bool is_touched;               /* since the last sweep */
    void (*run)(struct sw_sweep *sweep, bool is_idle);
};

struct sw_reactor {
    struct ev_loop *ev;
    struct sw_error fault;                /* why libev cannot go on; SW_OK: it can */
    struct sw_short_timer *soon;          /* all that wait; linked by next */
    ev_io short_timer_fd;                 /* of a timerfd, made at the first use; fd < 0: none */
    ev_timer coarse_timer;                /* where there is no timerfd */
    bool runs_short_timers;               /* is running what waited: sets the alarm when that is done */
    bool lacks_timerfd;                   /* libev refused it: "soon" may take a millisecond (epoll_wait(2)) */
    struct sw_sweep *sweeps;              /* all that wait; linked by next */
    ev_timer sweep_timer;                 /* runs while one waits */
    bool may_stay_awake;                  /* there is more than one processor */
    double awake_until;                   /* sw_clock; 0: the loop may sleep */
    bool skip_sleep;                      /* the next sleep must not last */
    uint64_t seed;                        /* of sw_reactor_random */
    unsigned char buffer[SW_READ_BUFFER]; /* for one read at a time */
};

/* NULL when the libev that this process brings is the one this was built for; else a sentence that says what to do. */
const char *sw_reactor_check_library(void);

/* A new reactor for the calling thread. On failure `fault` says why; it is to be freed all the same. */
struct sw_reactor *sw_reactor_new(void);
void sw_reactor_free(struct sw_reactor *reactor);

/* Zeroed memory for what the loop cannot do without: waits for it, as libev's allocator does on our threads. */
void *sw_reactor_allocate(size_t size);

/* The next sleep does not last. libev tells that the system refused a watcher only after its next sleep. */
void sw_reactor_skip_sleep(struct sw_reactor *reactor);

/* The loop does not sleep before that time (sw_clock): to wake a sleeping thread takes longer than to let it look
 * again and again. With one processor, it sleeps all the same. */
void sw_reactor_stay_awake(struct sw_reactor *reactor, double until);
bool sw_reactor_stays_awake(struct sw_reactor *reactor);

/* Starts a timer that was stopped, or starts it anew: its callback runs once, in `seconds`. */
void sw_reactor_set_timer(struct sw_reactor *reactor, ev_timer *timer, double seconds);

/* Runs `soon` in SW_SOON seconds, unless it waits already; the loop sleeps or works for others meanwhile. */
#define SW_SOON 1e-4
void sw_reactor_start_short_timer(struct sw_reactor *reactor, struct sw_short_timer *soon);
void sw_reactor_cancel_short_timer(struct sw_short_timer *soon);

/* The client is busy now. `sweep` runs within a second, and then each second, for the last time (is_idle) when this
 * was not called in between. Cheap. */
#define SW_SWEEP 1.0
void sw_reactor_add_sweep(struct sw_reactor *reactor, struct sw_sweep *sweep);
static inline void sw_reactor_touch(struct sw_reactor *reactor, struct sw_sweep *sweep) {
    sweep->is_touched = true;
    if (sweep->link == NULL) sw_reactor_add_sweep(reactor, sweep);
}
void sw_reactor_cancel_sweep(struct sw_sweep *sweep);

/* Uniform in [0, 1); not for secrets. */
double sw_reactor_random(struct sw_reactor *reactor);

#endif
