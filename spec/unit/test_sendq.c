/* The send queue against a naive model: one that knows all messages by number, and counts again each time. */
#include "loop/sendq.h"

#include "base/backoff.h"
#include "buffer/cursor.h"
#include "unit.h"

static uint64_t seed;

/* 0 .. below - 1 */
static uint64_t draw(uint64_t below) { return (uint64_t)(sw_random(&seed) * (double)below); }

/* --- the model: messages by id, from 1 --- */

enum { MESSAGES = 3000 };

static struct {
    enum sw_retain mode;
    size_t size[MESSAGES + 1];
    bool loose[MESSAGES + 1];
    bool skipped[MESSAGES + 1]; /* not sent on the current connection, because it was confirmed before its turn */
    uint64_t first_id, last_id; /* of all */
    uint64_t begin;             /* first message of the current connection */
    uint64_t handed;            /* bytes given to the kernel on it */
    uint64_t acked;             /* of these the peer's TCP has so many */
    uint64_t reached;           /* newest message that any connection was given, or that was given up */
    uint64_t confirmed;         /* newest message that the script confirmed ... */
    uint64_t carried_out;       /* ... and that could be dropped */
    uint64_t lost;              /* messages given up */
} model;

static unsigned char byte_of(uint64_t id, size_t at) { return (unsigned char)(id * 31 + at * 7 + at / 256); }

/* Bytes of the message that the current connection sends. */
static size_t size_here(uint64_t id) { return model.skipped[id] ? 0 : model.size[id]; }

/* Id of the last message that lies whole within the connection's first `bytes` bytes. */
static uint64_t whole_within(uint64_t bytes) {
    uint64_t id = model.begin;
    while (id <= model.last_id && bytes >= size_here(id)) bytes -= size_here(id++);
    return id - 1;
}

static uint64_t bytes_before(uint64_t id) {
    uint64_t bytes = 0;
    for (uint64_t i = model.begin; i < id; i++) bytes += size_here(i);
    return bytes;
}

/* Of all messages up to `id`. */
static uint64_t bytes_up_to(uint64_t id) {
    uint64_t bytes = 0;
    for (uint64_t i = model.first_id; i <= id; i++) bytes += model.size[i];
    return bytes;
}

static uint64_t handed_id(void) { return whole_within(model.handed); }
static bool is_cut(void) { return model.handed > bytes_before(handed_id() + 1); }

static uint64_t acked_id(void) {
    uint64_t id = whole_within(model.acked);
    return id > model.carried_out ? id : model.carried_out;
}

static uint64_t kept_id(void) { return model.mode == SW_RETAIN_UNCONFIRMED ? model.carried_out : acked_id(); }

static void skip_confirmed(void) {
    uint64_t handed = handed_id(), until = model.confirmed;
    if (is_cut() && until > handed) until = handed;
    for (uint64_t id = handed + 1; id <= until; id++) model.skipped[id] = true;
    if (until > model.carried_out) model.carried_out = until;
}

/* --- pinning --- */

enum { PINS = 3000 };

static struct {
    unsigned char *bytes;
    uint64_t id;  /* of the message that they belong to */
} pins[PINS + 1]; /* by number, from 1; no bytes: given back */
static int pin_count;

static struct sw_page *pin_page(struct sw_pages *chain, uint64_t id, size_t at, size_t size) {
    int pin = ++pin_count;
    pins[pin].bytes = malloc(size);
    pins[pin].id = id;
    for (size_t i = 0; i < size; i++) pins[pin].bytes[i] = byte_of(id, at + i);
    struct sw_page *page = sw_page_new_pinned(pins[pin].bytes, (uint32_t)size, pin);
    sw_pages_add(chain, page);
    return page;
}

static void unpin(int pin) {
    CHECK(pins[pin].bytes != NULL); /* not twice */
    free(pins[pin].bytes);
    pins[pin].bytes = NULL;
}

