/* The send queue against a naive model: one that knows all messages by number, and counts again each time. */
#include "loop/sendq.h"

#include "base/backoff.h"
#include "unit.h"

static uint64_t seed;

/* 0 .. below - 1 */
static uint64_t draw(uint64_t below) { return (uint64_t)(sw_random(&seed) * (double)below); }

/* --- the model: messages by id, from 1 --- */

enum { MESSAGES = 3000 };

static struct {
    size_t size[MESSAGES + 1];
    bool loose[MESSAGES + 1];
    uint64_t last_id;
    uint64_t begin;  /* first message of the current connection */
    uint64_t handed; /* bytes given to the kernel on it */
    uint64_t acked;  /* of these the peer's TCP has so many */
} model;

static unsigned char byte_of(uint64_t id, size_t at) { return (unsigned char)(id * 31 + at * 7 + at / 256); }

/* Id of the last message that lies whole within the connection's first `bytes` bytes. */
static uint64_t whole_within(uint64_t bytes) {
    uint64_t id = model.begin;
    while (id <= model.last_id && bytes >= model.size[id]) bytes -= model.size[id++];
    return id - 1;
}

static uint64_t bytes_before(uint64_t id) {
    uint64_t bytes = 0;
    for (uint64_t i = model.begin; i < id; i++) bytes += model.size[i];
    return bytes;
}

static uint64_t handed_id(void) { return whole_within(model.handed); }
static uint64_t acked_id(void) { return whole_within(model.acked); }
static bool is_cut(void) { return model.handed > bytes_before(handed_id() + 1); }

/* --- making pages --- */

static struct sw_page *add_page(struct sw_pages *chain) {
    struct sw_page *page = sw_page_new(draw(20) == 0 ? SW_PAGE_ROOM : draw(400));
    sw_pages_add(chain, page);
    return page;
}

/* One message, over as many pages as chance wants; its end may stand alone in the last. */
static void add_message(struct sw_pages *chain) {
    uint64_t id = ++model.last_id;
    model.size[id] = 1 + draw(draw(8) == 0 ? 2000 : 60);
    model.loose[id] = draw(3) == 0;
    struct sw_page *page = chain->tail != NULL ? chain->tail : add_page(chain);
    for (size_t at = 0; at < model.size[id]; at++) {
        while (sw_page_room(page) == 0 || draw(300) == 0) page = add_page(chain);
        unsigned char byte = byte_of(id, at);
        sw_page_put(page, &byte, 1);
    }
    while (!sw_page_can_end(page) || draw(50) == 0) page = add_page(chain);
    sw_page_end(page, model.loose[id] ? SW_END_LOOSE : 0);
}

static void put(struct sw_sendq *queue) {
    struct sw_pages chain = {NULL, NULL};
    for (uint64_t count = draw(12); count > 0 && model.last_id < MESSAGES; count--) add_message(&chain);
    if (chain.head != NULL && draw(10) == 0) add_page(&chain);
    sw_sendq_put(queue, &chain);
    CHECK(chain.head == NULL);
}

/* --- steps, each compared with the model --- */

/* Are these the connection's bytes from `at` on? */
static bool same_bytes(const struct iovec *iov, size_t count, uint64_t at) {
    uint64_t id = model.begin;
    while (id <= model.last_id && at >= model.size[id]) at -= model.size[id++];
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < iov[i].iov_len; k++) {
            if (((unsigned char *)iov[i].iov_base)[k] != byte_of(id, (size_t)at)) return false;
            if (++at == model.size[id]) at = 0, id++;
        }
    }
    return true;
}

static size_t bytes_in(const struct iovec *iov, size_t count) {
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++) bytes += iov[i].iov_len;
    return bytes;
}

static void send(struct sw_sendq *queue) {
    struct iovec iov[8];
    size_t max = 1 + draw(8), limit = 1 + draw(draw(2) == 0 ? 100 : 100000);
    /* Behind what is handed over, as the script's fences are. */
    uint64_t first_fence = handed_id() + (is_cut() ? 1 : 0);
    uint64_t fence = draw(3) == 0 ? UINT64_MAX : first_fence + draw(model.last_id - first_fence + 3);
    uint64_t last = fence < model.last_id ? fence : model.last_id;
    size_t left = (size_t)(bytes_before(last + 1) - model.handed);
    size_t count = sw_sendq_fill(queue, fence, limit, iov, max), bytes = bytes_in(iov, count);
    CHECK(count <= max);
    CHECK(bytes <= left);
    CHECK(bytes == left || count == max || bytes >= limit);
    CHECK(same_bytes(iov, count, model.handed));
    uint64_t before = handed_id();
    size_t taken = draw(4) == 0 ? bytes : (size_t)draw(bytes + 1);
    size_t released = sw_sendq_handed(queue, taken);
    model.handed += taken;
    CHECK_EQ(released, bytes_before(handed_id() + 1) - bytes_before(before + 1));
}

