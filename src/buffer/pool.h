/* A client's page pool: empty pages of the largest size, which wait to be filled again.
 *
 * Memory that is new to a process costs the system more than a copy does (docs/performance.md), and so does giving it
 * back. So pages go round while a client is busy, in both directions: what the loop has sent, the host fills with further
 * messages, and what the host has read, the loop fills with what comes in. When the client is idle, the pool closes: it
 * gives its pages back, and keeps none until the client is busy again.
 *
 * Both threads use the pool, under the channel's lock. So no function here calls the system: pages to be freed are left
 * to the caller.
 */
#ifndef SW_BUFFER_POOL_H
#define SW_BUFFER_POOL_H

#include <stdbool.h>
#include <stddef.h>

#include "buffer/page.h"

/* All zeros: empty and closed. */
struct sw_pool {
    struct sw_pages free; /* the free list */
    unsigned count;       /* of pages in it */
    unsigned lowest_count; /* low-water mark: the smallest `count` since the last trim */
    bool is_open;         /* it keeps what is put */
};

/* How many pages may be free where `used` bytes of a limit are in use, so that the memory held for that direction stays
 * within the limit and a quarter. At least one. */
unsigned sw_pool_room(size_t limit, size_t used);

/* A page, or NULL: there is none. */
struct sw_page *sw_pool_get(struct sw_pool *pool);

/* Keeps pages, of the largest size and empty, as long as it has less than `most`; the others stay in *pages. */
void sw_pool_put(struct sw_pool *pool, struct sw_pages *pages, unsigned most);

/* The client is busy. */
static inline void sw_pool_open(struct sw_pool *pool) { pool->is_open = true; }

/* Takes pages out, `count` at most, as long as it has more than `most`: to be freed. */
struct sw_pages sw_pool_shrink(struct sw_pool *pool, unsigned most, size_t count);

/* From time to time: returns the pages that were not needed since the last time, to be freed. */
struct sw_pages sw_pool_trim(struct sw_pool *pool);

/* It is idle: returns all, to be freed. */
struct sw_pages sw_pool_close(struct sw_pool *pool);

#endif
