#include "channel/outbox.h"

#include "base/tunables.h"

/* What counts against the limit. */
static size_t counted(const struct sw_outbox *outbox) {
    return outbox->bytes + outbox->untold * sizeof(struct sw_report);
}

/* What the limit leaves. */
static size_t space(const struct sw_outbox *outbox, size_t limit) {
    size_t used = counted(outbox);
    return used < limit ? limit - used : 0;
}

static void count_message(struct sw_outbox *outbox, size_t size) { outbox->bytes += size + SW_MESSAGE_OVERHEAD; }

enum sw_err sw_outbox_admit(struct sw_outbox *outbox, size_t size, size_t limit) {
    if (size > limit) return SW_TOOBIG;
    if (counted(outbox) == 0 || size + SW_MESSAGE_OVERHEAD <= space(outbox, limit)) return SW_OK;
    if (outbox->refused < size) outbox->refused = size;
    return SW_FULL;
}

size_t sw_outbox_room(const struct sw_outbox *outbox) {
    return outbox->pages.tail != NULL ? sw_page_room(outbox->pages.tail) : 0;
}

/* The last page ends where a pinned message begins, so what is queued before that says nothing of what it may hold. */
static size_t backlog(const struct sw_outbox *outbox) {
    return outbox->bytes < outbox->run ? outbox->bytes : outbox->run;
}

bool sw_outbox_add_page(struct sw_outbox *outbox, struct sw_pool *pool, size_t size, size_t limit) {
    if (pool->count == 0 || size > SW_PAGE_ROOM || outbox->run < SW_QUEUE_SMALL_MAX) return false;
    struct sw_page *page = sw_pool_get(pool);
    sw_page_prefetch(page);
    if (pool->count > 0) sw_prefetch_for_write(pool->free.head);
    sw_pages_add(&outbox->pages, page);
    sw_outbox_note_need(outbox, pool, limit);
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
    outbox->run += page->used - before;
    return ++outbox->last_id;
}

uint64_t sw_outbox_join(struct sw_outbox *outbox, struct sw_pages *chain, size_t size, bool pinned) {
    sw_pages_join(&outbox->pages, chain);
    count_message(outbox, size);
    outbox->run = pinned ? 0 : outbox->run + size;
    return ++outbox->last_id;
}

/* Free pages that are of use: no more than queue_limit has room for, which the pool may keep in any case. */
static size_t ready_goal(const struct sw_outbox *outbox, size_t limit) {
    size_t queued = outbox->bytes / SW_PAGE_MAX, most = space(outbox, limit) / SW_PAGE_MAX;
    size_t goal = queued / SW_PREFAULT_SHARE;
    if (goal < SW_PREFAULT_MIN) goal = SW_PREFAULT_MIN;
    if (goal > SW_PREFAULT_MAX) goal = SW_PREFAULT_MAX;
    return goal < most ? goal : most;
}

void sw_outbox_note_need(struct sw_outbox *outbox, const struct sw_pool *pool, size_t limit) {
    if (backlog(outbox) < SW_PAGE_MAX) return;
    if (pool->count < (ready_goal(outbox, limit) + 1) / 2) outbox->wants_pages = true;
}

unsigned sw_outbox_needs(struct sw_outbox *outbox, const struct sw_pool *pool, size_t limit) {
    size_t goal = outbox->wants_pages ? ready_goal(outbox, limit) : 0;
    size_t missing = goal > pool->count ? goal - pool->count : 0;
    outbox->wants_pages = false;
    return missing < SW_PREFAULT_TURN ? (unsigned)missing : SW_PREFAULT_TURN;
}

bool sw_outbox_credit(struct sw_outbox *outbox, size_t bytes, size_t limit) {
    assert(bytes <= outbox->bytes);
    outbox->bytes -= bytes;
    if (outbox->refused == 0) return false;
    size_t left = space(outbox, limit), needed = outbox->refused + SW_MESSAGE_OVERHEAD;
    if (left < limit / 2 || (left < needed && counted(outbox) > 0)) return false;
    outbox->refused = 0;
    return true;
}
