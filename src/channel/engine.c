#include "channel/engine.h"

#include <errno.h>
#include <math.h>
#include <poll.h>

#include "base/clock.h"
#include "base/memory.h"
#include "channel/channel.h"
#include "channel/thread.h"

/* --- life --- */

struct sw_engine *sw_engine_new(void *(*thread_main)(void *engine)) {
    struct sw_engine *engine = sw_allocate_zeroed(sizeof *engine);
    if (engine == NULL) return NULL;
    sw_lock_init(&engine->lock);
    pthread_mutex_init(&engine->loans_lock, NULL);
    atomic_init(&engine->refs, 1);
    atomic_init(&engine->open, 0);
    atomic_init(&engine->arrived, false);
    engine->thread_main = thread_main;
    engine->loop_wakeup = engine->host_wakeup = SW_WAKEUP_CLOSED;
    return engine;
}

struct sw_engine *sw_engine_ref(struct sw_engine *engine) {
    atomic_fetch_add_explicit(&engine->refs, 1, memory_order_relaxed);
    return engine;
}

void sw_engine_unref(struct sw_engine *engine) {
    if (atomic_fetch_sub_explicit(&engine->refs, 1, memory_order_acq_rel) > 1) return;
    sw_wakeup_close(&engine->loop_wakeup);
    sw_wakeup_close(&engine->host_wakeup);
    sw_pages_free(&engine->returned);
    pthread_mutex_destroy(&engine->loans_lock);
    sw_lock_destroy(&engine->lock);
    free(engine);
}

static void lock(struct sw_engine *engine) { sw_lock_take(&engine->lock); }
static void unlock(struct sw_engine *engine) { sw_lock_drop(&engine->lock); }

/* --- host thread: starting and stopping --- */

static int open_wakeups(struct sw_engine *engine) {
    int failed = 0;
    if (engine->loop_wakeup.read_fd < 0) failed = sw_wakeup_open(&engine->loop_wakeup);
    if (failed == 0 && engine->host_wakeup.read_fd < 0) failed = sw_wakeup_open(&engine->host_wakeup);
    return failed;
}

bool sw_engine_alive(struct sw_engine *engine) {
    lock(engine);
    bool is = engine->alive;
    unlock(engine);
    return is;
}

static void revive(struct sw_engine *engine) {
    lock(engine); /* helpers of an earlier loop may still look */
    engine->alive = true;
    engine->stopping = engine->aborting = engine->sleeping = false;
    unlock(engine);
}

/* A stop that ran out of time left the thread to end by itself: nothing new may be given to it. */
static bool is_stopping(struct sw_engine *engine) {
    lock(engine);
    bool is = engine->alive && engine->stopping;
    unlock(engine);
    return is;
}

struct sw_error sw_engine_start(struct sw_engine *engine) {
    SW_ON_HOST_THREAD();
    if (engine->running) {
        if (is_stopping(engine)) return sw_error_make(SW_CLOSED, SW_STAGE_START);
        if (sw_engine_alive(engine)) return sw_error_make(SW_OK, SW_STAGE_START);
        pthread_join(engine->thread, NULL);
        engine->running = false;
    }
    int failed = sw_fork_watch();
    if (engine->generation != sw_fork_generation()) sw_engine_abandon(engine); /* these are the parent's */
    if (failed == 0) failed = open_wakeups(engine);
    if (failed != 0) return sw_error_system(failed, SW_STAGE_START);
    engine->generation = sw_fork_generation();
    revive(engine);
    failed = sw_thread_spawn(&engine->thread, false, engine->thread_main, sw_engine_ref(engine));
    if (failed != 0) {
        lock(engine);
        engine->alive = false;
        unlock(engine);
        sw_engine_unref(engine);
        return sw_error_system(failed, SW_STAGE_START);
    }
    engine->running = true;
    return sw_error_make(SW_OK, SW_STAGE_START);
}

/* With the lock held: must the loop be signalled? */
static bool rouse(struct sw_engine *engine) {
    bool was_sleeping = engine->sleeping;
    engine->sleeping = false;
    return was_sleeping;
}