static void ack(struct sw_sendq *queue) {
    uint64_t bytes =
        draw(4) == 0 ? model.handed + draw(3) : draw(model.handed + 1); /* also less than before, or too much */
    sw_sendq_acked(queue, bytes);
    if (bytes > model.handed) bytes = model.handed;
    if (bytes > model.acked) model.acked = bytes;
}

static bool same_loss(struct sw_loss loss, uint64_t first, uint64_t last) {
    return first <= last ? loss.first == first && loss.last == last : loss.first == 0 && loss.last == 0;
}

/* The connection ended and everything before `keep` is given up. */
static void expect_toll(const struct sw_toll *toll, uint64_t keep) {
    bool cut_loose = is_cut() && model.loose[handed_id() + 1];
    uint64_t perhaps = handed_id() + (cut_loose ? 1 : 0), given_up = keep - 1;
    CHECK(same_loss(toll->unknown, acked_id() + 1, perhaps < given_up ? perhaps : given_up));
    CHECK(same_loss(toll->unsent, perhaps + 1, given_up));
    CHECK_EQ(toll->cut, cut_loose && given_up > handed_id());
    CHECK_EQ(toll->in_flight, handed_id() - acked_id());
    size_t released = 0;
    for (uint64_t id = handed_id() + 1; id <= given_up; id++) released += model.size[id];
    CHECK_EQ(toll->released, released);
    model.begin = keep;
    model.handed = model.acked = 0;
}

static uint64_t first_to_keep(enum sw_retain mode) {
    bool cut_loose = is_cut() && model.loose[handed_id() + 1];
    switch (mode) {
    case SW_RETAIN_NONE: return model.last_id + 1;
    case SW_RETAIN_UNSENT: return handed_id() + (cut_loose ? 2 : 1);
    case SW_RETAIN_UNACKED:
    case SW_RETAIN_UNCONFIRMED: return acked_id() + 1; /* nothing is confirmed here; what is acknowledged is gone */
    }
    return 0;
}

static void end_connection(struct sw_sendq *queue) {
    enum sw_retain mode = (enum sw_retain)draw(4);
    uint64_t last_handed = handed_id() + (is_cut() ? 1 : 0);
    uint64_t fence = draw(2) == 0 ? UINT64_MAX : last_handed + draw(model.last_id - last_handed + 2);
    uint64_t keep = first_to_keep(mode), last = fence < model.last_id ? fence : model.last_id;
    if (keep > last + 1) keep = last + 1;
    struct sw_toll toll = sw_sendq_rewind(queue, mode, fence);
    expect_toll(&toll, keep);
}

static void abandon(struct sw_sendq *queue) {
    struct sw_toll toll = sw_sendq_abandon(queue);
    expect_toll(&toll, model.last_id + 1);
}

/* What must be true between any two steps; pages that hold nothing more are gone. */
static void compare(const struct sw_sendq *queue) {
    CHECK_EQ(queue->handed.id, handed_id());
    CHECK_EQ(queue->acked.id, acked_id());
    CHECK_EQ(queue->last_id, model.last_id);
    CHECK_EQ(sw_sendq_written(queue), model.handed);
    CHECK_EQ(sw_sendq_is_cut(queue), is_cut());
    uint64_t held = 0, left = bytes_before(model.last_id + 1) - bytes_before(acked_id() + 1);
    for (const struct sw_page *page = queue->pages.head; page != NULL; page = page->next) held += page->used;
    const struct sw_page *head = queue->pages.head;
    if (left == 0)
        CHECK(head == NULL);
    else
        CHECK(head != NULL && (held - left < head->used || head->used == 0));
    unsigned spent = 0;
    for (const struct sw_page *page = queue->spent.head; page != NULL; page = page->next) {
        CHECK(page->used == 0 && page->ends == 0 && page->size >= SW_SPENT_SIZE);
        spent++;
    }
    CHECK(spent <= SW_SPENT_MAX);
}

static void take_spent(struct sw_sendq *queue) {
    struct sw_pages spent = sw_sendq_take_spent(queue);
    CHECK(queue->spent.head == NULL);
    sw_pages_free(&spent);
}

