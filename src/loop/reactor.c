#include "loop/reactor.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/platform.h"
#include "base/processors.h"
#include "channel/thread.h"

#if SW_HAS_TIMERFD
#include <sys/timerfd.h>
#endif

/* --- libev's process-wide hooks --- */

static _Thread_local struct sw_reactor *this_reactor;

static void wait_for_memory(void) {
    const struct timespec moment = {.tv_nsec = 10000000}; /* 10 ms */
    nanosleep(&moment, NULL);
}

void *sw_reactor_allocate(size_t size) {
    void *block;
    while ((block = calloc(1, size)) == NULL) wait_for_memory();
    return block;
}

static void *reallocate(void *block, long size) {
    if (size == 0) {
        free(block);
        return NULL;
    }
    if (!sw_thread_is_ours()) return realloc(block, (size_t)size); /* after NULL, libev aborts, as in any host */
    void *moved;
    while ((moved = realloc(block, (size_t)size)) == NULL) wait_for_memory(); /* libev would abort the host */
    return moved;
}

static void system_failed(const char *text) EV_NOEXCEPT {
    if (this_reactor != NULL) { /* before_sleep (loop.c) sees it and stops; ev_break has no effect here */
        this_reactor->fault = sw_error_system(errno, SW_STAGE_START);
        return;
    }
    perror(text); /* a loop of the host: what libev does without this hook */
    abort();
}

static void install_hooks(void) {
    ev_set_allocator(reallocate);
    ev_set_syserr_cb(system_failed);
}

bool sw_reactor_check_library(char *text, size_t size) {
    int major = ev_version_major(), minor = ev_version_minor();
    if (major == EV_VERSION_MAJOR && minor >= EV_VERSION_MINOR) return true;
    (void)snprintf(text, size, "this process has libev %d.%d, and sidewire was built for libev %d.%d", major, minor,
                   EV_VERSION_MAJOR, EV_VERSION_MINOR);
    return false;
}

/* --- short timers --- */

void sw_reactor_cancel_short_timer(struct sw_short_timer *timer) {
    if (timer->link == NULL) return;
    *timer->link = timer->next;
    if (timer->next != NULL) timer->next->link = timer->link;
    timer->link = NULL;
}

static void set_alarm(struct sw_reactor *reactor, double seconds);

/* Runs all started timers. A timer that is started meanwhile waits for the next alarm. To set or to stop the alarm
 * also makes the descriptor unreadable again (timerfd_settime(2)). */
static void run_expired(struct sw_reactor *reactor) {
    struct sw_short_timer *due = reactor->short_timers;
    if (due != NULL) due->link = &due;
    reactor->short_timers = NULL;
    reactor->runs_short_timers = true;
    while (due != NULL) {
        struct sw_short_timer *timer = due;
        sw_reactor_cancel_short_timer(timer);
        timer->run(timer);
    }
    reactor->runs_short_timers = false;
    set_alarm(reactor, reactor->short_timers != NULL ? SW_SOON : 0);
}

static void on_coarse_timer(struct ev_loop *ev, ev_timer *timer, int events) {
    (void)ev, (void)events;
    run_expired(timer->data);
}

#if SW_HAS_TIMERFD

/* epoll_wait counts milliseconds; a timerfd is finer. */
static void on_short_timer_fd(struct ev_loop *ev, ev_io *watcher, int events) {
    (void)ev;
    struct sw_reactor *reactor = watcher->data;
    if (events & EV_ERROR) { /* epoll_ctl failed: ENOSPC, ENOMEM */
        close(watcher->fd);
        watcher->fd = -1;
        reactor->timerfd_failed = true;
    }
    run_expired(reactor);
}

static bool open_alarm(struct sw_reactor *reactor) {
    if (reactor->short_timer_fd.fd >= 0 || reactor->timerfd_failed) return !reactor->timerfd_failed;
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (fd < 0) return false; /* perhaps out of descriptors: the next call tries again */
    ev_io_init(&reactor->short_timer_fd, on_short_timer_fd, fd, EV_READ);
    reactor->short_timer_fd.data = reactor;
    ev_io_start(reactor->ev, &reactor->short_timer_fd);
    sw_reactor_skip_sleep(reactor);
    return true;
}

