/* The seam: outbox, inbox, waker and channel one by one, then the engine with two real threads and helpers, where a
 * wake-up that is lost shows as a time-out and a race is ThreadSanitizer's to find. */
#include "channel/host_end.h"
#include "channel/loop_end.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>

#include "base/clock.h"
#include "channel/engine.h"
#include "channel/thread.h"
#include "channel/waker.h"
#include "pages.h"
#include "unit.h"

#if defined __SANITIZE_THREAD__ || defined __SANITIZE_ADDRESS__ || defined UNDER_VALGRIND
enum { HAMMER = 20000, ROUNDS = 30 };
#else
enum { HAMMER = 300000, ROUNDS = 200 };
#endif

#define LONG 60.0 /* seconds; met only by what hangs */

static const struct sw_page_source SMALL = {.expected = 0};
static struct sw_pages none;

static struct sw_pool full_pool(unsigned count) {
    struct sw_pool pool = {.is_open = true};
    struct sw_pages pages = sw_pages_prefault(count);
    sw_pool_put(&pool, &pages, count);
    return pool;
}

static void empty_pool(struct sw_pool *pool) {
    struct sw_pages pages = sw_pool_close(pool);
    sw_pages_free(&pages);
}

/* --- outbox --- */

static void admits(void) {
    struct sw_outbox outbox = {0};
    CHECK_EQ(sw_outbox_admit(&outbox, 100, 100), SW_OK);
    CHECK_EQ(sw_outbox_admit(&outbox, 101, 100), SW_TOOBIG);
    CHECK_EQ(outbox.refused, 0); /* it will never fit: no drain is owed */
    CHECK_EQ(sw_outbox_admit(&outbox, SIZE_MAX, 100), SW_TOOBIG);
    outbox.bytes = 40;
    CHECK_EQ(sw_outbox_admit(&outbox, 60 - SW_MESSAGE_OVERHEAD, 100), SW_OK);
    CHECK_EQ(sw_outbox_admit(&outbox, 0, 40 + SW_MESSAGE_OVERHEAD), SW_OK);
    CHECK_EQ(sw_outbox_admit(&outbox, 61 - SW_MESSAGE_OVERHEAD, 100), SW_FULL);
    CHECK_EQ(outbox.refused, 61 - SW_MESSAGE_OVERHEAD);
    CHECK_EQ(sw_outbox_admit(&outbox, 90, 100), SW_FULL);
    CHECK_EQ(sw_outbox_admit(&outbox, 70, 100), SW_FULL);
    CHECK_EQ(outbox.refused, 90); /* the largest */
}

static void appends(void) {
    struct sw_outbox outbox = {.last_id = 41};
    const struct sw_slice pieces[] = {{"a", 1}, {"", 0}, {"bcd", 3}};
    CHECK_EQ(sw_outbox_room(&outbox), 0);
    struct sw_pages chain = {NULL, NULL};
    sw_pages_append(&chain, "first", 5, &(struct sw_page_source){.expected = 10});
    sw_pages_end_message(&chain, &SMALL, SW_END_UNFRAMED);
    CHECK_EQ(sw_outbox_join(&outbox, &chain, 5, false), 42);
    CHECK(sw_outbox_room(&outbox) >= 4);
    CHECK_EQ(sw_outbox_append(&outbox, pieces, 3, 0), 43);
    CHECK_EQ(outbox.bytes, 9 + 2 * SW_MESSAGE_OVERHEAD);
    const struct sw_page *page = outbox.pages.head;
    CHECK(memcmp(page->data, "firstabcd", 9) == 0);
    CHECK_EQ(page->ends, 2);
    CHECK(sw_page_end_at(page, 0) == 5 && sw_page_is_unframed_at(page, 0));
    CHECK(sw_page_end_at(page, 1) == 9 && !sw_page_is_unframed_at(page, 1));
    sw_pages_free(&outbox.pages);
}

enum { LIMIT = 1000 * SW_PAGE_MAX };

static void page_sizes(void) {
    struct sw_outbox outbox = {0};
    CHECK(sw_outbox_page_size(&outbox, 10) <= 1024); /* an idle client's first page is small */
    CHECK_EQ(sw_outbox_page_size(&outbox, 1000000), 1000000);
    outbox.run = SIZE_MAX; /* nothing was ever pinned */
    for (outbox.bytes = 1; outbox.bytes < 1u << 30; outbox.bytes *= 3) {
        CHECK(sw_outbox_page_size(&outbox, 10) <= SW_PAGE_ROOM); /* one page, however much is queued */
    }
}

