/* The page pool. */
#include "buffer/pool.h"

#include "pages.h"
#include "unit.h"

static void put(struct sw_pool *pool, unsigned count, unsigned most, unsigned left) {
    struct sw_pages pages = sw_pages_prefault(count);
    sw_pool_put(pool, &pages, most);
    CHECK_EQ(count_pages(&pages), left);
    sw_pages_free(&pages);
}

static void free_all(struct sw_pages pages, size_t count) {
    CHECK_EQ(count_pages(&pages), count);
    sw_pages_free(&pages);
}

static void keeps(void) {
    struct sw_pool pool = {.count = 0};
    CHECK(sw_pool_get(&pool) == NULL);
    put(&pool, 2, 10, 2); /* closed */
    sw_pool_open(&pool);
    put(&pool, 6, 4, 2);
    CHECK_EQ(pool.count, 4);
    struct sw_page *page = sw_pool_get(&pool);
    CHECK(page != NULL && pool.count == 3);
    sw_page_free(page);
    put(&pool, 2, 1, 2); /* it has more than that already */
    free_all(sw_pool_close(&pool), 3);
    put(&pool, 1, 10, 1);
    CHECK(pool.count == 0 && pool.free.head == NULL);
}

static void trims(void) {
    struct sw_pool pool = {.is_open = true};
    put(&pool, 8, 8, 0);
    free_all(sw_pool_trim(&pool), 0); /* all of them are new */
    for (int i = 0; i < 3; i++) sw_page_free(sw_pool_get(&pool));
    put(&pool, 2, 8, 0);
    CHECK_EQ(pool.count, 7);
    free_all(sw_pool_trim(&pool), 5); /* so many lay there all the time */
    CHECK_EQ(pool.count, 2);
    free_all(sw_pool_trim(&pool), 2);
    CHECK_EQ(pool.count, 0);
}

static void room(void) {
    const size_t limit = 16 * (size_t)SW_PAGE_MAX;
    CHECK_EQ(sw_pool_room(limit, 0), 20); /* the limit and a quarter */
    CHECK_EQ(sw_pool_room(limit, 10 * (size_t)SW_PAGE_MAX), 10);
    CHECK_EQ(sw_pool_room(limit, limit), 4);
    CHECK_EQ(sw_pool_room(limit, 2 * limit), 4);
    CHECK_EQ(sw_pool_room(1, 1), 1);
    CHECK(sw_pool_room(SIZE_MAX, 0) >= 1u << 16);
}

static const struct unit_test tests[] = {
    {"keeps no more than it may, and nothing while it is closed", keeps},
    {"gives up what was not needed", trims},
    {"holds, with what is in use, a limit and a quarter", room},
};

UNIT_MAIN(tests)
