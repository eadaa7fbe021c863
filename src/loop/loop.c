#include "loop/loop.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "channel/engine.h"
#include "channel/loop_end.h"
#include "channel/thread.h"
#include "loop/conn.h"

enum {
    WORK_ROUNDS = 16, /* looks at the engine's lists before sockets have their turn */
    NAP_NS = 50000,   /* Linux makes twice that of it: timer slack, prctl(2) */
};

/* --- libev's process-wide hooks --- */

static _Thread_local struct loop *this_loop;

static void rest(long nanoseconds) {
    const struct timespec moment = {.tv_nsec = nanoseconds};
    nanosleep(&moment, NULL);
}

static void wait_a_moment(void) { rest(10000000); } /* 10 ms */

void *sw_loop_allocate(size_t size) {
    void *block;
    while ((block = sw_allocate_zeroed(size)) == NULL) wait_a_moment();
    return block;
}

static void *reallocate(void *block, long size) {
    if (size == 0) {
        free(block);
        return NULL;
    }
    if (!sw_thread_is_ours()) return realloc(block, (size_t)size); /* NULL: libev does what it always does */
    void *moved;
    while ((moved = sw_resize(block, (size_t)size)) == NULL) wait_a_moment(); /* libev would abort the host */
    return moved;
}

static void system_failed(const char *text) EV_NOEXCEPT {
    if (this_loop != NULL) { /* ev_break has no effect here: before_sleep sees the fault */
        this_loop->fault = sw_error_system(errno, SW_STAGE_START);
        return;
    }
    perror(text); /* libev's own behaviour for the host's own loops */
    abort();
}

static void install_hooks(void) {
    ev_set_allocator(reallocate);
    ev_set_syserr_cb(system_failed);
}

const char *sw_loop_check_library(void) {
    if (ev_version_major() == EV_VERSION_MAJOR && ev_version_minor() >= EV_VERSION_MINOR) return NULL;
    return "sidewire: this process brings another libev than the one sidewire was built for; build sidewire with libev "
           "embedded, or against the host's libev";
}

/* --- connections --- */

static void add(struct loop *loop, struct conn *conn) {
    conn->next = loop->conns;
    conn->link = &loop->conns;
    if (conn->next != NULL) conn->next->link = &conn->next;
    loop->conns = conn;
}

void sw_loop_remove(struct loop *loop, struct conn *conn) {
    *conn->link = conn->next;
    if (conn->next != NULL) conn->next->link = conn->link;
    conn->next = loop->removed;
    loop->removed = conn;
}

/* Callers up the stack may still hold a connection that they ended: it goes when nobody can. */
static void free_removed(struct loop *loop) {
    while (loop->removed != NULL) {
        struct conn *conn = loop->removed;
        loop->removed = conn->next;
        sw_conn_free(conn);
    }
}

/* Does `end` to all connections, any of which it may remove. */
static void for_each(struct loop *loop, void (*end)(struct loop *, struct conn *)) {
    for (struct conn *conn = loop->conns, *next; conn != NULL; conn = next) {
        next = conn->next;
        end(loop, conn);
    }
}

static void close_one(struct loop *loop, struct conn *conn) {
    (void)loop;
    if (!sw_conn_is_closing(conn)) sw_conn_close(conn, conn->channel->options->linger);
}

static void abort_one(struct loop *loop, struct conn *conn) {
    (void)loop;
    sw_conn_abort(conn);
}

static void fail_one(struct loop *loop, struct conn *conn) { sw_conn_fail(conn, loop->fault); }

static void refuse(struct conn *conn, struct sw_batch *batch) { sw_conn_refuse(conn, batch, conn->loop->fault); }

/* --- work from the host and the helpers --- */

static struct conn *conn_of(struct loop *loop, struct sw_channel *channel) {
    struct conn *conn = channel->conn;
    if (conn != NULL) return conn;
    conn = sw_conn_new(loop, channel);
    add(loop, conn);
    return conn;
}

/* Gives each channel's batch to `handle`. One that was let go, and not taken up again by a connect, is passed over. */
static void attend_all(struct loop *loop, struct sw_link *link, void (*handle)(struct conn *, struct sw_batch *)) {
    while (link != NULL) {
        struct sw_channel *channel = sw_channel_of_down(link);
        struct sw_batch batch;
        link = link->next;
        sw_channel_take_batch(channel, &batch);
        if (batch.attached) handle(conn_of(loop, channel), &batch);
        sw_commands_free(batch.commands);
        sw_channel_unref(channel);
    }
}

static void receive_posts(struct sw_post *post) {
    while (post != NULL) {
        struct sw_post *next = post->next;
        post->handle(post);
        post = next;
    }
}

static void end(struct loop *loop) {
    loop->ended = true;
    ev_break(loop->ev, EVBREAK_ALL);
}

static void obey(struct loop *loop, const struct sw_work *work) {
    if (work->stopping && !loop->stopping) {
        loop->stopping = true;
        for_each(loop, close_one);
    }
    if (work->aborting || (loop->stopping && loop->conns == NULL)) end(loop);
}

void sw_loop_spin(struct loop *loop, double seconds) {
    double until = sw_clock() + seconds;
    if (loop->awake_until < until) loop->awake_until = until;
}

