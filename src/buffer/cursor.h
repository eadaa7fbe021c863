/* A place in a chain of pages from which messages are taken one by one.
 *
 * The cursor owns the pages. It frees those it has left, and keeps the large ones of them for its owner. Reading and
 * passing are two steps, so that a reader may look at a message as often as it needs before it lets go of it.
 */
#ifndef SW_BUFFER_CURSOR_H
#define SW_BUFFER_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer/page.h"

struct sw_cursor {
    struct sw_pages pages;
    struct sw_pages emptied; /* large pages that were left */
    uint32_t offset, index;  /* in pages.head: the next message starts here */
};

struct sw_message {
    size_t size;
    const unsigned char *bytes; /* NULL: it runs over several pages, see sw_cursor_copy */
    bool loose;                 /* SW_END_UNFRAMED is set */
};

/* For sw_cursor_message: the next message, which ends in a page behind the first. */
struct sw_message sw_cursor_spread_message(const struct sw_cursor *cursor);

/* The next message; there must be one. */
static inline struct sw_message sw_cursor_message(const struct sw_cursor *cursor) {
    const struct sw_page *page = cursor->pages.head;
    if (cursor->index == page->ends) return sw_cursor_spread_message(cursor);
    return (struct sw_message){
        .size = sw_page_end_at(page, cursor->index) - cursor->offset,
        .bytes = page->data + cursor->offset,
        .loose = sw_page_is_unframed_at(page, cursor->index),
    };
}

/* Copies `size` bytes of it, from the `from`-th on. */
void sw_cursor_copy(const struct sw_cursor *cursor, size_t from, size_t size, void *to);

/* Goes behind it, and frees the pages that it leaves, but the large ones. Returns its size. */
size_t sw_cursor_pass(struct sw_cursor *cursor);

/* Frees everything. */
void sw_cursor_drop(struct sw_cursor *cursor);

#endif