static bool set_alarm_fd(struct sw_reactor *reactor, double seconds) {
    const struct itimerspec when = {.it_value = {.tv_nsec = (long)(seconds * 1e9)}};
    return open_alarm(reactor) && timerfd_settime(reactor->short_timer_fd.fd, 0, &when, NULL) == 0;
}

#else

static bool set_alarm_fd(struct sw_reactor *reactor, double seconds) {
    (void)reactor, (void)seconds;
    return false;
}

#endif

/* Sets the alarm for all short timers; 0 stops it. */
static void set_alarm(struct sw_reactor *reactor, double seconds) {
    if (set_alarm_fd(reactor, seconds)) return;
    if (seconds > 0) sw_reactor_set_timer(reactor, &reactor->coarse_timer, seconds);
}

void sw_reactor_start_short_timer(struct sw_reactor *reactor, struct sw_short_timer *timer) {
    if (timer->link != NULL) return;
    if (reactor->short_timers == NULL && !reactor->runs_short_timers) set_alarm(reactor, SW_SOON);
    timer->next = reactor->short_timers;
    timer->link = &reactor->short_timers;
    if (timer->next != NULL) timer->next->link = &timer->next;
    reactor->short_timers = timer;
}

/* --- sweeps --- */

void sw_reactor_cancel_sweep(struct sw_sweep *sweep) {
    if (sweep->link == NULL) return;
    *sweep->link = sweep->next;
    if (sweep->next != NULL) sweep->next->link = sweep->link;
    sweep->link = NULL;
}

void sw_reactor_add_sweep(struct sw_reactor *reactor, struct sw_sweep *sweep) {
    if (reactor->sweeps == NULL) sw_reactor_set_timer(reactor, &reactor->sweep_timer, SW_SWEEP);
    sweep->next = reactor->sweeps;
    sweep->link = &reactor->sweeps;
    if (sweep->next != NULL) sweep->next->link = &sweep->next;
    reactor->sweeps = sweep;
}

static void on_sweep_timer(struct ev_loop *ev, ev_timer *timer, int events) {
    (void)ev, (void)events;
    struct sw_reactor *reactor = timer->data;
    for (struct sw_sweep *sweep = reactor->sweeps, *next; sweep != NULL; sweep = next) {
        bool is_idle = !sweep->is_touched;
        next = sweep->next;
        sweep->is_touched = false;
        if (is_idle) sw_reactor_cancel_sweep(sweep);
        sweep->run(sweep, is_idle);
    }
    if (reactor->sweeps != NULL) sw_reactor_set_timer(reactor, timer, SW_SWEEP);
}

/* --- jobs --- */

void sw_reactor_add_job(struct sw_reactor *reactor, struct sw_job *job) {
    if (job->link != NULL) return;
    job->next = NULL;
    job->link = reactor->jobs_tail;
    *reactor->jobs_tail = job;
    reactor->jobs_tail = &job->next;
    sw_reactor_skip_sleep(reactor);
}

void sw_reactor_cancel_job(struct sw_reactor *reactor, struct sw_job *job) {
    if (job->link == NULL) return;
    *job->link = job->next;
    if (job->next != NULL)
        job->next->link = job->link;
    else
        reactor->jobs_tail = job->link;
    job->link = NULL;
}

void sw_reactor_forget_read(struct sw_reactor *reactor, const ev_io *watcher) {
    for (unsigned i = 0; i < reactor->soon_count; i++)
        if (reactor->soon[i] == watcher) reactor->soon[i--] = reactor->soon[--reactor->soon_count];
}