static bool spins(struct loop *loop) {
    if (loop->awake_until == 0) return false;
    if (sw_clock() < loop->awake_until) return true;
    loop->awake_until = 0;
    return false;
}

enum outcome {
    AGAIN,       /* there was something: there may be more */
    STAYS_AWAKE, /* there was nothing, and the loop looks again */
    SLEEPS,      /* there was nothing, and the host knows that we sleep */
};

/* The loop must not be known to sleep while its wake-up is still to be cleared: clearing would swallow the next. */
static enum outcome work_once(struct loop *loop) {
    struct sw_work work;
    bool stays_awake = spins(loop) || loop->roused;
    bool something = sw_engine_take_work(loop->engine, &work, stays_awake);
    receive_posts(work.posts);
    attend_all(loop, work.channels, sw_conn_attend);
    obey(loop, &work);
    free_removed(loop);
    if (something) return AGAIN;
    return stays_awake ? STAYS_AWAKE : SLEEPS;
}

/* Works first and clears the wake-up then, so that the work need not wait for a system call; then looks once more. */
static enum outcome work_round(struct loop *loop) {
    enum outcome outcome = work_once(loop);
    if (!loop->roused) return outcome;
    loop->roused = false;
    sw_waker_clear(&loop->engine->loop_waker);
    return AGAIN;
}

static void before_sleep(struct ev_loop *ev, ev_prepare *watcher, int events) {
    (void)events;
    struct loop *loop = watcher->data;
    enum outcome outcome = AGAIN;
    if (loop->nap) rest(NAP_NS);
    loop->nap = false;
    for (int round = 0; round < WORK_ROUNDS && outcome == AGAIN && !loop->ended; round++) outcome = work_round(loop);
    if (loop->fault.err != SW_OK) end(loop);
    if (outcome != SLEEPS || loop->look_again)
        ev_idle_start(ev, &loop->unfinished);
    else
        ev_idle_stop(ev, &loop->unfinished);
    loop->look_again = false;
}

void sw_loop_look_again(struct loop *loop) { loop->look_again = true; }

void sw_loop_nap(struct loop *loop) { loop->nap = true; }

static void after_sleep(struct ev_loop *ev, ev_check *watcher, int events) {
    (void)ev, (void)events;
    struct loop *loop = watcher->data;
    sw_engine_note_awake(loop->engine);
}

static void on_wake(struct ev_loop *ev, ev_io *watcher, int events) {
    struct loop *loop = watcher->data;
    if (events & EV_ERROR) {
        loop->fault = sw_error_system(EIO, SW_STAGE_START);
        ev_io_stop(ev, watcher);
        return;
    }
    loop->roused = true; /* before_sleep does the rest */
}

static void on_idle(struct ev_loop *ev, ev_idle *watcher, int events) { (void)ev, (void)watcher, (void)events; }

/* --- the thread --- */

static void start_watchers(struct loop *loop) {
    ev_io_init(&loop->wake, on_wake, loop->engine->loop_waker.read_fd, EV_READ);
    ev_prepare_init(&loop->before_sleep, before_sleep);
    ev_check_init(&loop->after_sleep, after_sleep);
    ev_idle_init(&loop->unfinished, on_idle);
    loop->wake.data = loop->before_sleep.data = loop->after_sleep.data = loop;
    ev_io_start(loop->ev, &loop->wake);
    ev_prepare_start(loop->ev, &loop->before_sleep);
    ev_check_start(loop->ev, &loop->after_sleep);
}

static uint64_t fresh_seed(const struct loop *loop) {
    double time = sw_clock();
    uint64_t bits;
    memcpy(&bits, &time, sizeof bits);
    bits ^= (uint64_t)(uintptr_t)loop ^ (uint64_t)getpid() << 32;
    return bits != 0 ? bits : 1;
}

static void run(struct loop *loop) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, install_hooks);
    this_loop = loop;
    loop->ev = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV);
    if (loop->ev == NULL) {
        loop->fault = sw_error_system(errno != 0 ? errno : EIO, SW_STAGE_START);
        return;
    }
    start_watchers(loop);
    sw_loop_look_again(loop);
    ev_run(loop->ev, 0);
}

/* What is left when the loop ends: nothing after an orderly stop. What still arrives is answered in kind. */
static void wind_up(struct loop *loop) {
    struct sw_work work;
    bool failed = loop->fault.err != SW_OK, more = true;
    if (!failed) loop->fault = sw_error_make(SW_CLOSED, SW_STAGE_CLOSE);
    while (more) {
        for_each(loop, failed ? fail_one : abort_one);
        free_removed(loop);
        more = sw_engine_take_last_work(loop->engine, &work);
        receive_posts(work.posts);
        attend_all(loop, work.channels, refuse);
    }
}

void *sw_loop_main(void *argument) {
    struct sw_engine *engine = argument;
    sw_thread_mark_ours();
    struct loop *loop = sw_loop_allocate(sizeof *loop);
    loop->engine = engine;
    loop->seed = fresh_seed(loop);
    run(loop);
    wind_up(loop);
    if (loop->ev != NULL) ev_loop_destroy(loop->ev);
    this_loop = NULL;
    free(loop);
    sw_engine_unref(engine);
    return NULL;
}