/* However much is queued, the page between two pinned messages holds what comes between them. */
static void pages_between_pinned(void) {
    struct sw_outbox outbox = {.bytes = 1u << 25, .run = 1u << 25};
    struct sw_pages chain = {NULL, NULL};
    CHECK_EQ(sw_outbox_page_size(&outbox, 10), SW_PAGE_ROOM);
    sw_pages_append(&chain, "pinned", 4, &SMALL);
    sw_outbox_join(&outbox, &chain, 4, true);
    CHECK(sw_outbox_page_size(&outbox, 10) <= 128);
    struct sw_pool pool = full_pool(1);
    CHECK(!sw_outbox_add_page(&outbox, &pool, 10, LIMIT));
    empty_pool(&pool);
    sw_outbox_note_need(&outbox, &pool, LIMIT);
    CHECK(!outbox.wants_pages);
    for (int i = 0; i < 100; i++) { /* no large message any more */
        sw_pages_append(&chain, "a few bytes", 11, &SMALL);
        sw_outbox_join(&outbox, &chain, 1000, false);
    }
    CHECK_EQ(sw_outbox_page_size(&outbox, 10), SW_PAGE_ROOM);
    sw_outbox_note_need(&outbox, &pool, LIMIT);
    CHECK(outbox.wants_pages);
    sw_pages_free(&outbox.pages);
}

static void pooled_pages(void) {
    struct sw_outbox outbox = {.run = SIZE_MAX};
    struct sw_pool pool = full_pool(1);
    const struct sw_page *page = pool.free.head;
    CHECK(!sw_outbox_add_page(&outbox, &pool, SW_PAGE_ROOM + 1, LIMIT));
    CHECK(sw_outbox_add_page(&outbox, &pool, SW_PAGE_ROOM, LIMIT));
    CHECK(outbox.pages.tail == page && pool.count == 0);
    CHECK(!sw_outbox_add_page(&outbox, &pool, 1, LIMIT));
    sw_pages_free(&outbox.pages);
}

static unsigned wanted(struct sw_outbox *outbox, const struct sw_pool *pool, size_t bytes) {
    outbox->bytes = bytes;
    sw_outbox_note_need(outbox, pool, LIMIT);
    return sw_outbox_needs(outbox, pool, LIMIT);
}

static void needs(void) {
    struct sw_outbox outbox = {.run = SIZE_MAX};
    struct sw_pool pool = {.count = 0};
    CHECK_EQ(wanted(&outbox, &pool, SW_PAGE_MAX - 1), 0); /* little is queued */
    CHECK_EQ(wanted(&outbox, &pool, SW_PAGE_MAX), 4);
    CHECK_EQ(sw_outbox_needs(&outbox, &pool, LIMIT), 0);              /* asked once */
    CHECK_EQ(wanted(&outbox, &pool, LIMIT - 2 * SW_PAGE_MAX - 1), 2); /* more could not be filled */
    CHECK_EQ(wanted(&outbox, &pool, LIMIT), 0);
    CHECK_EQ(wanted(&outbox, &pool, 48 * SW_PAGE_MAX), 6);  /* the more is queued, the more */
    CHECK_EQ(wanted(&outbox, &pool, 200 * SW_PAGE_MAX), 8); /* not too long at once */
    pool = full_pool(3);
    CHECK_EQ(wanted(&outbox, &pool, 48 * SW_PAGE_MAX), 0); /* half of it is there */
    CHECK(sw_outbox_add_page(&outbox, &pool, 100, LIMIT));
    CHECK_EQ(sw_outbox_needs(&outbox, &pool, LIMIT), 4);
    empty_pool(&pool);
    sw_pages_free(&outbox.pages);
}