static void request_end(struct sw_engine *engine, bool now) {
    lock(engine);
    engine->stopping = true;
    if (now) engine->aborting = true;
    bool signal = rouse(engine);
    unlock(engine);
    if (signal) sw_wakeup_signal(&engine->loop_wakeup);
}

static void nap(void) {
    const struct timespec moment = {.tv_nsec = 1000000};
    nanosleep(&moment, NULL);
}

bool sw_engine_stop(struct sw_engine *engine, bool now, double deadline) {
    SW_ON_HOST_THREAD();
    if (!engine->running) return true;
    sw_engine_set_waiting(engine, true);
    request_end(engine, now);
    /* A signal does not end this wait: the deadline does. */
    for (int failed = 0; sw_engine_alive(engine) && failed != ETIMEDOUT;) {
        failed = sw_engine_sleep(engine, deadline);
        if (failed != 0 && failed != ETIMEDOUT && failed != EINTR) nap(); /* poll(2) cannot wait: see poll(2), EINVAL */
    }
    sw_engine_set_waiting(engine, false);
    if (sw_engine_alive(engine)) return false;
    pthread_join(engine->thread, NULL);
    engine->running = false;
    return true;
}

static void revoke_loans(struct sw_engine *engine) {
    pthread_mutex_lock(&engine->loans_lock);
    engine->revoked = true;
    pthread_mutex_unlock(&engine->loans_lock);
}

void sw_engine_leave(struct sw_engine *engine) {
    revoke_loans(engine);
    if (engine->running) pthread_detach(engine->thread);
    sw_engine_unref(engine);
}

bool sw_engine_forked(const struct sw_engine *engine) {
    return engine->running && engine->generation != sw_fork_generation();
}

void sw_engine_abandon(struct sw_engine *engine) {
    sw_wakeup_close(&engine->loop_wakeup);
    sw_wakeup_close(&engine->host_wakeup);
    engine->roused = false;
}

/* --- host thread: lists and sleep --- */

bool sw_engine_announce(struct sw_engine *engine, struct sw_channel *channel) {
    lock(engine);
    bool is_alive = engine->alive;
    if (is_alive) {
        channel->next_dirty = NULL;
        if (engine->dirty.tail != NULL)
            engine->dirty.tail->next_dirty = sw_channel_ref(channel);
        else
            engine->dirty.head = sw_channel_ref(channel);
        engine->dirty.tail = channel;
    }
    bool signal = is_alive && rouse(engine);
    unlock(engine);
    if (signal) sw_wakeup_signal(&engine->loop_wakeup);
    return is_alive;
}

/* Without the lock; helgrind, which does not know what atomics order, has it taken each time. */
static bool has_arrivals(const struct sw_engine *engine) {
#ifdef UNDER_VALGRIND
    (void)engine;
    return true;
#else
    return atomic_load_explicit(&engine->arrived, memory_order_acquire);
#endif
}

struct sw_arrivals sw_engine_take_arrivals(struct sw_engine *engine) {
    SW_ON_HOST_THREAD();
    if (!has_arrivals(engine)) return (struct sw_arrivals){0};
    lock(engine);
    atomic_store_explicit(&engine->arrived, false, memory_order_relaxed);
    struct sw_arrivals arrivals = {engine->ready.head, engine->returned};
    engine->ready = (struct sw_channels){NULL, NULL};
    engine->returned = (struct sw_pages){NULL, NULL};
    unlock(engine);
    return arrivals;
}

struct sw_pages sw_engine_take_returned(struct sw_engine *engine) {
    SW_ON_HOST_THREAD();
    lock(engine);
    struct sw_pages returned = engine->returned;
    engine->returned = (struct sw_pages){NULL, NULL};
    unlock(engine);
    return returned;
}

void sw_engine_set_waiting(struct sw_engine *engine, bool waiting) {
    lock(engine);
    engine->host_waiting = waiting;
    unlock(engine);
}

