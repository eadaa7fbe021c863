#include "buffer/pool.h"

#include <limits.h>

#include "base/tunables.h"

unsigned sw_pool_room(size_t limit, size_t used) {
    size_t unused = used < limit ? limit - used : 0;
    size_t pages = unused / SW_PAGE_MAX + limit / SW_POOL_SHARE / SW_PAGE_MAX;
    return pages < 1 ? 1 : pages < UINT_MAX ? (unsigned)pages : UINT_MAX;
}

struct sw_page *sw_pool_get(struct sw_pool *pool) {
    if (pool->count == 0) return NULL;
    pool->count--;
    if (pool->lowest_count > pool->count) pool->lowest_count = pool->count;
    return sw_pages_shift(&pool->free);
}

void sw_pool_put(struct sw_pool *pool, struct sw_pages *pages, unsigned most) {
    while (pool->is_open && pool->count < most && pages->head != NULL) {
        sw_pages_add(&pool->free, sw_pages_shift(pages));
        pool->count++;
    }
}

struct sw_pages sw_pool_shrink(struct sw_pool *pool, unsigned most, size_t count) {
    struct sw_pages excess = {NULL, NULL};
    for (; pool->count > most && count > 0; count--) sw_pages_add(&excess, sw_pool_get(pool));
    return excess;
}

struct sw_pages sw_pool_trim(struct sw_pool *pool) {
    struct sw_pages unneeded = {NULL, NULL};
    for (; pool->lowest_count > 0; pool->lowest_count--, pool->count--)
        sw_pages_add(&unneeded, sw_pages_shift(&pool->free));
    pool->lowest_count = pool->count;
    return unneeded;
}

struct sw_pages sw_pool_close(struct sw_pool *pool) {
    struct sw_pages pages = pool->free;
    *pool = (struct sw_pool){.is_open = false};
    return pages;
}