static void drains(void) {
    struct sw_outbox outbox = {.bytes = 100};
    CHECK(!sw_outbox_credit(&outbox, 50, 100)); /* nothing was refused */
    outbox.bytes = 100;
    CHECK_EQ(sw_outbox_admit(&outbox, 10, 100), SW_FULL);
    CHECK(!sw_outbox_credit(&outbox, 49, 100)); /* less than half is free */
    CHECK(sw_outbox_credit(&outbox, 1, 100));
    CHECK(!sw_outbox_credit(&outbox, 50, 100)); /* once */
    outbox.bytes = 100;
    CHECK_EQ(sw_outbox_admit(&outbox, 80 - SW_MESSAGE_OVERHEAD, 100), SW_FULL);
    CHECK(!sw_outbox_credit(&outbox, 79, 100)); /* not yet what was refused */
    CHECK(sw_outbox_credit(&outbox, 1, 100));
    outbox.bytes = 100;
    CHECK_EQ(sw_outbox_admit(&outbox, 100, 100), SW_FULL);
    CHECK(!sw_outbox_credit(&outbox, 99, 100));
    CHECK(sw_outbox_credit(&outbox, 1, 100)); /* an empty queue takes it */
}

/* --- inbox --- */

static struct sw_report *new_report(enum sw_event event) {
    struct sw_report *report = calloc(1, sizeof *report);
    report->event = event;
    return report;
}

static void put_message(struct sw_inbox *inbox, const char *text) {
    struct sw_pages chain = {NULL, NULL};
    sw_pages_append(&chain, text, strlen(text), &SMALL);
    sw_pages_end_message(&chain, &SMALL, 0);
    sw_inbox_put(inbox, &chain, 1, strlen(text) + SW_MESSAGE_OVERHEAD);
}

static void takes(void) {
    struct sw_inbox inbox;
    struct sw_delivery delivery;
    sw_inbox_init(&inbox);
    sw_inbox_report(&inbox, new_report(SW_EVENT_CONNECT));
    put_message(&inbox, "one");
    put_message(&inbox, "two");
    sw_inbox_report(&inbox, new_report(SW_EVENT_DRAIN));
    put_message(&inbox, "three");
    const struct sw_report end = {.event = SW_EVENT_DISCONNECT}, last = {.event = SW_EVENT_CLOSE};
    sw_inbox_reserve(&inbox, &end);
    sw_inbox_put_last(&inbox, &last);
    size_t bytes = inbox.bytes;
    CHECK_EQ(bytes, 11 + 3 * SW_MESSAGE_OVERHEAD + 2 * sizeof(struct sw_report));
    sw_inbox_take(&inbox, &delivery);
    CHECK_EQ(delivery.messages, 3);
    CHECK_EQ(count_pages(&delivery.pages), 3);
    CHECK(delivery.reports->event == SW_EVENT_CONNECT && delivery.reports->after == 0);
    CHECK(delivery.reports->next->event == SW_EVENT_DRAIN && delivery.reports->next->after == 2);
    CHECK(delivery.reports->next->next == NULL);
    CHECK(delivery.reserve != NULL && delivery.reserve->event == SW_EVENT_DISCONNECT && delivery.reserve->after == 3);
    CHECK(delivery.final != NULL && delivery.final->event == SW_EVENT_CLOSE);
    CHECK_EQ(inbox.bytes, bytes); /* until they are delivered */
    sw_pages_free(&delivery.pages);
    free(delivery.reports->next);
    free(delivery.reports);
    sw_inbox_take(&inbox, &delivery); /* once */
    CHECK(delivery.pages.head == NULL && delivery.reports == NULL && delivery.reserve == NULL &&
          delivery.final == NULL);
    CHECK_EQ(delivery.messages, 3);
    put_message(&inbox, "four");
    sw_inbox_report(&inbox, new_report(SW_EVENT_DRAIN)); /* the list goes on after a take */
    CHECK_EQ(inbox.reports.head->after, 4);
    sw_inbox_drop(&inbox);
    CHECK(inbox.pages.head == NULL && inbox.reports.head == NULL);
}

static void pauses(void) {
    struct sw_inbox inbox;
    sw_inbox_init(&inbox);
    inbox.bytes = 100;
    CHECK(!sw_inbox_credit(&inbox, 10, 100)); /* was not paused */
    inbox.paused = true;
    CHECK(!sw_inbox_credit(&inbox, 39, 100));
    CHECK(inbox.paused);
    CHECK(sw_inbox_credit(&inbox, 1, 100)); /* half empty */
    CHECK(!inbox.paused);
    CHECK(!sw_inbox_credit(&inbox, 50, 100));
}

