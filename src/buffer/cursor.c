#include "buffer/cursor.h"

#include <string.h>

struct sw_message sw_cursor_spread_message(const struct sw_cursor *cursor) {
    const struct sw_page *page = cursor->pages.head;
    size_t size = page->used - cursor->offset;
    for (page = page->next; page->ends == 0; page = page->next) size += page->used;
    return (struct sw_message){.size = size + sw_page_end_at(page, 0), .is_unframed = sw_page_is_unframed_at(page, 0)};
}

void sw_cursor_copy(const struct sw_cursor *cursor, size_t from, size_t size, void *to) {
    unsigned char *out = to;
    from += cursor->offset;
    for (const struct sw_page *page = cursor->pages.head; size > 0; page = page->next) {
        if (from < page->used) {
            size_t part = page->used - from < size ? page->used - from : size;
            memcpy(out, page->data + from, part);
            out += part;
            size -= part;
            from += part;
        }
        from -= page->used;
    }
}

static void leave_page(struct sw_cursor *cursor) {
    struct sw_page *page = sw_pages_shift(&cursor->pages);
    if (sw_page_is_large(page)) {
        sw_page_clear(page);
        sw_pages_add(&cursor->emptied, page);
    } else {
        sw_page_free(page);
    }
    cursor->offset = cursor->index = 0;
}

size_t sw_cursor_pass(struct sw_cursor *cursor) {
    size_t size = sw_cursor_message(cursor).size;
    while (cursor->index == cursor->pages.head->ends) leave_page(cursor); /* the message ends in a later page */
    cursor->offset = sw_page_end_at(cursor->pages.head, cursor->index);
    cursor->index++;
    while (cursor->pages.head != NULL && cursor->index == cursor->pages.head->ends &&
           cursor->offset == cursor->pages.head->used)
        leave_page(cursor);
    return size;
}

void sw_cursor_drop(struct sw_cursor *cursor) {
    sw_pages_free(&cursor->pages);
    sw_pages_free(&cursor->emptied);
    cursor->offset = cursor->index = 0;
}
