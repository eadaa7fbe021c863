/* A client's page pool: empty pages of the largest size, to be reused.
 *
 * To get a page of new memory from the system, or to return it, takes longer than to fill the page by a copy
 * (docs/performance.md). So a busy client reuses its pages in both directions: the host fills the pages that the loop
 * has sent, and the loop fills the pages that the host has read. When the client is idle, the pool closes: it gives
 * up its pages, and keeps none until the client is busy again.
 *
 * Both threads use the pool under the channel's lock. To free a page is a system call, and must not be done under the
 * lock: so the functions return the pages that the caller must free.
 */
#ifndef SW_BUFFER_POOL_H
#define SW_BUFFER_POOL_H

#include <stdbool.h>
#include <stddef.h>

#include "buffer/page.h"

/* All zeros: empty and closed. */
struct sw_pool {
    struct sw_pages free;  /* the pages of the pool */
    unsigned count;        /* of pages in `free` */
    unsigned lowest_count; /* low-water mark: the smallest `count` since the last trim */
    bool is_open;          /* sw_pool_put keeps pages */
};

/* How many pages the pool may hold for a direction with this limit in bytes, of which `used` are in use: so many that
 * used and free memory together stay within five quarters of the limit. At least one. */
unsigned sw_pool_room(size_t limit, size_t used);

/* Removes and returns a page; NULL: the pool is empty. */
struct sw_page *sw_pool_get(struct sw_pool *pool);

/* Moves empty large pages from *pages to the pool until the pool holds `most`. The others stay in *pages: the caller
 * frees them. A closed pool takes none. */
void sw_pool_put(struct sw_pool *pool, struct sw_pages *pages, unsigned most);

/* The client is busy: the pool keeps pages from now on. */
static inline void sw_pool_open(struct sw_pool *pool) { pool->is_open = true; }

/* Removes pages until the pool holds `most`, but at most `count` of them. The caller frees them. */
struct sw_pages sw_pool_shrink(struct sw_pool *pool, unsigned most, size_t count);

/* Removes the pages that were not needed since the last call. The caller frees them. */
struct sw_pages sw_pool_trim(struct sw_pool *pool);

/* The client is idle: removes all pages and closes the pool. The caller frees them. */
struct sw_pages sw_pool_close(struct sw_pool *pool);

#endif