/* Pinned bytes are given back as soon as their message is finished or given up, and no sooner. */
static void take_completed(struct sw_sendq *queue) {
    struct sw_pages pinned = sw_sendq_take_completed(queue);
    for (const struct sw_page *page = pinned.head; page != NULL; page = page->next) {
        CHECK(pins[page->pin].id <= kept_id());
        unpin(page->pin);
    }
    sw_pages_free(&pinned);
    size_t out = 0;
    for (int pin = 1; pin <= pin_count; pin++) {
        if (pins[pin].bytes == NULL) continue;
        CHECK(pins[pin].id > kept_id());
        out++;
    }
    CHECK_EQ(queue->pinned_pages, out);
}

static void forget_pins(void) {
    for (int pin = 1; pin <= pin_count; pin++) free(pins[pin].bytes);
    memset(pins, 0, sizeof pins);
    pin_count = 0;
}

/* --- making pages --- */

static struct sw_page *add_page(struct sw_pages *chain) {
    struct sw_page *page = sw_page_new(draw(20) == 0 ? SW_PAGE_ROOM : draw(400));
    sw_pages_add(chain, page);
    return page;
}

/* One message, over as many pages as chance wants, some of them pinned; its end may stand alone in the last. */
static void add_message(struct sw_pages *chain) {
    uint64_t id = ++model.last_id;
    model.size[id] = 1 + draw(draw(8) == 0 ? 2000 : 60);
    model.loose[id] = draw(3) == 0;
    struct sw_page *page = chain->tail != NULL ? chain->tail : add_page(chain);
    for (size_t at = 0; at < model.size[id]; at++) {
        if (draw(100) == 0 && pin_count < PINS) {
            size_t size = 1 + draw(model.size[id] - at);
            page = pin_page(chain, id, at, size);
            at += size - 1;
            continue;
        }
        while (sw_page_room(page) == 0 || draw(300) == 0) page = add_page(chain);
        unsigned char byte = byte_of(id, at);
        sw_page_put(page, &byte, 1);
    }
    while (!sw_page_can_end(page) || draw(50) == 0) page = add_page(chain);
    sw_page_end_message(page, model.loose[id] ? SW_END_UNFRAMED : 0);
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
    while (id <= model.last_id && at >= size_here(id)) at -= size_here(id++);
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < iov[i].iov_len; k++) {
            if (((unsigned char *)iov[i].iov_base)[k] != byte_of(id, (size_t)at)) return false;
            if (++at < model.size[id]) continue;
            at = 0;
            do id++;
            while (model.skipped[id]);
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
    CHECK(bytes == left || count == max || bytes == limit);
    CHECK(same_bytes(iov, count, model.handed));
    size_t taken = draw(4) == 0 ? bytes : (size_t)draw(bytes + 1);
    sw_sendq_handed(queue, taken);
    model.handed += taken;
    if (handed_id() > model.reached) model.reached = handed_id();
    skip_confirmed();
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

static void confirm(struct sw_sendq *queue) {
    if (model.mode != SW_RETAIN_UNCONFIRMED) return;
    uint64_t id =
        model.reached - draw(model.reached < 10 ? model.reached + 1 : 10); /* also what is confirmed already */
    sw_sendq_confirm(queue, id);
    if (id > model.confirmed) model.confirmed = id;
    skip_confirmed();
}

/* The connection ended and everything before `keep` is given up. */
static void expect_toll(const struct sw_loss_summary *losses, uint64_t keep) {
    bool mid_unframed = is_cut() && model.loose[handed_id() + 1];
    uint64_t given_up = keep - 1, kept = kept_id();
    if (mid_unframed && model.reached == handed_id()) model.reached++;
    uint64_t unknown = model.reached < given_up ? model.reached : given_up;
    CHECK(same_loss(losses->unknown, kept + 1, unknown));
    CHECK(same_loss(losses->unsent, model.reached + 1, given_up));
    CHECK_EQ(losses->not_handed, unknown > handed_id() ? unknown - handed_id() : 0);
    CHECK_EQ(losses->in_flight, handed_id() - acked_id());
    if (given_up > kept) model.lost += given_up - kept;
    if (given_up > model.reached) model.reached = given_up;
    memset(model.skipped, 0, sizeof model.skipped);
    model.begin = keep;
    model.handed = model.acked = 0;
    model.carried_out = given_up;
    skip_confirmed();
}

static uint64_t first_to_keep(void) {
    bool mid_unframed = is_cut() && model.loose[handed_id() + 1];
    switch (model.mode) {
    case SW_RETAIN_NONE: return model.last_id + 1;
    case SW_RETAIN_UNSENT: return handed_id() + (mid_unframed ? 2 : 1);
    case SW_RETAIN_UNACKED: return acked_id() + 1;
    case SW_RETAIN_UNCONFIRMED: return model.carried_out + 1;
    }
    return 0;
}

static void end_connection(struct sw_sendq *queue) {
    uint64_t last_handed = handed_id() + (is_cut() ? 1 : 0);
    uint64_t fence = draw(2) == 0 ? UINT64_MAX : last_handed + draw(model.last_id - last_handed + 2);
    uint64_t keep = first_to_keep(), last = fence < model.last_id ? fence : model.last_id;
    if (keep > last + 1) keep = last + 1;
    struct sw_loss_summary losses = sw_sendq_rewind(queue, fence);
    expect_toll(&losses, keep);
}

/* There is no next connection: what is half sent and confirmed is finished without its end. */
static void forget_half(void) {
    if (!is_cut() || model.confirmed <= handed_id()) return;
    model.handed = bytes_before(handed_id() + 1);
    if (model.acked > model.handed) model.acked = model.handed;
    skip_confirmed();
}

static void abandon(struct sw_sendq *queue) {
    struct sw_loss_summary losses = sw_sendq_abandon(queue);
    forget_half();
    expect_toll(&losses, model.last_id + 1);
}

static uint64_t released_id(void) {
    switch (model.mode) {
    case SW_RETAIN_NONE:
    case SW_RETAIN_UNSENT: return handed_id();
    case SW_RETAIN_UNACKED: return acked_id();
    case SW_RETAIN_UNCONFIRMED: return kept_id();
    }
    return 0;
}

/* What must be true between any two steps; pages that hold nothing more are gone. */
static void compare(struct sw_sendq *queue) {
    CHECK_EQ(queue->handed.id, handed_id());
    CHECK_EQ(queue->acked.id, acked_id());
    CHECK_EQ(queue->kept.id, kept_id());
    CHECK_EQ(queue->last_id, model.last_id);
    CHECK_EQ(queue->reached, model.reached);
    CHECK_EQ(queue->finished, kept_id() + 1 - model.first_id - model.lost);
    CHECK_EQ(queue->handed.byte - queue->connection_start, model.handed);
    CHECK_EQ(sw_sendq_is_mid_message(queue), is_cut());
    CHECK_EQ(sw_sendq_released(queue),
             bytes_up_to(released_id()) + (released_id() + 1 - model.first_id) * SW_MESSAGE_OVERHEAD);
    uint64_t held = 0, left = bytes_up_to(model.last_id) - bytes_up_to(kept_id());
    for (const struct sw_page *page = queue->pages.head; page != NULL; page = page->next) held += page->used;
    const struct sw_page *head = queue->pages.head;
    if (left == 0)
        CHECK(head == NULL);
    else
        CHECK(head != NULL && (held - left < head->used || head->used == 0));
    for (const struct sw_page *page = queue->emptied.head; page != NULL; page = page->next)
        CHECK(page->used == 0 && page->ends == 0 && sw_page_is_large(page));
    take_completed(queue);
}

/* All that is unfinished, message by message. */
static void copy(struct sw_sendq *queue) {
    struct sw_cursor cursor = {.offset = 0};
    CHECK(sw_sendq_copy(queue, NULL, &cursor.pages));
    for (uint64_t id = kept_id() + 1; id <= model.last_id && !unit_current.failed; id++) {
        static unsigned char bytes[4000];
        struct sw_message message = sw_cursor_message(&cursor);
        CHECK_EQ(message.size, model.size[id]);
        CHECK_EQ(message.is_unframed, model.loose[id]);
        sw_cursor_copy(&cursor, 0, message.size, bytes);
        for (size_t at = 0; at < message.size; at++) CHECK_EQ(bytes[at], byte_of(id, at));
        sw_cursor_pass(&cursor);
    }
    CHECK(unit_current.failed || cursor.pages.head == NULL || cursor.pages.head->used == 0);
    sw_cursor_drop(&cursor);
}

static void step(struct sw_sendq *queue) {
    switch (draw(18)) {
    case 0: end_connection(queue); break;
    case 1:
        if (draw(4) == 0)
            abandon(queue);
        else
            sw_pages_free(&queue->emptied);
        break;
    case 2:
    case 3:
    case 4: ack(queue); break;
    case 16: confirm(queue); break;
    case 17:
        if (draw(20) == 0) copy(queue);
        break;
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
        uint64_t before = draw(2) * 7; /* a queue may start after earlier messages */
        model.mode = (enum sw_retain)(round % 4);
        model.first_id = model.begin = before + 1;
        model.last_id = model.reached = model.confirmed = model.carried_out = before;
        sw_sendq_init(&queue, model.mode, before, 0);
        for (int i = 0; i < 1000 && !unit_current.failed; i++) {
            step(&queue);
            compare(&queue);
        }
        sw_sendq_fini(&queue);
        forget_pins();
    }
}

/* --- what the model would not find by chance --- */

static void put_one(struct sw_sendq *queue, size_t size, uint32_t flags) {
    struct sw_pages chain = {NULL, NULL};
    unsigned char *bytes = malloc(size);
    memset(bytes, 'x', size);
    const struct sw_page_source source = {.expected = size};
    sw_pages_append(&chain, bytes, size, &source);
    sw_pages_end_message(&chain, &source, flags);
    sw_sendq_put(queue, &chain);
    free(bytes);
}

static size_t allocated(const struct sw_sendq *queue) {
    size_t bytes = 0;
    for (const struct sw_page *page = queue->pages.head; page != NULL; page = page->next) bytes += page->size;
    for (const struct sw_page *page = queue->emptied.head; page != NULL; page = page->next) bytes += page->size;
    return bytes;
}

static void slow_sender(void) {
    struct sw_sendq queue;
    sw_sendq_init(&queue, SW_RETAIN_UNSENT, 0, 0);
    for (int i = 0; i < 1000; i++) {
        put_one(&queue, 5, 0);
        sw_sendq_handed(&queue, 5);
    }
    CHECK(allocated(&queue) < 1000 * (5 + 4) * 3);
    sw_sendq_fini(&queue);
}

static void long_run(void) {
    struct sw_sendq queue;
    sw_sendq_init(&queue, SW_RETAIN_UNSENT, 0, 0);
    for (int i = 1; i <= 2000; i++) {
        put_one(&queue, 10000, 0);
        sw_sendq_handed(&queue, 10000);
        sw_sendq_acked(&queue, (uint64_t)i * 10000 - 1); /* all but the last byte */
        CHECK(allocated(&queue) < 3 * SW_PAGE_MAX);
        sw_pages_free(&queue.emptied);
        CHECK_EQ(queue.acked.id, i - 1);
    }
    sw_sendq_acked(&queue, 2000 * 10000);
    CHECK(queue.pages.head == NULL);
    sw_sendq_fini(&queue);
}

static void cut_messages(void) {
    for (int loose = 0; loose <= 1; loose++) {
        struct sw_sendq queue;
        sw_sendq_init(&queue, SW_RETAIN_UNSENT, 0, 0);
        for (int i = 0; i < 4; i++) put_one(&queue, 10, loose ? SW_END_UNFRAMED : 0);
        sw_sendq_handed(&queue, 25); /* 1 and 2 whole, 3 in part */
        sw_sendq_acked(&queue, 10);
        struct sw_loss_summary losses = sw_sendq_rewind(&queue, UINT64_MAX);
        CHECK(same_loss(losses.unknown, 2, loose ? 3 : 2));
        CHECK(same_loss(losses.unsent, 1, 0));
        CHECK_EQ(losses.not_handed, loose);
        CHECK_EQ(losses.in_flight, 1);
        CHECK_EQ(sw_sendq_released(&queue), (loose ? 3 : 2) * (10 + SW_MESSAGE_OVERHEAD));
        struct iovec iov[8];
        size_t count = sw_sendq_fill(&queue, UINT64_MAX, 1000, iov, 8);
        CHECK_EQ(bytes_in(iov, count), loose ? 10 : 20); /* from a first byte on */
        sw_sendq_fini(&queue);
    }
}

/* The script may confirm what waits to be sent again, and what is half sent. */
static void confirmed_ahead(void) {
    struct sw_sendq queue;
    sw_sendq_init(&queue, SW_RETAIN_UNCONFIRMED, 0, 0);
    for (int i = 0; i < 6; i++) put_one(&queue, 10, 0);
    sw_sendq_handed(&queue, 60);
    sw_sendq_rewind(&queue, UINT64_MAX);
    CHECK_EQ(queue.handed.byte - queue.connection_start, 0);
    sw_sendq_handed(&queue, 15); /* 1 whole, 2 in part */
    sw_sendq_confirm(&queue, 4); /* 2 goes on to its end, 3 and 4 are skipped */
    CHECK_EQ(queue.kept.id, 1);
    struct iovec iov[8];
    CHECK_EQ(bytes_in(iov, sw_sendq_fill(&queue, UINT64_MAX, 1000, iov, 8)), 45);
    sw_sendq_handed(&queue, 5);
    CHECK_EQ(queue.kept.id, 4);
    CHECK_EQ(queue.finished, 4);
    CHECK_EQ(queue.handed.byte - queue.connection_start, 20);
    CHECK_EQ(bytes_in(iov, sw_sendq_fill(&queue, UINT64_MAX, 1000, iov, 8)), 20);
    sw_sendq_handed(&queue, 20);
    sw_sendq_acked(&queue, 29);
    CHECK_EQ(queue.acked.id, 4);
    sw_sendq_acked(&queue, 30);
    CHECK_EQ(queue.acked.id, 5);
    struct sw_loss_summary losses = sw_sendq_abandon(&queue);
    CHECK(same_loss(losses.unknown, 5, 6));
    sw_sendq_fini(&queue);
}

/* What the script has confirmed is finished, also when it is sent again and only half of it is. */
static void confirmed_half(void) {
    struct sw_sendq queue;
    sw_sendq_init(&queue, SW_RETAIN_UNCONFIRMED, 0, 0);
    for (int i = 0; i < 4; i++) put_one(&queue, 10, SW_END_UNFRAMED);
    sw_sendq_handed(&queue, 30);
    sw_sendq_rewind(&queue, UINT64_MAX);
    sw_sendq_handed(&queue, 15); /* 1 whole, 2 in part */
    sw_sendq_confirm(&queue, 2);
    CHECK_EQ(queue.finished, 1);
    struct sw_loss_summary losses = sw_sendq_abandon(&queue);
    CHECK_EQ(queue.finished, 2);
    CHECK(same_loss(losses.unknown, 3, 3));
    CHECK(same_loss(losses.unsent, 4, 4));
    CHECK_EQ(losses.in_flight, 0);
    sw_sendq_fini(&queue);
}

/* What an earlier connection had whole may have arrived, wherever the replay is. */
static void reached_before(void) {
    struct sw_sendq queue;
    sw_sendq_init(&queue, SW_RETAIN_UNACKED, 0, 0);
    for (int i = 0; i < 4; i++) put_one(&queue, 10, 0);
    sw_sendq_handed(&queue, 30);
    sw_sendq_acked(&queue, 10);
    sw_sendq_rewind(&queue, UINT64_MAX);
    sw_sendq_handed(&queue, 10); /* 2, again */
    struct sw_loss_summary losses = sw_sendq_abandon(&queue);
    CHECK(same_loss(losses.unknown, 2, 3));
    CHECK_EQ(losses.not_handed, 1);
    CHECK(same_loss(losses.unsent, 4, 4));
    sw_sendq_fini(&queue);
}

static const struct unit_test tests[] = {
    {"agrees with a naive model, whatever is put, sent, acknowledged, lost and sent again", agrees_with_model},
    {"keeps a slow sender's messages together in few pages", slow_sender},
    {"frees pages as they are acknowledged", long_run},
    {"[F23] sends a cut message again whole, unless its first part may have been used", cut_messages},
    {"skips what is confirmed before its turn, and sends what is half sent to its end", confirmed_ahead},
    {"gives up nothing that is confirmed", confirmed_half},
    {"never says unsent of what an earlier connection was given", reached_before},
};

UNIT_MAIN(tests)