static void reserves(void) {
    struct sw_inbox inbox;
    sw_inbox_init(&inbox);
    const struct sw_report lost = {.event = SW_EVENT_DISCONNECT, .will_retry = true, .attempt = 1};
    const struct sw_report given_up = {.event = SW_EVENT_ERROR, .attempt = 2};
    sw_inbox_reserve(&inbox, &lost);
    sw_inbox_reserve(&inbox, &given_up);
    CHECK_EQ(inbox.reserve.attempt, 1);
    CHECK(!inbox.reserve.will_retry); /* what was to go on has ended */
}

/* --- waker --- */

static bool is_readable(const struct sw_waker *waker) {
    struct pollfd fd = {.fd = waker->read_fd, .events = POLLIN};
    return poll(&fd, 1, 0) == 1;
}

static void wakes(void) {
    struct sw_waker waker = SW_WAKER_CLOSED;
    sw_waker_close(&waker); /* does nothing */
    CHECK_EQ(sw_waker_open(&waker), 0);
    CHECK(fcntl(waker.read_fd, F_GETFD) & FD_CLOEXEC);
    CHECK(fcntl(waker.write_fd, F_GETFD) & FD_CLOEXEC);
    CHECK(!is_readable(&waker));
    sw_waker_clear(&waker);                                   /* does not wait */
    for (int i = 0; i < 100000; i++) sw_waker_signal(&waker); /* nor does this */
    CHECK(is_readable(&waker));
    sw_waker_clear(&waker);
    CHECK(!is_readable(&waker));
    sw_waker_close(&waker);
    CHECK_EQ(waker.read_fd, -1);
}

static void claims(void) {
    struct sw_waker waker = {.read_fd = -1, .write_fd = -1};
    CHECK(!sw_waker_claim(&waker)); /* it is awake, and will look */
    waker.sleeping = true;
    CHECK(sw_waker_claim(&waker));
    CHECK(!sw_waker_claim(&waker)); /* once is enough */
    waker.sleeping = false;
    CHECK(!sw_waker_claim(&waker));
    waker.sleeping = true; /* not cleared yet: the descriptor ends this sleep, too */
    CHECK(!sw_waker_claim(&waker));
    waker.pending = false;
    CHECK(sw_waker_claim(&waker));
}

/* --- a channel without a loop --- */

static void *no_loop(void *engine) {
    sw_engine_unref(engine);
    return NULL;
}

static struct sw_channel *new_channel(struct sw_engine *engine, size_t queue_limit) {
    const struct sw_options options = {.queue_limit = queue_limit, .inbox_limit = SIZE_MAX / 4};
    struct sw_options *last = NULL, *shared = sw_options_share(&last, &options);
    sw_options_unref(last);
    return sw_channel_new(engine, shared);
}

static enum sw_err send_bytes(struct sw_channel *channel, const void *bytes, size_t size, uint64_t *id) {
    const struct sw_slice pieces[] = {{bytes, size / 3}, {(const char *)bytes + size / 3, size - size / 3}};
    const struct sw_outgoing message = {.pieces = pieces, .count = 2};
    return sw_channel_send(channel, &message, id);
}

static void sends(void) {
    struct sw_engine *engine = sw_engine_new(no_loop);
    struct sw_channel *channel = new_channel(engine, 5000000);
    static unsigned char bytes[300000];
    static const size_t sizes[] = {1, 60, 1000, 65535, 65536, 200000, 3, 300000, 2};
    enum { COUNT = sizeof sizes / sizeof sizes[0] };
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (unsigned char)(i * 7 + i / 251);
    uint64_t id = 0;
    for (size_t i = 0; i < COUNT; i++) {
        CHECK_EQ(send_bytes(channel, bytes, sizes[i], &id), SW_OK);
        CHECK_EQ(id, i + 1);
    }
    struct sw_snapshot snapshot;
    sw_channel_snapshot(channel, &snapshot);
    CHECK_EQ(snapshot.accepted, COUNT);
    CHECK_EQ(sw_snapshot_queued(&snapshot), COUNT);
    size_t message = 0, at = 0, total = 0;
    for (const struct sw_page *page = channel->out.pages.head; page != NULL; page = page->next) {
        uint32_t offset = 0;
        for (uint32_t i = 0; i <= page->ends; i++) {
            uint32_t stop = i < page->ends ? sw_page_end_at(page, i) : page->used;
            CHECK(memcmp(bytes + at, page->data + offset, stop - offset) == 0);
            at += stop - offset;
            offset = stop;
            if (i == page->ends) break;
            CHECK_EQ(at, sizes[message]);
            total += sizes[message++];
            at = 0;
        }
    }
    CHECK_EQ(message, COUNT);
    CHECK_EQ(snapshot.queue_bytes, total);
    sw_channel_unref(channel);
    sw_engine_unref(engine);
}

