/* The engine with two real threads and helpers, where a wake-up that is lost shows as a time-out and a race is
 * ThreadSanitizer's to find. This program has a pthread_create of its own, which stands before the system's. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* RTLD_NEXT */
#endif

#include "channel/engine.h"

#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>

#include "base/clock.h"
#include "channel/loop_end.h"
#include "channel/thread.h"
#include "channels.h"
#include "unit.h"

#if defined __SANITIZE_THREAD__ || defined __SANITIZE_ADDRESS__ || defined UNDER_VALGRIND
enum { HAMMER = 20000, ROUNDS = 30 };
#else
enum { HAMMER = 300000, ROUNDS = 200 };
#endif

#define LONG 60.0 /* seconds; met only by what hangs */

static struct sw_pages none;

/* --- a loop that sends everything back --- */

static atomic_int lost_wakeups; /* of the loop */
static atomic_ullong posts_seen;
static atomic_bool early_end; /* the loop ends by itself, with work left */

static void count_post(struct sw_post *post) {
    free(post);
    atomic_fetch_add(&posts_seen, 1);
}

static void handle_posts(struct sw_post *post) {
    while (post != NULL) {
        struct sw_post *next = post->next;
        post->handle(post);
        post = next;
    }
}

/* Gives the pages back as they came. False: nothing was there, and the next message will announce the channel. */
static bool echo_some(struct sw_channel *channel) {
    struct sw_pages pages = sw_channel_take_messages(channel, NULL).pages;
    if (pages.head == NULL) return false;
    uint64_t count = 0;
    size_t bytes = 0;
    for (const struct sw_page *page = pages.head; page != NULL; page = page->next) {
        count += page->ends;
        bytes += page->used;
    }
    struct sw_gauges gauges;
    sw_channel_gauges(channel, &gauges);
    gauges.handed += count;
    gauges.finished += count;
    bytes += count * SW_MESSAGE_OVERHEAD;
    sw_channel_post_progress(channel, &(struct sw_progress){&gauges, bytes, &none});
    sw_channel_post_messages(channel, &pages, count, bytes);
    return true;
}

static void attend(struct sw_link *link) {
    while (link != NULL) {
        struct sw_channel *channel = sw_channel_of_down(link);
        struct sw_batch batch;
        link = link->next;
        sw_channel_take_batch(channel, &batch);
        sw_commands_free(batch.commands);
        while (echo_some(channel)) continue;
        sw_channel_unref(channel);
    }
}

static void sleep_in(struct sw_engine *engine) {
    struct pollfd fd = {.fd = engine->loop_waker.read_fd, .events = POLLIN};
    if (poll(&fd, 1, (int)(LONG * 1e3)) == 0) atomic_fetch_add(&lost_wakeups, 1);
    sw_engine_note_awake(engine);
    sw_waker_clear(&engine->loop_waker);
}

static void *echo_loop(void *argument) {
    struct sw_engine *engine = argument;
    sw_thread_mark_ours();
    struct sw_work work;
    do {
        bool something = sw_engine_take_work(engine, &work, false);
        handle_posts(work.posts);
        attend(work.channels);
        if (!something && !work.stopping && !early_end) sleep_in(engine);
    } while (!work.stopping && !work.aborting && !early_end);
    while (sw_engine_take_last_work(engine, &work)) {
        handle_posts(work.posts);
        attend(work.channels);
    }
    sw_engine_unref(engine);
    return NULL;
}

/* Commands attach the channel: from then on it is announced. False: no loop took it. */
static bool attach(struct sw_channel *channel) {
    struct sw_command *command = sw_channel_command(channel, SW_CONNECT);
    return sw_channel_post_command(channel, command, SW_STATE_CONNECTED);
}

enum { CHANNELS = 3 };
static uint64_t got[CHANNELS]; /* number of the newest message that came back */

static bool check_message(int index, const unsigned char *bytes) {
    uint64_t number;
    memcpy(&number, bytes, sizeof number);
    return CHECK_EQ(number, ++got[index]);
}

