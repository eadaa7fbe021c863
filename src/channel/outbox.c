#include "channel/outbox.h"

enum { READY_MAX = 4 }; /* a quarter of a megabyte, which takes the loop some 0.15 ms */

enum sw_err sw_outbox_admit(struct sw_outbox *outbox, size_t size, size_t limit) {
    if (size > limit) return SW_TOOBIG;
    if (outbox->bytes <= limit - size) return SW_OK;
    if (outbox->refused < size) outbox->refused = size;
    return SW_FULL;
}

size_t sw_outbox_room(const struct sw_outbox *outbox) {
    return outbox->pages.tail != NULL ? sw_page_room(outbox->pages.tail) : 0;
}

/* The last page ends where a lent message begins, so what is queued before that says nothing of what it may hold. */
static size_t backlog(const struct sw_outbox *outbox) {
    return outbox->bytes < outbox->run ? outbox->bytes : outbox->run;
}

bool sw_outbox_use_spare(struct sw_outbox *outbox, size_t size) {
    if (outbox->spare.head == NULL || size > sw_page_room(outbox->spare.head)) return false;
    if (outbox->run < SW_PAGE_MAX / 2) return false;
    sw_pages_add(&outbox->pages, sw_pages_shift(&outbox->spare));
    sw_outbox_note_need(outbox);
    return true;
}

size_t sw_outbox_page_size(const struct sw_outbox *outbox, size_t size) {
    size_t wanted = backlog(outbox) < SW_PAGE_ROOM ? backlog(outbox) : SW_PAGE_ROOM;
    return wanted > size ? wanted : size;
}

uint64_t sw_outbox_append(struct sw_outbox *outbox, const struct sw_slice *pieces, size_t count, uint32_t flags) {
    struct sw_page *page = outbox->pages.tail;
    uint32_t before = page->used;
    for (size_t i = 0; i < count; i++) sw_page_put(page, pieces[i].data, pieces[i].size);
    sw_page_end(page, flags);
    outbox->bytes += page->used - before;
    outbox->run += page->used - before;
    return ++outbox->last_id;
}

uint64_t sw_outbox_join(struct sw_outbox *outbox, struct sw_pages *chain, size_t size, bool lent) {
    sw_pages_join(&outbox->pages, chain);
    outbox->bytes += size;
    outbox->run = lent ? 0 : outbox->run + size;
    return ++outbox->last_id;
}

void sw_outbox_note_need(struct sw_outbox *outbox) {
    if (outbox->spare.head == NULL && backlog(outbox) >= SW_PAGE_MAX) outbox->wants_pages = true;
}

unsigned sw_outbox_needs(struct sw_outbox *outbox, size_t limit) {
    size_t room = outbox->wants_pages ? (limit - outbox->bytes) / SW_PAGE_MAX : 0;
    outbox->wants_pages = false;
    return room < READY_MAX ? (unsigned)room : READY_MAX;
}

bool sw_outbox_release(struct sw_outbox *outbox, size_t bytes, size_t limit) {
    assert(bytes <= outbox->bytes);
    outbox->bytes -= bytes;
    if (outbox->refused == 0) return false;
    size_t space = limit - outbox->bytes;
    if (space < limit / 2 || space < outbox->refused) return false;
    outbox->refused = 0;
    return true;
}
