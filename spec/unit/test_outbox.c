#include "channel/outbox.h"

#include "pages.h"
#include "unit.h"

static const struct sw_page_source SMALL = {.expected = 0};

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

static void admits(void) {
    struct sw_outbox outbox = {0};
    CHECK_EQ(sw_outbox_admit(&outbox, 100, 100), SW_OK);
    CHECK_EQ(sw_outbox_admit(&outbox, 101, 100), SW_TOOBIG);
    CHECK_EQ(outbox.refused_size, 0); /* it will never fit: no drain is owed */
    CHECK_EQ(sw_outbox_admit(&outbox, SIZE_MAX, 100), SW_TOOBIG);
    outbox.bytes = 40;
    CHECK_EQ(sw_outbox_admit(&outbox, 60 - SW_MESSAGE_OVERHEAD, 100), SW_OK);
    CHECK_EQ(sw_outbox_admit(&outbox, 0, 40 + SW_MESSAGE_OVERHEAD), SW_OK);
    CHECK_EQ(sw_outbox_admit(&outbox, 61 - SW_MESSAGE_OVERHEAD, 100), SW_FULL);
    CHECK_EQ(outbox.refused_size, 61 - SW_MESSAGE_OVERHEAD);
    CHECK_EQ(sw_outbox_admit(&outbox, 90, 100), SW_FULL);
    CHECK_EQ(sw_outbox_admit(&outbox, 70, 100), SW_FULL);
    CHECK_EQ(outbox.refused_size, 90); /* the largest */
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
    outbox.copied_since_pin = SIZE_MAX; /* nothing was ever pinned */
    for (outbox.bytes = 1; outbox.bytes < 1u << 30; outbox.bytes *= 3) {
        CHECK(sw_outbox_page_size(&outbox, 10) <= SW_PAGE_ROOM); /* one page, however much is queued */
    }
}

/* However much is queued, the page between two pinned messages holds what comes between them. */
static void pages_between_pinned(void) {
    struct sw_outbox outbox = {.bytes = 1u << 25, .copied_since_pin = 1u << 25};
    struct sw_pages chain = {NULL, NULL};
    CHECK_EQ(sw_outbox_page_size(&outbox, 10), SW_PAGE_ROOM);
    sw_pages_append(&chain, "pinned", 4, &SMALL);
    sw_outbox_join(&outbox, &chain, 4, true);
    CHECK(sw_outbox_page_size(&outbox, 10) <= 128);
    struct sw_pool pool = full_pool(1);
    CHECK(!sw_outbox_add_page(&outbox, &pool, 10, LIMIT));
    empty_pool(&pool);
    sw_outbox_want_pages(&outbox, &pool, LIMIT);
    CHECK(!outbox.wants_pages);
    for (int i = 0; i < 100; i++) { /* no large message any more */
        sw_pages_append(&chain, "a few bytes", 11, &SMALL);
        sw_outbox_join(&outbox, &chain, 1000, false);
    }
    CHECK_EQ(sw_outbox_page_size(&outbox, 10), SW_PAGE_ROOM);
    sw_outbox_want_pages(&outbox, &pool, LIMIT);
    CHECK(outbox.wants_pages);
    sw_pages_free(&outbox.pages);
}

static void pooled_pages(void) {
    struct sw_outbox outbox = {.copied_since_pin = SIZE_MAX};
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
    sw_outbox_want_pages(outbox, pool, LIMIT);
    return sw_outbox_count_wanted_pages(outbox, pool, LIMIT);
}

static void needs(void) {
    struct sw_outbox outbox = {.copied_since_pin = SIZE_MAX};
    struct sw_pool pool = {.count = 0};
    CHECK_EQ(wanted(&outbox, &pool, SW_PAGE_MAX - 1), 0); /* little is queued */
    CHECK_EQ(wanted(&outbox, &pool, SW_PAGE_MAX), 4);
    CHECK_EQ(sw_outbox_count_wanted_pages(&outbox, &pool, LIMIT), 0); /* asked once */
    CHECK_EQ(wanted(&outbox, &pool, LIMIT - 2 * SW_PAGE_MAX - 1), 2); /* more could not be filled */
    CHECK_EQ(wanted(&outbox, &pool, LIMIT), 0);
    CHECK_EQ(wanted(&outbox, &pool, 48 * SW_PAGE_MAX), 6);  /* the more is queued, the more */
    CHECK_EQ(wanted(&outbox, &pool, 200 * SW_PAGE_MAX), 8); /* not too long at once */
    pool = full_pool(3);
    CHECK_EQ(wanted(&outbox, &pool, 48 * SW_PAGE_MAX), 0); /* half of it is there */
    CHECK(sw_outbox_add_page(&outbox, &pool, 100, LIMIT));
    CHECK_EQ(sw_outbox_count_wanted_pages(&outbox, &pool, LIMIT), 4);
    empty_pool(&pool);
    sw_pages_free(&outbox.pages);
}

static void drains(void) {
    struct sw_outbox outbox = {.bytes = 100};
    CHECK(!sw_outbox_release(&outbox, 50, 100)); /* nothing was refused */
    outbox.bytes = 100;
    CHECK_EQ(sw_outbox_admit(&outbox, 10, 100), SW_FULL);
    CHECK(!sw_outbox_release(&outbox, 49, 100)); /* less than half is free */
    CHECK(sw_outbox_release(&outbox, 1, 100));
    CHECK(!sw_outbox_release(&outbox, 50, 100)); /* once */
    outbox.bytes = 100;
    CHECK_EQ(sw_outbox_admit(&outbox, 80 - SW_MESSAGE_OVERHEAD, 100), SW_FULL);
    CHECK(!sw_outbox_release(&outbox, 79, 100)); /* not yet what was refused */
    CHECK(sw_outbox_release(&outbox, 1, 100));
    outbox.bytes = 100;
    CHECK_EQ(sw_outbox_admit(&outbox, 100, 100), SW_FULL);
    CHECK(!sw_outbox_release(&outbox, 99, 100));
    CHECK(sw_outbox_release(&outbox, 1, 100)); /* an empty queue takes it */
}

static const struct unit_test tests[] = {
    {"[F7] admits messages up to the limit, and remembers the largest refused", admits},
    {"appends messages and chains, and counts ids and bytes", appends},
    {"asks for one page at most, however much is queued", page_sizes},
    {"asks for little between pinned messages", pages_between_pinned},
    {"takes a page of the pool that is large enough", pooled_pages},
    {"asks the loop for pages when much is queued and none is spare", needs},
    {"[F7] owes a drain when half is free, and room for what was refused", drains},
};

UNIT_MAIN(tests)
