#include "loop/loop.h"

#include <errno.h>
#include <ev.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/tunables.h"
#include "channel/channel.h"
#include "channel/engine.h"
#include "channel/loop_end.h"
#include "channel/thread.h"
#include "loop/conn.h"
#include "loop/lingering.h"
#include "loop/openssl.h"
#include "loop/reactor.h"

struct loop {
    struct sw_reactor *reactor;
    struct sw_engine *engine; /* one reference */
    struct conn *conns;       /* all connections that are not finished; linked by next */
    struct conn *finished;    /* to be freed at the end of the round; linked by next */
    ev_io wake;               /* watches the engine's waker */
    ev_prepare before_sleep;
    ev_check after_sleep;
    ev_idle keep_awake;    /* active while the loop must not sleep: libev polls without waiting then */
    bool stopping;         /* the thread ends when the last connection is finished */
    bool ended;            /* ev_break was called */
    bool is_spinning;      /* the loop busy-waits: it has nothing to do and does not sleep */
    bool must_clear_waker; /* the engine's waker was signalled and is not cleared yet */
};

/* --- connections --- */

static void add(struct loop *loop, struct conn *conn) {
    conn->next = loop->conns;
    conn->link = &loop->conns;
    if (conn->next != NULL) conn->next->link = &conn->next;
    loop->conns = conn;
}

/* Moves the connection to `finished`. It is freed later, because the event handler that is running may still use it. */
static void on_finished(struct conn *conn) {
    struct loop *loop = conn->owner;
    *conn->link = conn->next;
    if (conn->next != NULL) conn->next->link = conn->link;
    conn->next = loop->finished;
    loop->finished = conn;
}

static void free_finished(struct loop *loop) {
    while (loop->finished != NULL) {
        struct conn *conn = loop->finished;
        loop->finished = conn->next;
        sw_conn_free(conn);
    }
}

/* Calls `action` for all connections; it may finish any of them. */
static void for_each(struct loop *loop, void (*action)(struct loop *, struct conn *)) {
    for (struct conn *conn = loop->conns, *next; conn != NULL; conn = next) {
        next = conn->next;
        action(loop, conn);
        if (conn->is_finished) on_finished(conn);
    }
}

static void close_one(struct loop *loop, struct conn *conn) {
    (void)loop;
    if (!sw_conn_is_closing(conn)) sw_conn_close(conn, conn->common.channel->options->linger);
}

static void abort_one(struct loop *loop, struct conn *conn) {
    (void)loop;
    sw_conn_abort(conn);
}

static void fail_one(struct loop *loop, struct conn *conn) { sw_conn_fail(conn, loop->reactor->fault); }

/* --- work from the host and the helpers --- */

static struct conn *find_or_make_conn(struct loop *loop, struct sw_channel *channel) {
    struct conn *conn = channel->conn;
    if (conn != NULL) return conn;
    conn = sw_conn_new(loop->reactor, channel, on_finished, loop);
    add(loop, conn);
    return conn;
}

static void handle_batch(struct loop *loop, struct conn *conn, const struct sw_batch *batch) {
    (void)loop;
    sw_conn_handle_batch(conn, batch);
}

static void refuse_batch(struct loop *loop, struct conn *conn, const struct sw_batch *batch) {
    sw_conn_refuse(conn, batch, loop->reactor->fault);
}

/* Calls `handle` with each channel's batch. Skips a channel that is detached: its connection failed, and no connect
 * command came since. */
static void handle_channels(struct loop *loop, struct sw_link *link,
                            void (*handle)(struct loop *, struct conn *, const struct sw_batch *)) {
    while (link != NULL) {
        struct sw_channel *channel = sw_channel_of_down(link);
        struct sw_batch batch;
        link = link->next;
        sw_channel_take_batch(channel, &batch);
        if (batch.attached) {
            struct conn *conn = find_or_make_conn(loop, channel);
            handle(loop, conn, &batch);
            if (conn->is_finished) on_finished(conn);
        }
        sw_commands_free(batch.commands);
        sw_channel_unref(channel);
    }
}

static void handle_posts(struct sw_post *post) {
    while (post != NULL) {
        struct sw_post *next = post->next;
        post->handle(post);
        post = next;
    }
}

static void break_loop(struct loop *loop) {
    loop->ended = true;
    ev_break(loop->reactor->ev, EVBREAK_ALL);
}

static void handle_stop(struct loop *loop, const struct sw_work *work) {
    if (work->stopping && !loop->stopping) {
        loop->stopping = true;
        for_each(loop, close_one);
        sw_lingering_hurry(loop->reactor, SW_UNHEARD_END);
    }
    bool is_done = loop->conns == NULL && loop->reactor->lingering == NULL;
    if (work->aborting || (loop->stopping && is_done)) break_loop(loop);
}