/* Takes what came back on one channel; the messages are numbers. */
static bool take_from(struct sw_channel *channel) {
    struct sw_delivery delivery;
    int index = (int)(intptr_t)channel->owner;
    sw_channel_take(channel, &delivery);
    bool some = delivery.pages.head != NULL;
    size_t bytes = 0;
    for (const struct sw_page *page = delivery.pages.head; page != NULL; page = page->next) {
        for (uint32_t i = 0; i < page->ends; i++) check_message(index, page->data + 8 * i);
        bytes += page->used + page->ends * (size_t)SW_MESSAGE_OVERHEAD;
    }
    CHECK_EQ(delivery.messages, got[index]);
    sw_pages_free(&delivery.pages);
    sw_channel_post_credit(channel, &(struct sw_credit){.bytes = bytes}, &none);
    return some;
}

static bool take_all(struct sw_engine *engine) {
    bool some = false;
    for (struct sw_link *link = sw_engine_take_arrivals(engine).channels, *next; link != NULL; link = next) {
        struct sw_channel *channel = sw_channel_of_up(link);
        next = link->next;
        some = take_from(channel) || some;
        sw_channel_unref(channel);
    }
    return some;
}

/* The host's side of the protocol: say that you wait, look again, sleep. False: nothing came. */
static bool wait_for_some(struct sw_engine *engine) {
    double deadline = sw_clock() + LONG;
    int failed = 0;
    sw_engine_set_waiting(engine, true);
    while (!take_all(engine) && failed == 0) failed = sw_engine_sleep(engine, deadline);
    sw_engine_set_waiting(engine, false);
    return CHECK_EQ(failed, 0);
}

static uint64_t outstanding(uint64_t sent) { return sent - got[0] - got[1] - got[2]; }

static void open_channels(struct sw_engine *engine, struct sw_channel *channels[CHANNELS]) {
    for (int i = 0; i < CHANNELS; i++) {
        channels[i] = new_channel(engine, 1 << 20);
        channels[i]->owner = (void *)(intptr_t)i;
        got[i] = 0;
        CHECK(attach(channels[i]));
    }
}

static void close_engine(struct sw_engine *engine, struct sw_channel *channels[CHANNELS]) {
    CHECK(sw_engine_stop(engine, false, sw_clock() + LONG));
    take_all(engine);
    for (int i = 0; i < CHANNELS; i++) sw_channel_unref(channels[i]);
    sw_engine_detach(engine);
    sw_engine_unref(engine);
    CHECK_EQ(lost_wakeups, 0);
}

/* Now waits for each message, now lets many pile up, so that both threads sleep and both are busy at times. */
static void hammers(void) {
    struct sw_engine *engine = sw_engine_new(echo_loop);
    struct sw_channel *channels[CHANNELS];
    CHECK_EQ(sw_engine_start(engine).err, SW_OK);
    open_channels(engine, channels);
    uint64_t sent = 0, id;
    while (sent < HAMMER && !unit_current.failed) {
        uint64_t number = sent / CHANNELS + 1, burst = sent % 4096 < 2048 ? 1 : 1 + sent % 700;
        CHECK_EQ(send_bytes(channels[sent % CHANNELS], &number, sizeof number, &id), SW_OK);
        CHECK_EQ(id, number);
        sent++;
        if (sent % 16 == 0) take_all(engine);
        while (outstanding(sent) >= burst && wait_for_some(engine)) continue;
    }
    while (outstanding(sent) > 0 && wait_for_some(engine)) continue;
    CHECK_EQ(outstanding(sent), 0);
    for (int i = 0; i < CHANNELS; i++) {
        struct sw_snapshot snapshot;
        sw_channel_snapshot(channels[i], &snapshot);
        CHECK(snapshot.queue_bytes == 0 && snapshot.inbox_bytes == 0 && sw_snapshot_queued(&snapshot) == 0);
    }
    close_engine(engine, channels);
}