static void refuses(void) {
    struct sw_engine *engine = sw_engine_new(no_loop);
    struct sw_channel *channel = new_channel(engine, 100);
    uint64_t id = 0;
    CHECK_EQ(send_bytes(channel, "0123456789", 10, &id), SW_OK);
    static const char large[101];
    CHECK_EQ(send_bytes(channel, large, 101, &id), SW_TOOBIG);
    CHECK_EQ(send_bytes(channel, large, 91 - 2 * SW_MESSAGE_OVERHEAD, &id), SW_FULL);
    CHECK_EQ(send_bytes(channel, large, 90 - 2 * SW_MESSAGE_OVERHEAD, &id), SW_OK);
    CHECK_EQ(id, 2); /* a refused message takes none */
    sw_channel_close_here(channel);
    CHECK_EQ(send_bytes(channel, large, 1, &id), SW_CLOSED);
    struct sw_delivery delivery;
    sw_channel_take(channel, &delivery);
    CHECK(delivery.final != NULL && delivery.final->lost_unsent.first == 1 && delivery.final->lost_unsent.last == 2);
    struct sw_snapshot snapshot;
    sw_channel_snapshot(channel, &snapshot);
    CHECK(snapshot.gone && snapshot.queue_bytes == 0);
    CHECK_EQ(sw_snapshot_queued(&snapshot), 0);
    sw_channel_unref(sw_channel_of_up(sw_engine_take_arrivals(engine).channels));
    sw_channel_unref(channel);
    sw_engine_unref(engine);
}

/* Pins the second of three pieces. */
static enum sw_err send_pinned(struct sw_channel *channel, const char *bytes, size_t size, int pin, uint64_t *id) {
    const struct sw_slice pieces[] = {{"<", 1}, {bytes, size}, {">", 1}};
    const struct sw_outgoing message = {pieces, 3, 0, &pieces[1], pin};
    return sw_channel_send(channel, &message, id);
}

/* Beside it, a large piece that is copied takes no more pages than it must. */
static void pins_one(void) {
    enum { SIZE = 300000 };
    char *large = malloc(SIZE);
    memset(large, 'x', SIZE);
    struct sw_engine *engine = sw_engine_new(no_loop);
    struct sw_channel *channel = new_channel(engine, 10 * SIZE);
    const struct sw_slice pieces[] = {{large, SIZE}, {large, SIZE}, {"\n", 1}};
    uint64_t id = 0;
    CHECK_EQ(sw_channel_send(channel, &(struct sw_outgoing){pieces, 3, 0, &pieces[0], 1}, &id), SW_OK);
    CHECK_EQ(count_pages(&channel->out.pages), 1 + SIZE / SW_PAGE_ROOM + 1);
    sw_channel_unref(channel);
    sw_engine_unref(engine);
    free(large);
}

/* What came back, as a number with a digit for each pin. */
static int numbers_of(struct sw_pages completions) {
    int number = 0;
    for (const struct sw_page *page = completions.head; page != NULL; page = page->next)
        number = number * 10 + page->pin;
    sw_pages_free(&completions);
    return number;
}