enum outcome {
    AGAIN,       /* there was work, and there may be more */
    STAYS_AWAKE, /* there was no work, and the loop busy-waits */
    SLEEPS,      /* there was no work, and the engine says that the loop sleeps */
};

/* Does the work that waits. Until the waker is cleared, the loop must not say that it sleeps: a signal could come
 * before the clearing and be lost with it. */
static enum outcome work_once(struct loop *loop) {
    struct sw_work work;
    bool stays_awake = sw_reactor_stays_awake(loop->reactor) || loop->must_clear_waker;
    bool had_work = sw_engine_take_work(loop->engine, &work, stays_awake);
    handle_posts(work.posts);
    handle_channels(loop, work.channels, handle_batch);
    handle_stop(loop, &work);
    free_finished(loop);
    if (had_work) return AGAIN;
    return stays_awake ? STAYS_AWAKE : SLEEPS;
}

/* Does the work first and clears the waker afterwards, so that the work does not wait for a system call. */
static enum outcome work_round(struct loop *loop) {
    enum outcome outcome = work_once(loop);
    if (!loop->must_clear_waker) return outcome;
    loop->must_clear_waker = false;
    (void)sw_waker_clear(&loop->engine->loop_waker);
    return AGAIN;
}

static void before_sleep(struct ev_loop *ev, ev_prepare *watcher, int events) {
    (void)events;
    struct loop *loop = watcher->data;
    enum outcome outcome = AGAIN;
    sw_reactor_run_jobs(loop->reactor);
    for (int round = 0; round < SW_WORK_ROUNDS && outcome == AGAIN && !loop->ended; round++) outcome = work_round(loop);
    if (loop->reactor->fault.err != SW_OK) break_loop(loop);
    loop->is_spinning = outcome == STAYS_AWAKE;
    if (outcome != SLEEPS || loop->reactor->skip_sleep)
        ev_idle_start(ev, &loop->keep_awake);
    else
        ev_idle_stop(ev, &loop->keep_awake);
    loop->reactor->skip_sleep = false;
}

static void after_sleep(struct ev_loop *ev, ev_check *watcher, int events) {
    (void)ev, (void)events;
    struct loop *loop = watcher->data;
    sw_engine_note_awake(loop->engine);
}

static void on_wake(struct ev_loop *ev, ev_io *watcher, int events) {
    struct loop *loop = watcher->data;
    if (events & EV_ERROR) {
        loop->reactor->fault = sw_error_system(EIO, SW_STAGE_START);
        ev_io_stop(ev, watcher);
        return;
    }
    loop->must_clear_waker = true; /* work_round clears it */
}

/* While the loop busy-waits, lets other threads use this processor, for example a server on the same machine. */
static void on_idle(struct ev_loop *ev, ev_idle *watcher, int events) {
    (void)ev, (void)events;
    const struct loop *loop = watcher->data;
    if (loop->is_spinning) sched_yield();
}

/* --- the thread --- */

static void run(struct loop *loop) {
    struct ev_loop *ev = loop->reactor->ev;
    ev_io_init(&loop->wake, on_wake, loop->engine->loop_waker.read_fd, EV_READ);
    ev_prepare_init(&loop->before_sleep, before_sleep);
    ev_check_init(&loop->after_sleep, after_sleep);
    ev_idle_init(&loop->keep_awake, on_idle);
    loop->keep_awake.data = loop;
    loop->wake.data = loop->before_sleep.data = loop->after_sleep.data = loop;
    ev_io_start(ev, &loop->wake);
    ev_prepare_start(ev, &loop->before_sleep);
    ev_check_start(ev, &loop->after_sleep);
    sw_reactor_skip_sleep(loop->reactor);
    ev_run(ev, 0);
}

/* Ends the connections that are left; after an orderly stop there are none. Then refuses commands until the engine
 * accepts no more. */
static void finish_all(struct loop *loop) {
    struct sw_work work;
    bool failed = loop->reactor->fault.err != SW_OK, more = true;
    if (loop->reactor->ev != NULL) sw_lingering_hurry(loop->reactor, 0);
    if (!failed) loop->reactor->fault = sw_error_make(SW_CLOSED, SW_STAGE_CLOSE);
    while (more) {
        for_each(loop, failed ? fail_one : abort_one);
        free_finished(loop);
        more = sw_engine_take_last_work(loop->engine, &work);
        handle_posts(work.posts);
        handle_channels(loop, work.channels, refuse_batch);
    }
}

void *sw_loop_main(void *argument) {
    struct sw_engine *engine = argument;
    sw_thread_mark_ours();
    struct loop *loop = sw_reactor_allocate(sizeof *loop);
    loop->engine = engine;
    loop->reactor = sw_reactor_new();
    if (loop->reactor->ev != NULL) run(loop);
    finish_all(loop);
    sw_reactor_free(loop->reactor);
    free(loop);
    sw_engine_unref(engine);
    sw_openssl_leave_thread();
    return NULL;
}
