#include "channel/outbox.h"

#include <assert.h>

#include "base/tunables.h"

/* The bytes that count against queue_limit. */
static size_t counted_bytes(const struct sw_outbox *outbox) {
    return outbox->bytes + outbox->kept_reports * sizeof(struct sw_report);
}

/* How many more bytes queue_limit allows. */
static size_t free_bytes(const struct sw_outbox *outbox, size_t limit) {
    size_t used = counted_bytes(outbox);
    return used < limit ? limit - used : 0;
}

static void count_message(struct sw_outbox *outbox, size_t size) { outbox->bytes += size + SW_MESSAGE_OVERHEAD; }

enum sw_err sw_outbox_admit(struct sw_outbox *outbox, size_t size, size_t limit) {
    if (size > limit) return SW_TOOBIG;
    if (counted_bytes(outbox) == 0 || size + SW_MESSAGE_OVERHEAD <= free_bytes(outbox, limit)) return SW_OK;
    if (outbox->refused_size < size) outbox->refused_size = size;
    return SW_FULL;
}

size_t sw_outbox_room(const struct sw_outbox *outbox) {
    return outbox->pages.tail != NULL ? sw_page_room(outbox->pages.tail) : 0;
}

/* Predicts how many bytes a new page will hold: as many as are queued. A pinned message ends the page before it, so
 * bytes from before the last pinned message do not count. */
static size_t backlog(const struct sw_outbox *outbox) {
    return outbox->bytes < outbox->copied_since_pin ? outbox->bytes : outbox->copied_since_pin;
}

bool sw_outbox_add_page(struct sw_outbox *outbox, struct sw_pool *pool, size_t size, size_t limit) {
    if (pool->count == 0 || size > SW_PAGE_ROOM || outbox->copied_since_pin < SW_QUEUE_SMALL_MAX) return false;
    struct sw_page *page = sw_pool_get(pool);
    sw_page_prefetch(page);
    if (pool->count > 0) sw_prefetch_for_write(pool->free.head); /* the next call takes it from the pool */
    sw_pages_add(&outbox->pages, page);
    sw_outbox_want_pages(outbox, pool, limit);
    return true;
}

size_t sw_outbox_page_size(const struct sw_outbox *outbox, size_t size) {
    size_t wanted = backlog(outbox) < SW_QUEUE_SMALL_MAX ? backlog(outbox) : SW_PAGE_ROOM;
    return wanted > size ? wanted : size;
}

uint64_t sw_outbox_append(struct sw_outbox *outbox, const struct sw_slice *pieces, size_t count, uint32_t flags) {
    struct sw_page *page = outbox->pages.tail;
    uint32_t before = page->used;
    for (size_t i = 0; i < count; i++) sw_page_put_and_prefetch(page, pieces[i].data, pieces[i].size);
    sw_page_end_message(page, flags);
    count_message(outbox, page->used - before);
    outbox->copied_since_pin += page->used - before;
    return ++outbox->last_id;
}

uint64_t sw_outbox_join(struct sw_outbox *outbox, struct sw_pages *chain, size_t size, bool pinned) {
    sw_pages_join(&outbox->pages, chain);
    count_message(outbox, size);
    outbox->copied_since_pin = pinned ? 0 : outbox->copied_since_pin + size;
    return ++outbox->last_id;
}

/* How many free pages the pool should have: a share of the queued pages, within bounds (tunables.h), and never more
 * than queue_limit allows. */
static size_t wanted_free_pages(const struct sw_outbox *outbox, size_t limit) {
    size_t queued = outbox->bytes / SW_PAGE_MAX, most = free_bytes(outbox, limit) / SW_PAGE_MAX;
    size_t goal = queued / SW_PREFAULT_SHARE;
    if (goal < SW_PREFAULT_MIN) goal = SW_PREFAULT_MIN;
    if (goal > SW_PREFAULT_MAX) goal = SW_PREFAULT_MAX;
    return goal < most ? goal : most;
}

void sw_outbox_want_pages(struct sw_outbox *outbox, const struct sw_pool *pool, size_t limit) {
    if (backlog(outbox) < SW_PAGE_MAX) return;
    /* Asks only when the pool has less than half of them, so that the loop makes several pages for each request. */
    if (pool->count < (wanted_free_pages(outbox, limit) + 1) / 2) outbox->wants_pages = true;
}

unsigned sw_outbox_count_wanted_pages(struct sw_outbox *outbox, const struct sw_pool *pool, size_t limit) {
    size_t goal = outbox->wants_pages ? wanted_free_pages(outbox, limit) : 0;
    size_t missing = goal > pool->count ? goal - pool->count : 0;
    outbox->wants_pages = false;
    return missing < SW_PREFAULT_TURN ? (unsigned)missing : SW_PREFAULT_TURN;
}

bool sw_outbox_release(struct sw_outbox *outbox, size_t bytes, size_t limit) {
    assert(bytes <= outbox->bytes);
    outbox->bytes -= bytes;
    if (outbox->refused_size == 0) return false;
    size_t left = free_bytes(outbox, limit), needed = outbox->refused_size + SW_MESSAGE_OVERHEAD;
    if (left < limit / 2 || (left < needed && counted_bytes(outbox) > 0)) return false;
    outbox->refused_size = 0;
    return true;
}
