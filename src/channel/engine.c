#include "channel/engine.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/tunables.h"
#include "channel/fork.h"
#include "channel/thread.h"

/* --- making and freeing --- */

struct sw_engine *sw_engine_new(void *(*thread_main)(void *engine)) {
    struct sw_engine *engine = calloc(1, sizeof *engine);
    if (engine == NULL) return NULL;
    sw_lock_init(&engine->lock);
    pthread_mutex_init(&engine->pin_lock, NULL);
    atomic_init(&engine->refs, 1);
    atomic_init(&engine->open, 0);
    atomic_init(&engine->arrived, false);
    atomic_init(&engine->max_lookups, SW_LOOKUPS_OF_ENGINE_MAX);
    engine->thread_main = thread_main;
    engine->loop_waker = engine->host_waker = engine->notifier = SW_WAKER_CLOSED;
    return engine;
}

struct sw_engine *sw_engine_ref(struct sw_engine *engine) {
    atomic_fetch_add_explicit(&engine->refs, 1, memory_order_relaxed);
    return engine;
}

void sw_engine_unref(struct sw_engine *engine) {
    if (atomic_fetch_sub_explicit(&engine->refs, 1, memory_order_acq_rel) > 1) return;
    sw_engine_abandon(engine);
    sw_pages_free(&engine->completions);
    pthread_mutex_destroy(&engine->pin_lock);
    sw_lock_destroy(&engine->lock);
    free(engine);
}

static void lock(struct sw_engine *engine) { sw_lock_acquire(&engine->lock); }
static void unlock(struct sw_engine *engine) { sw_lock_release(&engine->lock); }

/* --- host thread: starting and stopping --- */

static int open_wakers(struct sw_engine *engine) {
    int failed = 0;
    if (engine->loop_waker.read_fd < 0) failed = sw_waker_open(&engine->loop_waker);
    if (failed == 0 && engine->host_waker.read_fd < 0) failed = sw_waker_open(&engine->host_waker);
    return failed;
}

bool sw_engine_is_alive(struct sw_engine *engine) {
    lock(engine);
    bool is = engine->alive;
    unlock(engine);
    return is;
}

static void mark_alive(struct sw_engine *engine) {
    lock(engine); /* helper threads of an earlier loop may still post */
    engine->alive = true;
    engine->stopping = engine->aborting = false;
    unlock(engine);
}

/* The loop thread could not be started. Since mark_alive, helper threads of an earlier loop may have posted something,
 * but the host has not. */
static void undo_alive(struct sw_engine *engine) {
    lock(engine);
    engine->alive = false;
    struct sw_post *post = engine->posts;
    engine->posts = NULL;
    unlock(engine);
    while (post != NULL) {
        struct sw_post *next = post->next;
        post->drop(post);
        post = next;
    }
}

/* True: a stop has timed out, and the loop thread is still ending. It cannot be used again. */
static bool is_stopping(struct sw_engine *engine) {
    lock(engine);
    bool is = engine->alive && engine->stopping;
    unlock(engine);
    return is;
}

struct sw_error sw_engine_start(struct sw_engine *engine) {
    SW_ON_HOST_THREAD();
    if (engine->pins_gone) return sw_error_make(SW_CLOSED, SW_STAGE_START); /* this thread has set it */
    if (engine->running) {
        if (is_stopping(engine)) return sw_error_make(SW_CLOSED, SW_STAGE_START);
        if (sw_engine_is_alive(engine)) return sw_error_make(SW_OK, SW_STAGE_START);
        pthread_join(engine->thread, NULL);
        engine->running = false;
    }
    int failed = sw_fork_watch();
    sw_engine_renew_descriptors(engine);
    if (failed == 0) failed = open_wakers(engine);
    if (failed != 0) return sw_error_system(failed, SW_STAGE_START);
    mark_alive(engine);
    failed = sw_thread_spawn(&engine->thread, false, engine->thread_main, sw_engine_ref(engine));
    if (failed != 0) {
        undo_alive(engine);
        sw_engine_unref(engine);
        return sw_error_system(failed, SW_STAGE_START);
    }
    engine->running = true;
    return sw_error_make(SW_OK, SW_STAGE_START);
}

static void request_end(struct sw_engine *engine, bool now) {
    lock(engine);
    engine->stopping = true;
    if (now) engine->aborting = true;
    bool signal = sw_waker_claim(&engine->loop_waker);
    unlock(engine);
    if (signal) sw_waker_signal(&engine->loop_waker);
}

static void sleep_one_millisecond(void) {
    const struct timespec millisecond = {.tv_nsec = 1000000};
    nanosleep(&millisecond, NULL);
}

