/* The reactor of a loop thread: what all parts of this folder need from libev, and a buffer and random numbers for
 * all.
 *
 * libev aborts the process when epoll_wait fails or when there is no memory. On the threads of this library, hooks
 * prevent that: after a failure of epoll_wait they set `fault`, which ends the loop in an orderly way; without memory
 * they wait until there is some.
 *
 * A rule for all parts of this folder: a public function returns its outcome, or leaves it in the status of its part.
 * It never calls back. Only the handler of an event (of libev, or the answer to a lookup) calls the function that the
 * part was made with, as its last act. So a function that calls another part can rely on its own struct not changing
 * meanwhile.
 */
#ifndef SW_LOOP_REACTOR_H
#define SW_LOOP_REACTOR_H

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/tunables.h"

/* A timer of SW_SOON seconds. libev's own timers are too coarse: they count milliseconds (epoll_wait(2)). The part
 * that uses it embeds it. */
struct sw_short_timer {
    struct sw_short_timer *next, **link; /* the list of started timers; link is NULL if not started */
    void (*run)(struct sw_short_timer *timer);
};

/* A timer that runs each SW_SWEEP seconds until its client was idle for that long. The part that uses it embeds it. */
struct sw_sweep {
    struct sw_sweep *next, **link; /* the list of started sweeps; link is NULL if not started */
    bool is_touched;               /* the client was busy since the last run */
    void (*run)(struct sw_sweep *sweep, bool is_idle);
};

/* A step of work that may wait: it runs once, after the traffic that is ready, and together with the others it gets at
 * most SW_JOBS_BUDGET of a round of the loop. The part that uses it embeds it. */
struct sw_job {
    struct sw_job *next,
        **link; /* the list of those that are due, first come first served; link is NULL if it is not */
    void (*run)(struct sw_job *job);
};

struct lingering;

struct sw_reactor {
    struct ev_loop *ev;
    struct sw_error fault;               /* why libev cannot go on; SW_OK: no fault */
    struct sw_short_timer *short_timers; /* those that are started */
    ev_io short_timer_fd;                /* watches a timerfd, which is opened at the first use; fd < 0: none */
    ev_timer coarse_timer;               /* used instead where there is no timerfd */
    bool runs_short_timers;              /* expired timers are being run; the alarm is set afterwards */
    bool timerfd_failed;                 /* libev could not watch the timerfd: coarse_timer is used from now on */
    struct lingering *lingering;      /* all sockets that linger (loop/lingering.h); the loop ends after the last one */
    struct sw_sweep *sweeps;          /* those that are started */
    ev_timer sweep_timer;             /* active while a sweep is started */
    struct sw_job *jobs, **jobs_tail; /* those that are due */
    ev_io **soon;                     /* sw_reactor_read_soon; a block of soon_capacity */
    unsigned soon_count, soon_capacity;
    bool may_stay_awake;                  /* true with more than one processor */
    double awake_until;                   /* sw_clock; 0: the loop may sleep */
    bool skip_sleep;                      /* the next call of epoll_wait must not wait */
    uint64_t seed;                        /* of sw_reactor_random */
    unsigned char buffer[SW_READ_BUFFER]; /* for one read or write at a time, of any connection */
};

/* Has this process a libev of the version that sidewire was built with? If not, text gets a sentence that names both: a host
 * that exports a libev of its own has it called instead of ours. */
bool sw_reactor_check_library(char *text, size_t size);

/* Makes the reactor of the calling thread. On failure, `fault` says why, and the reactor must still be freed. */
struct sw_reactor *sw_reactor_new(void);
void sw_reactor_free(struct sw_reactor *reactor);

/* Allocates zeroed memory for something that the loop needs to go on. If there is no memory, waits until there is. */
void *sw_reactor_allocate(size_t size);

/* Makes the loop's next sleep end at once. Needed after a watcher is started: if the system refuses the watcher,
 * libev calls its handler only after the next sleep. */
void sw_reactor_skip_sleep(struct sw_reactor *reactor);

/* Makes the loop busy-wait until that time (sw_clock), because to wake a sleeping thread takes long. With only one
 * processor this has no effect. */
void sw_reactor_stay_awake(struct sw_reactor *reactor, double until);
/* True while the loop must busy-wait. */
bool sw_reactor_stays_awake(struct sw_reactor *reactor);

/* Starts or restarts a timer: its callback runs once, after `seconds`. */
void sw_reactor_set_timer(struct sw_reactor *reactor, ev_timer *timer, double seconds);

/* Starts a timer, unless it is started already: timer->run is called once, after SW_SOON seconds. */
void sw_reactor_start_short_timer(struct sw_reactor *reactor, struct sw_short_timer *timer);
void sw_reactor_cancel_short_timer(struct sw_short_timer *timer);

/* Notes that the client is busy, and starts the sweep if it is not started. sweep->run is called within SW_SWEEP
 * seconds and then each SW_SWEEP seconds. When this function was not called since the last run, the client is idle:
 * `run` is called with is_idle set, and the sweep stops. This function is cheap. */
void sw_reactor_add_sweep(struct sw_reactor *reactor, struct sw_sweep *sweep);
static inline void sw_reactor_touch(struct sw_reactor *reactor, struct sw_sweep *sweep) {
    sweep->is_touched = true;
    if (sweep->link == NULL) sw_reactor_add_sweep(reactor, sweep);
}
void sw_reactor_cancel_sweep(struct sw_sweep *sweep);

/* Puts a job to the end of the list, unless it is in it. */
void sw_reactor_add_job(struct sw_reactor *reactor, struct sw_job *job);
void sw_reactor_cancel_job(struct sw_reactor *reactor, struct sw_job *job);

/* Before the loop sleeps: makes the calls that are due soon, and runs jobs. If some are left, the loop does not sleep. */
void sw_reactor_run_jobs(struct sw_reactor *reactor);

/* The watcher's callback is called in the next round of the loop, as if its descriptor were readable, if the watcher is
 * active then. It must be forgotten before its memory is freed. */
void sw_reactor_read_soon(struct sw_reactor *reactor, ev_io *watcher);
void sw_reactor_forget_read(struct sw_reactor *reactor, const ev_io *watcher);

/* A random number, uniform in [0, 1); not for secrets. */
double sw_reactor_random(struct sw_reactor *reactor);

#endif