/* Waits until the loop has nothing to do. */
static bool wait_for_idle(struct sw_engine *engine) {
    double deadline = sw_clock() + LONG;
    int failed = 0;
    sw_engine_set_waiting(engine, true);
    while (!sw_engine_await_idle(engine) && failed == 0) failed = sw_engine_sleep(engine, deadline);
    sw_engine_set_waiting(engine, false);
    return CHECK_EQ(failed, 0);
}

/* When the loop has nothing to do, all that came of what the host has posted is there. */
static void becomes_idle(void) {
    struct sw_engine *engine = sw_engine_new(echo_loop);
    struct sw_channel *channels[CHANNELS];
    CHECK(sw_engine_await_idle(engine)); /* there is no loop */
    CHECK_EQ(sw_engine_start(engine).err, SW_OK);
    open_channels(engine, channels);
    uint64_t sent = 0, id;
    for (int round = 0; round < 100 * ROUNDS && !unit_current.failed; round++) {
        for (int i = 0; i <= round % 3; i++, sent++) {
            uint64_t number = sent / CHANNELS + 1;
            CHECK_EQ(send_bytes(channels[sent % CHANNELS], &number, sizeof number, &id), SW_OK);
        }
        wait_for_idle(engine);
        take_all(engine);
        CHECK_EQ(outstanding(sent), 0);
    }
    close_engine(engine, channels);
}

/* --- starting and stopping --- */

static void starts_and_stops(void) {
    struct sw_engine *engine = sw_engine_new(echo_loop);
    struct sw_channel *channels[CHANNELS];
    CHECK(sw_engine_stop(engine, false, sw_clock() + LONG)); /* nothing to stop */
    CHECK_EQ(sw_engine_start(engine).err, SW_OK);
    open_channels(engine, channels);
    uint64_t sent = 0, id;
    for (int round = 0; round < ROUNDS && !unit_current.failed; round++) {
        CHECK_EQ(sw_engine_start(engine).err, SW_OK);
        CHECK_EQ(sw_engine_start(engine).err, SW_OK); /* it runs already */
        for (int i = 0; i < round % 7; i++, sent++) {
            uint64_t number = sent / CHANNELS + 1;
            send_bytes(channels[sent % CHANNELS], &number, sizeof number, &id);
        }
        CHECK(sw_engine_stop(engine, round % 2 == 0, sw_clock() + LONG));
        CHECK(!sw_engine_is_alive(engine));
        take_all(engine); /* what was announced before the end was attended to */
        CHECK_EQ(outstanding(sent), 0);
    }
    CHECK(!attach(channels[0])); /* there is no loop to take it */
    CHECK_EQ(sw_engine_start(engine).err, SW_OK);
    CHECK(sw_channel_schedule(channels[0]));
    close_engine(engine, channels);
}

/* The loop may end at any moment by itself: whatever says that it took a channel has taken it. */
static void ends_by_itself(void) {
    uint64_t refused = 0;
    for (int round = 0; round < ROUNDS && !unit_current.failed; round++) {
        struct sw_engine *engine = sw_engine_new(echo_loop);
        struct sw_channel *channels[CHANNELS];
        early_end = false;
        CHECK_EQ(sw_engine_start(engine).err, SW_OK);
        open_channels(engine, channels);
        early_end = true;
        uint64_t sent = 0, id;
        while (sent < 50 || sw_engine_is_alive(engine)) {
            uint64_t number = sent / CHANNELS + 1;
            if (send_bytes(channels[sent % CHANNELS], &number, sizeof number, &id) == SW_OK) sent++;
        }
        refused += !sw_channel_schedule(channels[0]);
        early_end = false;
        CHECK_EQ(sw_engine_start(engine).err, SW_OK); /* joins the dead one */
        for (int i = 0; i < CHANNELS; i++) CHECK(sw_channel_schedule(channels[i]));
        while (outstanding(sent) > 0 && wait_for_some(engine)) continue;
        CHECK_EQ(outstanding(sent), 0);
        close_engine(engine, channels);
    }
    CHECK_EQ(refused, ROUNDS);
}

/* --- posts --- */

enum { HELPERS = 4, POSTS = 1000 };