static void pins(void) {
    static const char large[1000];
    struct sw_engine *engine = sw_engine_new(no_loop);
    struct sw_channel *closed = new_channel(engine, 5000), *let_go = new_channel(engine, 5000);
    uint64_t id = 0;
    CHECK_EQ(send_pinned(closed, large, sizeof large, 1, &id), SW_OK);
    CHECK_EQ(send_bytes(closed, "behind it", 9, &id), SW_OK);
    CHECK_EQ(send_pinned(closed, large, sizeof large, 2, &id), SW_OK);
    CHECK_EQ(send_pinned(closed, large, 4000, 3, &id), SW_FULL); /* counted with the others; not pinned then */
    CHECK_EQ(send_pinned(let_go, large, sizeof large, 4, &id), SW_OK);
    CHECK_EQ(closed->out.bytes, 2 * (sizeof large + 2) + 9 + 3 * SW_MESSAGE_OVERHEAD);
    CHECK(closed->out.pages.head->next->bytes == (const void *)large);
    CHECK_EQ(numbers_of(sw_engine_take_arrivals(engine).completions), 0); /* not yet */
    sw_channel_close_here(closed);
    struct sw_arrivals arrivals = sw_engine_take_arrivals(engine);
    CHECK_EQ(numbers_of(arrivals.completions), 12);
    sw_channel_unref(sw_channel_of_up(arrivals.channels));
    sw_channel_unref(closed);
    sw_channel_unref(let_go); /* its last reference */
    CHECK_EQ(numbers_of(sw_engine_take_arrivals(engine).completions), 4);
    CHECK(sw_engine_hold_pins(engine));
    sw_engine_release_pins(engine);
    struct sw_engine *loops = sw_engine_ref(engine); /* a loop that did not end in time */
    sw_engine_leave(engine);
    CHECK(!sw_engine_hold_pins(loops));
    sw_engine_unref(loops);
}

/* What the loop finds when it looks at a channel. */
struct look {
    struct sw_channel *channel;
    struct sw_batch batch;
};

static void *look_once(void *argument) {
    struct look *look = argument;
    sw_thread_mark_ours();
    sw_channel_take_batch(look->channel, &look->batch);
    return NULL;
}

/* The commands stay to be freed. */
static struct sw_batch take_batch(struct sw_channel *channel) {
    pthread_t loop;
    struct look look = {.channel = channel};
    CHECK_EQ(pthread_create(&loop, NULL, look_once, &look), 0);
    pthread_join(loop, NULL);
    return look.batch;
}

/* Does the loop, looking at the channel, see that a copy is wanted? */
static bool loop_sees_wish(struct sw_channel *channel) { return take_batch(channel).slots.posted & SW_SLOT_COPY; }

static void give_copy(struct sw_channel *channel, uint64_t first) {
    struct sw_copy copy = {.first = first};
    CHECK(sw_pages_append(&copy.pages, "x", 1, &SMALL));
    sw_channel_post_copy(channel, &copy);
}

static void copies(void) {
    struct sw_engine *engine = sw_engine_new(no_loop);
    struct sw_channel *channel = new_channel(engine, 100);
    struct sw_copy copy;
    channel->attached = true;
    sw_channel_post_copy_wanted(channel);
    CHECK(loop_sees_wish(channel));
    sw_channel_drop_copy(channel);
    sw_channel_post_copy_wanted(channel);
    give_copy(channel, 1);
    CHECK(!sw_channel_take_copy(channel, &copy)); /* it may be older than the wish */
    CHECK(loop_sees_wish(channel));
    give_copy(channel, 2);
    CHECK(sw_channel_take_copy(channel, &copy));
    CHECK_EQ(copy.first, 2);
    sw_pages_free(&copy.pages);
    sw_channel_post_copy_wanted(channel);
    CHECK(loop_sees_wish(channel));
    sw_channel_drop_copy(channel);
    give_copy(channel, 3);
    CHECK(channel->copy.pages.head == NULL); /* nobody wants it */
    sw_channel_unref(channel);
    sw_engine_unref(engine);
}

/* What the host has copied itself, for there was no loop, is not asked of one that comes later. */
static void copies_here(void) {
    struct sw_engine *engine = sw_engine_new(no_loop);
    struct sw_channel *channel = new_channel(engine, 100);
    struct sw_copy copy;
    sw_channel_post_copy_wanted(channel);
    CHECK(sw_channel_take_copy(channel, &copy));
    CHECK_EQ(copy.first, 1);
    CHECK(!loop_sees_wish(channel));
    sw_channel_unref(channel);
    sw_engine_unref(engine);
}

/* --- slots --- */

enum { FOR_A_NEW_LOOP = SW_SLOT_CONFIRMED | SW_SLOT_CREDIT | SW_SLOT_INTEREST };

/* There is no loop: the command stays in the channel. */
static void post(struct sw_channel *channel, enum sw_verb verb) {
    sw_channel_post_command(channel, sw_channel_command(channel, verb), SW_STATE_CONNECTING);
}