/* For poll(2). Less than 0: without end; 0: the deadline has passed. */
static int milliseconds_until(double deadline) {
    if (deadline < 0) return -1;
    double left = deadline - sw_clock();
    if (left <= 0) return 0;
    return left > 1e6 ? 1000000000 : (int)ceil(left * 1e3);
}

int sw_engine_sleep(struct sw_engine *engine, double deadline) {
    int milliseconds = milliseconds_until(deadline);
    if (milliseconds == 0) return ETIMEDOUT;
    if (engine->roused) {
        engine->roused = false;
        sw_wakeup_drain(&engine->host_wakeup);
        return 0;
    }
    struct pollfd wakeup = {.fd = engine->host_wakeup.read_fd, .events = POLLIN};
    int ready = poll(&wakeup, 1, milliseconds);
    if (ready < 0) return errno;
    engine->roused = ready > 0;
    return 0; /* a time-out too: the caller looks again and then finds the deadline passed */
}

/* --- loop thread --- */

static void take(struct sw_engine *engine, struct sw_work *work) {
    work->dirty = engine->dirty.head;
    work->posts = engine->posts;
    work->stopping = engine->stopping;
    work->aborting = engine->aborting;
    engine->dirty = (struct sw_channels){NULL, NULL};
    engine->posts = NULL;
}

bool sw_engine_collect(struct sw_engine *engine, struct sw_work *work, bool stays_awake) {
    SW_ON_LOOP_THREAD();
    lock(engine);
    take(engine, work);
    bool something = work->dirty != NULL || work->posts != NULL;
    engine->sleeping = !something && !stays_awake;
    unlock(engine);
    return something;
}

bool sw_engine_collect_last(struct sw_engine *engine, struct sw_work *work) {
    SW_ON_LOOP_THREAD();
    lock(engine);
    take(engine, work);
    bool something = work->dirty != NULL || work->posts != NULL;
    bool tell = !something && engine->host_waiting;
    engine->alive = something;
    engine->sleeping = false;
    unlock(engine);
    if (tell) sw_wakeup_signal(&engine->host_wakeup);
    return something;
}

void sw_engine_awake(struct sw_engine *engine) {
    lock(engine);
    engine->sleeping = false;
    unlock(engine);
}

void sw_engine_tell_host(struct sw_engine *engine, struct sw_channel *channel) {
    lock(engine);
    if (channel != NULL) {
        channel->next_ready = NULL;
        if (engine->ready.tail != NULL)
            engine->ready.tail->next_ready = sw_channel_ref(channel);
        else
            engine->ready.head = sw_channel_ref(channel);
        engine->ready.tail = channel;
        atomic_store_explicit(&engine->arrived, true, memory_order_release);
    }
    bool signal = engine->host_waiting;
    unlock(engine);
    if (signal) sw_wakeup_signal(&engine->host_wakeup);
}

bool sw_engine_hold_loans(struct sw_engine *engine) {
    pthread_mutex_lock(&engine->loans_lock);
    if (!engine->revoked) return true;
    pthread_mutex_unlock(&engine->loans_lock);
    return false;
}

void sw_engine_release_loans(struct sw_engine *engine) { pthread_mutex_unlock(&engine->loans_lock); }

/* --- any thread --- */

void sw_engine_give_back(struct sw_engine *engine, struct sw_pages *pages) {
    struct sw_pages lent = {NULL, NULL};
    while (pages->head != NULL) {
        struct sw_page *page = sw_pages_shift(pages);
        if (page->loan != 0)
            sw_pages_add(&lent, page);
        else
            free(page);
    }
    if (lent.head == NULL) return;
    lock(engine);
    sw_pages_join(&engine->returned, &lent);
    atomic_store_explicit(&engine->arrived, true, memory_order_release);
    unlock(engine);
}

/* --- helper threads --- */

bool sw_engine_post(struct sw_engine *engine, struct sw_post *post) {
    lock(engine);
    bool is_alive = engine->alive;
    if (is_alive) {
        post->next = engine->posts;
        engine->posts = post;
    }
    bool signal = is_alive && rouse(engine);
    unlock(engine);
    if (signal) sw_wakeup_signal(&engine->loop_wakeup);
    return is_alive;
}