static void *helper_main(void *argument) {
    struct sw_engine *engine = argument;
    sw_thread_mark_ours();
    for (int i = 0; i < POSTS; i++) {
        struct sw_post *post = malloc(sizeof *post);
        *post = (struct sw_post){NULL, count_post, count_post};
        if (!sw_engine_post(engine, post)) count_post(post); /* the loop is gone, the helper keeps it */
    }
    sw_engine_unref(engine);
    return NULL;
}

static void posts(void) {
    for (int stop_early = 0; stop_early <= 1; stop_early++) {
        struct sw_engine *engine = sw_engine_new(echo_loop);
        pthread_t helpers[HELPERS];
        posts_seen = 0;
        CHECK_EQ(sw_engine_start(engine).err, SW_OK);
        for (int i = 0; i < HELPERS; i++) sw_thread_spawn(&helpers[i], false, helper_main, sw_engine_ref(engine));
        if (stop_early) CHECK(sw_engine_stop(engine, false, sw_clock() + LONG));
        for (int i = 0; i < HELPERS; i++) pthread_join(helpers[i], NULL);
        if (!stop_early) CHECK(sw_engine_stop(engine, false, sw_clock() + LONG));
        CHECK_EQ(posts_seen, HELPERS * POSTS); /* each was seen once, by the loop or by its helper */
        sw_engine_detach(engine);
        sw_engine_unref(engine);
    }
}

/* --- a start that fails --- */

/* What a helper of an earlier loop posts while the start is under way; NULL: the system's pthread_create is called. */
static struct {
    struct sw_engine *engine;
    struct sw_post *post;
    bool taken;
} meanwhile;

static unsigned handled, dropped;

typedef int create_fn(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start_routine)(void *), void *arg) {
    if (meanwhile.post != NULL) {
        meanwhile.taken = sw_engine_post(meanwhile.engine, meanwhile.post);
        meanwhile.post = NULL;
        return EAGAIN;
    }
    create_fn *create;
    *(void **)&create = dlsym(RTLD_NEXT, "pthread_create");
    return create(thread, attr, start_routine, arg);
}

static void handle(struct sw_post *post) {
    (void)post;
    handled++;
}

static void drop(struct sw_post *post) {
    (void)post;
    dropped++;
}

/* Takes what there is, until the engine is to stop. */
static void *take_posts(void *argument) {
    struct sw_engine *engine = argument;
    struct sw_work work = {.stopping = false};
    sw_thread_mark_ours();
    while (!work.stopping) {
        sw_engine_take_work(engine, &work, true);
        if (work.posts != NULL) work.posts->handle(work.posts);
    }
    sw_engine_take_last_work(engine, &work);
    sw_engine_unref(engine);
    return NULL;
}

/* A start of the engine for which the system has no thread. */
static void drops(void) {
    struct sw_engine *engine = sw_engine_new(take_posts);
    struct sw_post post = {NULL, handle, drop}, next = {NULL, handle, drop};
    meanwhile.engine = engine;
    meanwhile.post = &post;
    struct sw_error failed = sw_engine_start(engine);
    CHECK(failed.err == SW_SYSTEM && failed.sys == EAGAIN);
    CHECK(meanwhile.taken && dropped == 1 && handled == 0);
    CHECK(!sw_engine_post(engine, &next)); /* there is no loop */
    CHECK_EQ(sw_engine_start(engine).err, SW_OK);
    CHECK(sw_engine_post(engine, &next));
    CHECK(sw_engine_stop(engine, false, sw_clock() + LONG));
    CHECK(dropped == 1 && handled == 1);
    sw_engine_detach(engine);
    sw_engine_unref(engine);
}

static const struct unit_test tests[] = {
    {"loses no message and no wake-up between two threads", hammers},
    {"tells when the loop has nothing to do, and has posted all that came of its work", becomes_idle},
    {"starts and stops again and again", starts_and_stops},
    {"leaves nothing behind when the loop ends by itself", ends_by_itself},
    {"gives each post to the loop, or leaves it with its helper", posts},
    {"drops what was posted while a start failed, and starts the next time", drops},
};

UNIT_MAIN(tests)