bool sw_engine_stop(struct sw_engine *engine, bool now, double deadline) {
    SW_ON_HOST_THREAD();
    if (!engine->running) return true;
    sw_engine_set_waiting(engine, true);
    request_end(engine, now);
    /* Signals do not end this wait. */
    for (int failed = 0; sw_engine_is_alive(engine) && failed != ETIMEDOUT;) {
        failed = sw_engine_sleep(engine, deadline);
        /* poll(2) fails at once with EINVAL if the process may open no descriptors (RLIMIT_NOFILE). */
        if (failed != 0 && failed != ETIMEDOUT && failed != EINTR) sleep_one_millisecond();
    }
    sw_engine_set_waiting(engine, false);
    if (sw_engine_is_alive(engine)) return false;
    pthread_join(engine->thread, NULL);
    engine->running = false;
    return true;
}

static void mark_pins_gone(struct sw_engine *engine) {
    pthread_mutex_lock(&engine->pin_lock);
    engine->pins_gone = true;
    pthread_mutex_unlock(&engine->pin_lock);
}

void sw_engine_detach(struct sw_engine *engine) {
    mark_pins_gone(engine);
    if (engine->running) pthread_detach(engine->thread);
    engine->running = false;
}

bool sw_engine_forked(const struct sw_engine *engine) {
    return engine->running && engine->generation != sw_fork_generation();
}

void sw_engine_abandon(struct sw_engine *engine) {
    sw_waker_close(&engine->loop_waker);
    sw_waker_close(&engine->host_waker);
    sw_waker_close(&engine->notifier);
}

/* Replaces the notifier's descriptor by a new one with the same number. */
static void renew_notifier(struct sw_engine *engine) {
    const struct sw_waker shared = engine->notifier;
    if (shared.write_fd != shared.read_fd) close(shared.write_fd);
    engine->notifier = SW_WAKER_CLOSED;
    if (sw_waker_open_at(&engine->notifier, shared.read_fd) == 0) engine->notifier.sleeping = true;
}

void sw_engine_renew_descriptors(struct sw_engine *engine) {
    if (engine->generation == sw_fork_generation()) return;
    engine->generation = sw_fork_generation();
    sw_waker_close(&engine->loop_waker);
    sw_waker_close(&engine->host_waker);
    if (engine->notifier.read_fd >= 0) renew_notifier(engine);
}

void sw_engine_inherit_notifier(struct sw_engine *engine, struct sw_engine *parent) {
    engine->notifier = parent->notifier;
    parent->notifier = SW_WAKER_CLOSED;
    sw_engine_renew_descriptors(engine);
}

/* --- host thread: lists and sleeping --- */

bool sw_engine_post_down(struct sw_engine *engine, struct sw_link *link) {
    lock(engine);
    bool is_alive = engine->alive;
    if (is_alive) sw_list_add(&engine->down, link);
    bool signal = is_alive && sw_waker_claim(&engine->loop_waker);
    unlock(engine);
    if (signal) sw_waker_signal(&engine->loop_waker);
    return is_alive;
}

/* Without the lock; helgrind, which does not know what atomics order, has it taken each time. */
bool sw_engine_has_arrivals(const struct sw_engine *engine) {
#ifdef UNDER_VALGRIND
    (void)engine;
    return true;
#else
    return atomic_load_explicit(&engine->arrived, memory_order_acquire);
#endif
}

struct sw_arrivals sw_engine_take_arrivals(struct sw_engine *engine) {
    SW_ON_HOST_THREAD();
    if (!sw_engine_has_arrivals(engine)) return (struct sw_arrivals){0};
    lock(engine);
    atomic_store_explicit(&engine->arrived, false, memory_order_relaxed);
    struct sw_arrivals arrivals = {sw_list_take(&engine->up), engine->completions};
    engine->completions = (struct sw_pages){NULL, NULL};
    unlock(engine);
    return arrivals;
}

struct sw_pages sw_engine_take_completions(struct sw_engine *engine) {
    SW_ON_HOST_THREAD();
    lock(engine);
    struct sw_pages completions = engine->completions;
    engine->completions = (struct sw_pages){NULL, NULL};
    unlock(engine);
    return completions;
}

/* If the waker's descriptor is still readable, `sleeping` stays false: sw_engine_sleep first clears the descriptor. */
void sw_engine_set_waiting(struct sw_engine *engine, bool waiting) {
    lock(engine);
    engine->host_waker.sleeping = waiting && !engine->host_waker.pending;
    unlock(engine);
}

static bool is_about_to_sleep(struct sw_engine *engine) {
    lock(engine);
    bool is = engine->host_waker.sleeping;
    unlock(engine);
    return is;
}

/* Clears the descriptor if need be. From here on the loop wakes the host. */
static void prepare_sleep(struct sw_engine *engine) {
    struct sw_waker *waker = &engine->host_waker;
    lock(engine);
    bool pending = waker->pending;
    unlock(engine);
    if (pending) sw_waker_clear(waker);
    lock(engine);
    waker->pending = false;
    waker->sleeping = true;
    unlock(engine);
}

/* is_readable: poll(2) reported that the descriptor is readable. */
static void end_sleep(struct sw_engine *engine, bool is_readable) {
    struct sw_waker *waker = &engine->host_waker;
    lock(engine);
    waker->sleeping = false;
    waker->pending = waker->pending || is_readable;
    unlock(engine);
}

