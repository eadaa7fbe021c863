/* The host's end of a channel, without a loop: what it sends, what it posts, and what the loop finds. */
#include "channel/host_end.h"

#include "channel/loop_end.h"
#include "channel/thread.h"
#include "channels.h"
#include "pages.h"
#include "unit.h"

static const struct sw_page_source SMALL = {.expected = 0};
static struct sw_pages none;

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
    sw_channel_close_without_loop(channel);
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

/* Between the state that a thread has set and the entry in the engine's list, the host finds what came before, and the
 * list has the channel once. */
static void takes_early(void) {
    struct sw_engine *engine = sw_engine_new(no_loop);
    struct sw_channel *channel = new_channel(engine, 100);
    struct sw_delivery delivery;
    sw_channel_lock(channel);
    channel->in.has_final = true;
    bool must_post = sw_channel_claim_up(channel);
    sw_channel_unlock(channel);
    CHECK(must_post);
    sw_channel_take_early(channel, &delivery);
    CHECK(delivery.final != NULL);
    sw_channel_lock(channel);
    CHECK(!sw_channel_claim_up(channel)); /* it is claimed still, by the thread that has not posted it yet */
    sw_channel_unlock(channel);
    sw_channel_post_up(channel);
    struct sw_arrivals arrivals = sw_engine_take_arrivals(engine);
    CHECK(arrivals.channels == &channel->up && arrivals.channels->next == NULL);
    sw_channel_take(channel, &delivery);
    CHECK(delivery.final == NULL);
    sw_channel_unref(sw_channel_of_up(arrivals.channels));
    sw_channel_unref(channel);
    sw_engine_unref(engine);
}

/* Pins the second of three pieces. */
static enum sw_err send_pinned(struct sw_channel *channel, const char *bytes, size_t size, int pin, uint64_t *id) {
    const struct sw_slice pieces[] = {{"<", 1}, {bytes, size}, {">", 1}};
    const struct sw_outgoing message = {pieces, 3, 0, &pieces[1], pin, false, 0};
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
    CHECK_EQ(sw_channel_send(channel, &(struct sw_outgoing){pieces, 3, 0, &pieces[0], 1, false, 0}, &id), SW_OK);
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
    sw_channel_close_without_loop(closed);
    struct sw_arrivals arrivals = sw_engine_take_arrivals(engine);
    CHECK_EQ(numbers_of(arrivals.completions), 12);
    sw_channel_unref(sw_channel_of_up(arrivals.channels));
    sw_channel_unref(closed);
    sw_channel_unref(let_go); /* its last reference */
    CHECK_EQ(numbers_of(sw_engine_take_arrivals(engine).completions), 4);
    CHECK(sw_engine_hold_pins(engine));
    sw_engine_release_pins(engine);
    struct sw_engine *loops = sw_engine_ref(engine); /* a loop that did not end in time */
    sw_engine_detach(engine);
    sw_engine_unref(engine);
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
    sw_channel_post_copy_request(channel);
    CHECK(loop_sees_wish(channel));
    sw_channel_drop_copy(channel);
    sw_channel_post_copy_request(channel);
    give_copy(channel, 1);
    CHECK(!sw_channel_take_copy(channel, &copy)); /* it may be older than the wish */
    CHECK(loop_sees_wish(channel));
    give_copy(channel, 2);
    CHECK(sw_channel_take_copy(channel, &copy));
    CHECK_EQ(copy.first, 2);
    sw_pages_free(&copy.pages);
    sw_channel_post_copy_request(channel);
    CHECK(loop_sees_wish(channel));
    sw_channel_drop_copy(channel);
    give_copy(channel, 3);
    CHECK(channel->copy.pages.head == NULL); /* it is not wanted */
    sw_channel_unref(channel);
    sw_engine_unref(engine);
}

/* What the host has copied itself, for there was no loop, is not asked of one that comes later. */
static void copies_here(void) {
    struct sw_engine *engine = sw_engine_new(no_loop);
    struct sw_channel *channel = new_channel(engine, 100);
    struct sw_copy copy;
    sw_channel_post_copy_request(channel);
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
    sw_channel_withdraw_commands(channel);
    post(channel, SW_CONNECT);
    batch = take_batch(channel);
    sw_commands_free(batch.commands);
    CHECK_EQ(batch.slots.posted, FOR_A_NEW_LOOP);
    CHECK(batch.slots.confirmed == 6 && !batch.slots.interest.messages);
    sw_channel_unref(channel);
    sw_engine_unref(engine);
}

static const struct unit_test tests[] = {
    {"copies messages of any size, whole, into pages", sends},
    {"refuses what is too big, too much or too late, and says what closing loses", refuses},
    {"gives a host that wants a copy again one that is not older", copies},
    {"does not ask a loop for copies that the host has made", copies_here},
    {"keeps only the newest of what is posted to a slot, and its place among the commands", coalesces},
    {"finds what came before a state that is shown, though it is not told yet", takes_early},
    {"posts what changed, and all to a loop that did not know the channel", keeps_values},
    {"copies what is not pinned into as few pages as can be", pins_one},
    {"gives back what was pinned, wherever it lies, and nothing may read it after the Lua state", pins},
};

UNIT_MAIN(tests)