static void step(struct sw_sendq *queue) {
    switch (draw(16)) {
    case 0: end_connection(queue); break;
    case 1:
        if (draw(4) == 0)
            abandon(queue);
        else
            take_spent(queue);
        break;
    case 2:
    case 3:
    case 4: ack(queue); break;
    case 5:
    case 6:
    case 7:
    case 8: put(queue); break;
    default: send(queue);
    }
}

static void agrees_with_model(void) {
    seed = unit_seed();
    for (int round = 0; round < 60 && !unit_current.failed; round++) {
        struct sw_sendq queue;
        memset(&model, 0, sizeof model);
        model.last_id = draw(2) * 7; /* a queue may start after earlier messages */
        model.begin = model.last_id + 1;
        sw_sendq_init(&queue, model.last_id);
        for (int i = 0; i < 1000 && !unit_current.failed; i++) {
            step(&queue);
            compare(&queue);
        }
        sw_sendq_fini(&queue);
    }
}

/* --- what the model would not find by chance --- */

static void put_one(struct sw_sendq *queue, size_t size, uint32_t flags) {
    struct sw_pages chain;
    unsigned char byte = 'x';
    sw_pages_new(size, &chain);
    struct sw_page *page = chain.head;
    for (size_t i = 0; i < size; i++) {
        while (sw_page_room(page) == 0) page = page->next;
        sw_page_put(page, &byte, 1);
    }
    sw_page_end(page, flags);
    sw_sendq_put(queue, &chain);
}

static size_t allocated(const struct sw_sendq *queue) {
    size_t bytes = 0;
    for (const struct sw_page *page = queue->pages.head; page != NULL; page = page->next) bytes += page->size;
    for (const struct sw_page *page = queue->spent.head; page != NULL; page = page->next) bytes += page->size;
    return bytes;
}

static void slow_sender(void) {
    struct sw_sendq queue;
    sw_sendq_init(&queue, 0);
    for (int i = 0; i < 1000; i++) {
        put_one(&queue, 5, 0);
        sw_sendq_handed(&queue, 5);
    }
    CHECK(allocated(&queue) < 1000 * (5 + 4) * 3);
    sw_sendq_fini(&queue);
}

static void long_run(void) {
    struct sw_sendq queue;
    sw_sendq_init(&queue, 0);
    for (int i = 1; i <= 2000; i++) {
        put_one(&queue, 10000, 0);
        sw_sendq_handed(&queue, 10000);
        sw_sendq_acked(&queue, (uint64_t)i * 10000 - 1); /* all but the last byte */
        CHECK(allocated(&queue) < (SW_SPENT_MAX + 3) * SW_PAGE_MAX);
        CHECK_EQ(queue.acked.id, i - 1);
    }
    sw_sendq_acked(&queue, 2000 * 10000);
    CHECK(queue.pages.head == NULL);
    sw_sendq_fini(&queue);
}

static void cut_messages(void) {
    for (int loose = 0; loose <= 1; loose++) {
        struct sw_sendq queue;
        sw_sendq_init(&queue, 0);
        for (int i = 0; i < 4; i++) put_one(&queue, 10, loose ? SW_END_LOOSE : 0);
        sw_sendq_handed(&queue, 25); /* 1 and 2 whole, 3 in part */
        sw_sendq_acked(&queue, 10);
        struct sw_toll toll = sw_sendq_rewind(&queue, SW_RETAIN_UNSENT, UINT64_MAX);
        CHECK(same_loss(toll.unknown, 2, loose ? 3 : 2));
        CHECK(same_loss(toll.unsent, 1, 0));
        CHECK_EQ(toll.cut, loose == 1);
        CHECK_EQ(toll.in_flight, 1);
        CHECK_EQ(toll.released, loose ? 10 : 0);
        struct iovec iov[8];
        size_t count = sw_sendq_fill(&queue, UINT64_MAX, 1000, iov, 8);
        CHECK_EQ(bytes_in(iov, count), loose ? 10 : 20); /* from a first byte on */
        sw_sendq_fini(&queue);
    }
}

static const struct unit_test tests[] = {
    {"agrees with a naive model, whatever is put, sent, acknowledged, lost and sent again", agrees_with_model},
    {"keeps a slow sender's messages together in few pages", slow_sender},
    {"frees pages as they are acknowledged", long_run},
    {"[F23] sends a cut message again whole, unless its first part may have been used", cut_messages},
};

UNIT_MAIN(tests)