static void coalesces(void) {
    struct sw_engine *engine = sw_engine_new(no_loop);
    struct sw_channel *channel = new_channel(engine, 100);
    struct sw_reconnect reconnect = {.enabled = true, .delay = 1};
    sw_channel_post_reconnect(channel, &reconnect); /* before any loop knows the channel */
    post(channel, SW_CONNECT);
    post(channel, SW_SERVER);
    reconnect.delay = 2;
    sw_channel_post_reconnect(channel, &reconnect);
    reconnect.delay = 3;
    sw_channel_post_reconnect(channel, &reconnect);
    post(channel, SW_DISCONNECT);
    struct sw_batch batch = take_batch(channel);
    CHECK(batch.attached);
    CHECK_EQ(batch.slots.posted, FOR_A_NEW_LOOP | SW_SLOT_RECONNECT);
    CHECK(batch.slots.reconnect.delay == 3 && batch.slots.reconnect_after == 2); /* the newest, and its place */
    CHECK(batch.commands->number == 1 && batch.commands->next->next->number == 3);
    sw_commands_free(batch.commands);
    batch = take_batch(channel);
    CHECK(batch.commands == NULL && batch.slots.posted == 0); /* once */
    sw_channel_unref(channel);
    sw_engine_unref(engine);
}

static void keeps_values(void) {
    struct sw_engine *engine = sw_engine_new(no_loop);
    struct sw_channel *channel = new_channel(engine, 100);
    post(channel, SW_CONNECT);
    struct sw_batch batch = take_batch(channel);
    sw_commands_free(batch.commands);
    CHECK(batch.slots.interest.messages && batch.slots.has_credit && batch.slots.confirmed == 0);
    channel->gauges.reached = 7;
    CHECK(!sw_channel_post_confirmed(channel, 8));
    CHECK(sw_channel_post_confirmed(channel, 6));
    CHECK(sw_channel_post_confirmed(channel, 5)); /* nothing new */
    sw_channel_post_interest(channel, (struct sw_interest){.messages = false, .log = true});
    batch = take_batch(channel);
    CHECK_EQ(batch.slots.posted, SW_SLOT_CONFIRMED | SW_SLOT_INTEREST);
    CHECK(batch.slots.confirmed == 6 && !batch.slots.interest.messages);
    channel->in.bytes = 10;
    channel->in.paused = true;
    CHECK(!take_batch(channel).slots.has_credit);
    sw_channel_post_credit(channel, &(struct sw_credit){.bytes = 10}, &none);
    batch = take_batch(channel);
    CHECK(batch.slots.posted == SW_SLOT_CREDIT && batch.slots.has_credit);
    channel->in.reserve_used = channel->in.reserve_taken = true;
    sw_channel_post_reserve_free(channel);
    batch = take_batch(channel);
    CHECK(batch.slots.posted == SW_SLOT_CREDIT && batch.slots.has_credit);
    post(channel, SW_CONNECT); /* the loop may have ended, without a word: the next one has to learn all */
    batch = take_batch(channel);
    sw_commands_free(batch.commands);
    CHECK_EQ(batch.slots.posted, FOR_A_NEW_LOOP);
    sw_channel_withdraw(channel);
    post(channel, SW_CONNECT);
    batch = take_batch(channel);
    sw_commands_free(batch.commands);
    CHECK_EQ(batch.slots.posted, FOR_A_NEW_LOOP);
    CHECK(batch.slots.confirmed == 6 && !batch.slots.interest.messages);
    sw_channel_unref(channel);
    sw_engine_unref(engine);
}

/* --- the engine: a loop that sends everything back --- */

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

/* What messages of `size` bytes, which come a few at a time and are not taken, have as pages. */
static size_t drip(struct sw_channel *channel, size_t size, size_t count) {
    static const char bytes[4096];
    for (size_t i = 0; i < count; i++) {
        size_t at_once = size < 50 ? 1 + i % 30 : 1;
        struct sw_pages pages = {NULL, NULL};
        for (size_t k = 0; k < at_once; k++)
            CHECK(sw_pages_append(&pages, bytes, size, &(struct sw_page_source){.expected = size + 1}) &&
                  sw_pages_end_message(&pages, &SMALL, 0));
        sw_channel_post_messages(channel, &pages, at_once, at_once * (size + SW_MESSAGE_OVERHEAD));
    }
    size_t memory = 0;
    for (const struct sw_page *page = channel->in.pages.head; page != NULL; page = page->next) memory += page->size;
    return memory;
}