void sw_reactor_read_soon(struct sw_reactor *reactor, ev_io *watcher) {
    enum { AT_FIRST = 16 };
    sw_reactor_forget_read(reactor, watcher);
    if (reactor->soon_count == reactor->soon_capacity) {
        reactor->soon_capacity = reactor->soon_capacity > 0 ? reactor->soon_capacity * 2 : AT_FIRST;
        reactor->soon = reallocate(reactor->soon, (long)(reactor->soon_capacity * sizeof(ev_io *)));
    }
    reactor->soon[reactor->soon_count++] = watcher;
    sw_reactor_skip_sleep(reactor);
}

static void feed(struct sw_reactor *reactor) {
    for (unsigned i = 0; i < reactor->soon_count; i++)
        if (ev_is_active(reactor->soon[i])) ev_feed_event(reactor->ev, reactor->soon[i], EV_READ);
    reactor->soon_count = 0;
}

/* A job that is added meanwhile waits for the next round. */
void sw_reactor_run_jobs(struct sw_reactor *reactor) {
    feed(reactor);
    if (reactor->jobs == NULL) return;
    const double until = sw_clock() + SW_JOBS_BUDGET;
    const struct sw_job *last = SW_HOLDER(reactor->jobs_tail, struct sw_job, next);
    for (bool is_last = false; reactor->jobs != NULL && !is_last && sw_clock() < until;) {
        struct sw_job *job = reactor->jobs;
        is_last = job == last;
        sw_reactor_cancel_job(reactor, job);
        job->run(job);
    }
    if (reactor->jobs != NULL) sw_reactor_skip_sleep(reactor);
}

/* --- the rest --- */

void sw_reactor_skip_sleep(struct sw_reactor *reactor) { reactor->skip_sleep = true; }

void sw_reactor_stay_awake(struct sw_reactor *reactor, double until) {
    if (reactor->may_stay_awake && reactor->awake_until < until) reactor->awake_until = until;
}

bool sw_reactor_stays_awake(struct sw_reactor *reactor) {
    if (reactor->awake_until == 0) return false;
    if (sw_clock() < reactor->awake_until) return true;
    reactor->awake_until = 0;
    return false;
}

void sw_reactor_set_timer(struct sw_reactor *reactor, ev_timer *timer, double seconds) {
    ev_timer_stop(reactor->ev, timer);
    ev_timer_set(timer, seconds > 0 ? seconds : 0, 0);
    ev_timer_start(reactor->ev, timer);
}

double sw_reactor_random(struct sw_reactor *reactor) { return sw_random(&reactor->seed); }

static uint64_t fresh_seed(const struct sw_reactor *reactor) {
    double time = sw_clock();
    uint64_t bits;
    memcpy(&bits, &time, sizeof bits);
    bits ^= (uint64_t)(uintptr_t)reactor ^ (uint64_t)getpid() << 32;
    return bits != 0 ? bits : 1;
}

struct sw_reactor *sw_reactor_new(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct sw_reactor *reactor = sw_reactor_allocate(sizeof *reactor);
    pthread_once(&once, install_hooks);
    this_reactor = reactor;
    reactor->seed = fresh_seed(reactor);
    reactor->may_stay_awake = sw_processors() > 1;
    reactor->short_timer_fd.fd = -1;
    reactor->jobs_tail = &reactor->jobs;
    ev_init(&reactor->coarse_timer, on_coarse_timer);
    ev_init(&reactor->sweep_timer, on_sweep_timer);
    reactor->coarse_timer.data = reactor->sweep_timer.data = reactor;
    reactor->ev = ev_loop_new((SW_HAS_EVENT_QUEUE ? EVFLAG_AUTO : EVBACKEND_POLL) | EVFLAG_NOENV);
    if (reactor->ev == NULL) reactor->fault = sw_error_system(errno != 0 ? errno : EIO, SW_STAGE_START);
    return reactor;
}

void sw_reactor_free(struct sw_reactor *reactor) {
    if (reactor->short_timer_fd.fd >= 0) {
        ev_io_stop(reactor->ev, &reactor->short_timer_fd);
        close(reactor->short_timer_fd.fd);
    }
    if (reactor->ev != NULL) ev_loop_destroy(reactor->ev);
    this_reactor = NULL;
    free(reactor->soon);
    free(reactor);
}