bool sw_engine_await_idle(struct sw_engine *engine) {
    SW_ON_HOST_THREAD();
    const struct sw_waker *waker = &engine->loop_waker;
    lock(engine);
    bool is_idle = !engine->alive || (waker->sleeping && !waker->pending);
    engine->idle_awaited = !is_idle;
    unlock(engine);
    return is_idle;
}

/* The time-out for poll(2). Less than 0: none; 0: the deadline has passed. */
static int milliseconds_until(double deadline) {
    if (deadline < 0) return -1;
    double left = deadline - sw_clock();
    if (left <= 0) return 0;
    return left > 1e6 ? 1000000000 : (int)ceil(left * 1e3);
}

int sw_engine_sleep(struct sw_engine *engine, double deadline) {
    int milliseconds = milliseconds_until(deadline);
    if (milliseconds == 0) return ETIMEDOUT;
    if (!is_about_to_sleep(engine)) {
        prepare_sleep(engine);
        return 0;
    }
    struct pollfd fd = {.fd = engine->host_waker.read_fd, .events = POLLIN};
    int ready = poll(&fd, 1, milliseconds), failed = ready < 0 ? errno : 0;
    end_sleep(engine, ready > 0);
    return failed; /* 0 also after a time-out: the caller's next call then returns ETIMEDOUT */
}

/* --- loop thread --- */

/* With the lock held: takes channels and posts. False: there were none. */
static bool take(struct sw_engine *engine, struct sw_work *work) {
    work->channels = sw_list_take(&engine->down);
    work->posts = engine->posts;
    work->stopping = engine->stopping;
    work->aborting = engine->aborting;
    engine->posts = NULL;
    return work->channels != NULL || work->posts != NULL;
}

bool sw_engine_take_work(struct sw_engine *engine, struct sw_work *work, bool stays_awake) {
    SW_ON_LOOP_THREAD();
    lock(engine);
    bool something = take(engine, work);
    bool sleeps = !something && !stays_awake;
    engine->loop_waker.sleeping = sleeps;
    if (sleeps) engine->loop_waker.pending = false;
    bool signal = sleeps && engine->idle_awaited && sw_waker_claim(&engine->host_waker);
    if (sleeps) engine->idle_awaited = false;
    unlock(engine);
    if (signal) sw_waker_signal(&engine->host_waker);
    return something;
}

bool sw_engine_take_last_work(struct sw_engine *engine, struct sw_work *work) {
    SW_ON_LOOP_THREAD();
    lock(engine);
    bool something = take(engine, work);
    engine->alive = something;
    engine->loop_waker.sleeping = false;
    bool signal = !something && sw_waker_claim(&engine->host_waker);
    unlock(engine);
    if (signal) sw_waker_signal(&engine->host_waker);
    return something;
}

void sw_engine_note_awake(struct sw_engine *engine) {
    lock(engine);
    engine->loop_waker.sleeping = false;
    unlock(engine);
}

void sw_engine_post_up(struct sw_engine *engine, struct sw_link *link) {
    lock(engine);
    if (link != NULL) {
        sw_list_add(&engine->up, link);
        atomic_store_explicit(&engine->arrived, true, memory_order_release);
    }
    bool signal = sw_waker_claim(&engine->host_waker), notify = link != NULL && sw_waker_claim(&engine->notifier);
    unlock(engine);
    if (signal) sw_waker_signal(&engine->host_waker);
    if (notify) sw_waker_signal(&engine->notifier);
}

bool sw_engine_hold_pins(struct sw_engine *engine) {
    pthread_mutex_lock(&engine->pin_lock);
    if (!engine->pins_gone) return true;
    pthread_mutex_unlock(&engine->pin_lock);
    return false;
}

void sw_engine_release_pins(struct sw_engine *engine) { pthread_mutex_unlock(&engine->pin_lock); }

/* --- any thread --- */

void sw_engine_free_pages(struct sw_engine *engine, struct sw_pages *pages) {
    struct sw_pages pinned = {NULL, NULL};
    while (pages->head != NULL) {
        struct sw_page *page = sw_pages_shift(pages);
        if (page->pin != 0)
            sw_pages_add(&pinned, page);
        else
            sw_page_free(page);
    }
    if (pinned.head == NULL) return;
    lock(engine);
    sw_pages_join(&engine->completions, &pinned);
    atomic_store_explicit(&engine->arrived, true, memory_order_release);
    unlock(engine);
}

/* --- helper threads --- */

/* No fork happens meanwhile: after a stop the child uses the engine too, and a helper thread must not hold its lock at
 * the fork. */
bool sw_engine_post(struct sw_engine *engine, struct sw_post *post) {
    sw_fork_hold();
    lock(engine);
    bool is_alive = engine->alive;
    if (is_alive) {
        post->next = engine->posts;
        engine->posts = post;
    }
    bool signal = is_alive && sw_waker_claim(&engine->loop_waker);
    unlock(engine);
    sw_fork_release();
    if (signal) sw_waker_signal(&engine->loop_waker);
    return is_alive;
}
