/* The notifier with a host that sleeps in poll(2), as an event loop does, and a real thread that posts. */
#include "channel/notifier.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>

#include "channel/thread.h"
#include "channels.h"
#include "unit.h"

#if defined __SANITIZE_THREAD__ || defined __SANITIZE_ADDRESS__ || defined UNDER_VALGRIND
enum { HAMMER = 20000 };
#else
enum { HAMMER = 300000 };
#endif

enum { LINKS = 8, LONG = 60000 /* milliseconds; met only by what hangs */ };

static bool is_readable(const struct sw_engine *engine, int milliseconds) {
    struct pollfd fd = {.fd = engine->notifier.read_fd, .events = POLLIN};
    return poll(&fd, 1, milliseconds) == 1;
}

static void shows_posts(void) {
    struct sw_engine *engine = sw_engine_new(no_loop);
    struct sw_link first, second;
    sw_engine_post_up(engine, &first);
    CHECK(!sw_notifier_is_open(engine));
    CHECK_EQ(sw_notifier_open(engine), 0);
    CHECK(sw_notifier_is_open(engine) && is_readable(engine, 0)); /* it was posted before */
    sw_notifier_clear(engine);
    CHECK(is_readable(engine, 0)); /* it is not taken */
    sw_engine_take_arrivals(engine);
    CHECK(is_readable(engine, 0));
    sw_notifier_clear(engine);
    CHECK(!is_readable(engine, 0));
    sw_engine_post_up(engine, NULL); /* a state has changed: nothing to take */
    CHECK(!is_readable(engine, 0));
    sw_engine_post_up(engine, &second);
    CHECK(is_readable(engine, 0));
    sw_engine_take_arrivals(engine);
    sw_notifier_clear(engine);
    sw_notifier_signal(engine); /* the host has something left */
    sw_notifier_signal(engine);
    CHECK(is_readable(engine, 0));
    int fd = engine->notifier.read_fd;
    CHECK_EQ(sw_notifier_open(engine), 0);
    CHECK(engine->notifier.read_fd == fd && is_readable(engine, 0));
    sw_notifier_clear(engine);
    CHECK(!is_readable(engine, 0) && !engine->notifier.pending);
    sw_engine_unref(engine);
}

/* A thread has claimed the waker, and is stopped before it signals. */
static void outlasts_late_signals(void) {
    struct sw_engine *engine = sw_engine_new(no_loop);
    CHECK_EQ(sw_notifier_open(engine), 0);
    CHECK(sw_waker_claim(&engine->notifier));
    sw_notifier_clear(engine);
    sw_notifier_clear(engine);
    CHECK(engine->notifier.pending); /* it would otherwise never be cleared again */
    sw_waker_signal(&engine->notifier);
    CHECK(is_readable(engine, 0));
    sw_notifier_clear(engine);
    CHECK(!is_readable(engine, 0) && !engine->notifier.pending);
    sw_engine_unref(engine);
}

static struct posted {
    struct sw_link link;
    atomic_bool is_taken;
} posted[LINKS];

static void *post_many(void *argument) {
    struct sw_engine *engine = argument;
    sw_thread_mark_ours();
    for (int i = 0; i < HAMMER; i++) {
        struct posted *one = &posted[i % LINKS];
        while (!atomic_load(&one->is_taken)) sched_yield();
        atomic_store(&one->is_taken, false);
        sw_engine_post_up(engine, &one->link);
    }
    sw_engine_unref(engine);
    return NULL;
}

static int take_all(struct sw_engine *engine) {
    int count = 0;
    for (struct sw_link *link = sw_engine_take_arrivals(engine).channels, *next; link != NULL; link = next, count++) {
        next = link->next;
        atomic_store(&SW_HOLDER(link, struct posted, link)->is_taken, true);
    }
    return count;
}

static void hammers(void) {
    struct sw_engine *engine = sw_engine_new(no_loop);
    pthread_t thread;
    int taken = 0, vain = 0, turns = 0;
    for (int i = 0; i < LINKS; i++) atomic_store(&posted[i].is_taken, true);
    CHECK_EQ(sw_notifier_open(engine), 0);
    CHECK_EQ(sw_thread_spawn(&thread, false, post_many, sw_engine_ref(engine)), 0);
    while (taken < HAMMER && CHECK(is_readable(engine, LONG))) {
        int count = take_all(engine);
        sw_notifier_clear(engine);
        taken += count;
        vain += count == 0;
        turns++;
    }
    pthread_join(thread, NULL);
    CHECK_EQ(taken, HAMMER);
    CHECK(vain <= turns / 2 + 1); /* a late signal costs one turn */
    if (is_readable(engine, 0)) sw_notifier_clear(engine);
    CHECK(!is_readable(engine, 0));
    sw_engine_unref(engine);
}

static const struct unit_test tests[] = {
    {"is readable while something is posted, or left", shows_posts},
    {"does not stay readable because of a signal that comes late", outlasts_late_signals},
    {"loses no wake-up", hammers},
};

UNIT_MAIN(tests)