/* As on the loop thread. */
static void *drip_all(void *argument) {
    static const size_t sizes[] = {0, 1, 100, 1000, 2040};
    sw_thread_mark_ours();
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct sw_channel *channel = new_channel(argument, 100);
        size_t memory = drip(channel, sizes[i], 3000), counted = channel->in.bytes;
        if (!CHECK(memory <= counted + counted / 4)) printf("# %zu bytes: %zu for %zu\n", sizes[i], memory, counted);
        sw_channel_unref(channel);
    }
    return NULL;
}

static void drips(void) {
    struct sw_engine *engine = sw_engine_new(no_loop);
    pthread_t loop;
    CHECK_EQ(pthread_create(&loop, NULL, drip_all, engine), 0);
    pthread_join(loop, NULL);
    for (struct sw_link *link = sw_engine_take_arrivals(engine).channels, *next; link != NULL; link = next) {
        next = link->next;
        sw_channel_unref(sw_channel_of_up(link)); /* the list's reference, the last */
    }
    sw_engine_unref(engine);
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
    sw_engine_leave(engine);
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
        CHECK(!sw_engine_alive(engine));
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
        while (sent < 50 || sw_engine_alive(engine)) {
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
        sw_engine_leave(engine);
    }
}

/* --- what a thread of ours does with signals --- */

static void *note_mask(void *mask) {
    pthread_sigmask(SIG_SETMASK, NULL, mask);
    return NULL;
}

static void masks(void) {
    sigset_t before, after, inside;
    pthread_t thread;
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    CHECK_EQ(sw_thread_spawn(&thread, false, note_mask, &inside), 0);
    pthread_join(thread, NULL);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    const int blocked[] = {SIGTERM, SIGINT, SIGALRM, SIGCHLD, SIGPIPE, SIGHUP, SIGUSR1};
    const int open[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    for (size_t i = 0; i < sizeof blocked / sizeof blocked[0]; i++) {
        CHECK_EQ(sigismember(&inside, blocked[i]), 1);
        CHECK_EQ(sigismember(&after, blocked[i]), sigismember(&before, blocked[i]));
    }
    for (size_t i = 0; i < sizeof open / sizeof open[0]; i++) CHECK_EQ(sigismember(&inside, open[i]), 0);
}

static const struct unit_test tests[] = {
    {"[F7] admits messages up to the limit, and remembers the largest refused", admits},
    {"appends messages and chains, and counts ids and bytes", appends},
    {"asks for one page at most, however much is queued", page_sizes},
    {"asks for little between pinned messages", pages_between_pinned},
    {"takes a page of the pool that is large enough", pooled_pages},
    {"asks the loop for pages when much is queued and none is spare", needs},
    {"[F7] owes a drain when half is free, and room for what was refused", drains},
    {"hands over messages and reports once, with the reports' places", takes},
    {"[F38] goes on reading when the inbox is half empty", pauses},
    {"has a place for an end that found no memory", reserves},
    {"wakes without ever waiting", wakes},
    {"wakes who sleeps, once for each sleep", claims},
    {"copies messages of any size, whole, into pages", sends},
    {"refuses what is too big, too much or too late, and says what closing loses", refuses},
    {"gives a host that wants a copy again one that is not older", copies},
    {"[F58] keeps what comes a little at a time, and is not taken, in little more memory than it counts", drips},
    {"does not ask a loop for copies that the host has made", copies_here},
    {"keeps only the newest of what is posted to a slot, and its place among the commands", coalesces},
    {"posts what changed, and all to a loop that did not know the channel", keeps_values},
    {"loses no message and no wake-up between two threads", hammers},
    {"starts and stops again and again", starts_and_stops},
    {"copies what is not pinned into as few pages as can be", pins_one},
    {"gives back what was pinned, wherever it lies, and nothing may read it after the Lua state", pins},
    {"leaves nothing behind when the loop ends by itself", ends_by_itself},
    {"gives each post to the loop, or leaves it with its helper", posts},
    {"[F41] blocks all signals but faults in our threads, and none in the host's", masks},
};

UNIT_MAIN(tests)
