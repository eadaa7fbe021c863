#include "loop/reactor.h"

#include <unistd.h>

#include "channel/thread.h"
#include "unit.h"

/* Something that waits for "soon", counts its runs, and asks again `more` times. */
struct waiter {
    struct sw_short_timer soon; /* first */
    struct sw_reactor *reactor;
    struct waiter *cancels;
    int runs, more;
};

static void run(struct sw_short_timer *soon) {
    struct waiter *waiter = (struct waiter *)(void *)soon;
    waiter->runs++;
    if (waiter->cancels != NULL) sw_reactor_cancel_short_timer(&waiter->cancels->soon);
    if (waiter->more-- > 0) sw_reactor_start_short_timer(waiter->reactor, soon);
}

static struct waiter waiter_of(struct sw_reactor *reactor, int more) {
    return (struct waiter){.soon.run = run, .reactor = reactor, .more = more};
}

static void run_all(struct sw_reactor *reactor) {
    while (reactor->short_timers != NULL) ev_run(reactor->ev, EVRUN_ONCE);
}

static void runs_what_waits(struct sw_reactor *reactor) {
    struct waiter a = waiter_of(reactor, 0), b = waiter_of(reactor, 2);
    sw_reactor_start_short_timer(reactor, &a.soon);
    sw_reactor_start_short_timer(reactor, &a.soon); /* once all the same */
    sw_reactor_start_short_timer(reactor, &b.soon);
    CHECK_EQ(a.runs + b.runs, 0);
    run_all(reactor);
    CHECK_EQ(a.runs, 1);
    CHECK_EQ(b.runs, 3);
    sw_reactor_start_short_timer(reactor, &a.soon); /* the alarm can be set anew */
    run_all(reactor);
    CHECK_EQ(a.runs, 2);
}

static void soon(void) {
    struct sw_reactor *reactor = sw_reactor_new();
    runs_what_waits(reactor);
    sw_reactor_free(reactor);
}

static void coarse(void) {
    struct sw_reactor *reactor = sw_reactor_new();
    reactor->timerfd_failed = true;
    runs_what_waits(reactor);
    CHECK(reactor->short_timer_fd.fd < 0);
    sw_reactor_free(reactor);
}

static void cancelled(void) {
    struct sw_reactor *reactor = sw_reactor_new();
    struct waiter a = waiter_of(reactor, 0), b = waiter_of(reactor, 0), c = waiter_of(reactor, 0);
    a.cancels = &b; /* whichever runs first takes the other back */
    b.cancels = &a;
    sw_reactor_start_short_timer(reactor, &a.soon);
    sw_reactor_start_short_timer(reactor, &b.soon);
    sw_reactor_start_short_timer(reactor, &c.soon);
    sw_reactor_cancel_short_timer(&c.soon);
    sw_reactor_cancel_short_timer(&c.soon);
    run_all(reactor);
    CHECK_EQ(a.runs + b.runs, 1);
    CHECK_EQ(c.runs, 0);
    CHECK(a.soon.link == NULL && b.soon.link == NULL && c.soon.link == NULL);
    sw_reactor_free(reactor);
}

static void on_readable(struct ev_loop *ev, ev_io *watcher, int events) {
    (void)events;
    ++*(int *)watcher->data;
    ev_io_stop(ev, watcher);
}

/* The first round after the request does not wait for the time to pass: a descriptor that is readable has its turn. */
static void others_go_on(void) {
    struct sw_reactor *reactor = sw_reactor_new();
    struct waiter a = waiter_of(reactor, 0);
    int ends[2], seen = 0;
    ev_io reader;
    if (!CHECK_EQ(pipe(ends), 0) || !CHECK_EQ(write(ends[1], "x", 1), 1)) return;
    ev_io_init(&reader, on_readable, ends[0], EV_READ);
    reader.data = &seen;
    ev_io_start(reactor->ev, &reader);
    sw_reactor_start_short_timer(reactor, &a.soon);
    ev_run(reactor->ev, EVRUN_NOWAIT);
    CHECK_EQ(seen, 1);
    run_all(reactor);
    CHECK_EQ(a.runs, 1);
    sw_reactor_free(reactor);
    close(ends[0]);
    close(ends[1]);
}

/* Counts its sweeps, and how often it was told that it is idle. */
struct swept {
    struct sw_sweep sweep; /* first */
    int runs, idles;
};

static void count_sweep(struct sw_sweep *sweep, bool is_idle) {
    struct swept *swept = (struct swept *)(void *)sweep;
    swept->runs++;
    swept->idles += is_idle;
}

static void sweep_now(struct sw_reactor *reactor) { ev_invoke(reactor->ev, &reactor->sweep_timer, EV_TIMER); }

static void sweeps(void) {
    struct sw_reactor *reactor = sw_reactor_new();
    struct swept a = {.sweep.run = count_sweep}, b = a, c = a;
    sw_reactor_touch(reactor, &a.sweep);
    sw_reactor_touch(reactor, &b.sweep);
    sw_reactor_touch(reactor, &c.sweep);
    sw_reactor_touch(reactor, &a.sweep);
    sw_reactor_cancel_sweep(&c.sweep);
    sw_reactor_cancel_sweep(&c.sweep);
    CHECK(ev_is_active(&reactor->sweep_timer));
    sweep_now(reactor);
    CHECK(a.runs == 1 && a.idles == 0 && b.runs == 1 && b.idles == 0 && c.runs == 0);
    sw_reactor_touch(reactor, &a.sweep);
    sweep_now(reactor);
    CHECK(a.runs == 2 && a.idles == 0 && b.runs == 2 && b.idles == 1);
    sweep_now(reactor);
    sweep_now(reactor);
    CHECK(a.runs == 3 && a.idles == 1 && b.runs == 2 && b.idles == 1);
    CHECK(reactor->sweeps == NULL);
    sw_reactor_free(reactor);
}

static const struct unit_test tests[] = {
    {"sweeps what is busy, and tells it once that it is idle", sweeps},
    {"runs what waits for \"soon\" once, and again when it asks again", soon},
    {"does so by a timer where there is no timerfd", coarse},
    {"runs nothing that was taken back, also by what runs before it", cancelled},
    {"lets other descriptors have their turn while something waits for \"soon\"", others_go_on},
};

int main(void) {
    sw_thread_mark_ours(); /* as on the loop thread */
    return unit_run(tests, sizeof tests / sizeof tests[0]);
}
