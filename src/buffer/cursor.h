/* Reads the messages in a chain of pages one by one.
 *
 * The cursor owns the pages. When it has passed all messages of a page, it frees the page, or keeps it in `emptied`
 * if it is large, so that it can be reused. To read a message does not pass it: it can be read several times.
 */
#ifndef SW_BUFFER_CURSOR_H
#define SW_BUFFER_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer/page.h"

struct sw_cursor {
    struct sw_pages pages;
    struct sw_pages emptied; /* empty large pages, for the owner of the cursor */
    uint32_t offset, index;  /* in pages.head: where the next message starts, and how many messages end before that */
};

struct sw_message {
    size_t size;
    const unsigned char *bytes; /* NULL: the message spans several pages; sw_cursor_copy reads it */
    bool is_unframed;           /* SW_END_UNFRAMED is set */
};

/* The part of sw_cursor_message for a message that does not end in the first page. */
struct sw_message sw_cursor_spread_message(const struct sw_cursor *cursor);

/* Returns the next message; there must be one. */
static inline struct sw_message sw_cursor_message(const struct sw_cursor *cursor) {
    const struct sw_page *page = cursor->pages.head;
    if (cursor->index == page->ends) return sw_cursor_spread_message(cursor);
    return (struct sw_message){
        .size = sw_page_end_at(page, cursor->index) - cursor->offset,
        .bytes = page->data + cursor->offset,
        .is_unframed = sw_page_is_unframed_at(page, cursor->index),
    };
}

/* Copies `size` bytes of the next message, from its byte `from` (counted from 0) on. */
void sw_cursor_copy(const struct sw_cursor *cursor, size_t from, size_t size, void *to);

/* Passes the next message, and returns its size. */
size_t sw_cursor_pass(struct sw_cursor *cursor);

/* Frees all pages. */
void sw_cursor_drop(struct sw_cursor *cursor);

#endif
