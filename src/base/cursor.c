#include "base/cursor.h"

#include <stdlib.h>

/* The page in which the next message ends, and the message's index there. */
static const struct sw_page *find_end(const struct sw_cursor *cursor, uint32_t *index, size_t *size) {
    const struct sw_page *page = cursor->pages.head;
    uint32_t offset = cursor->offset;
    *index = cursor->index;
    *size = 0;
    while (*index == page->ends) {
        *size += page->used - offset;
        page = page->next;
        offset = *index = 0;
    }
    *size += sw_page_end_at(page, *index) - offset;
    return page;
}

struct sw_message sw_cursor_message(const struct sw_cursor *cursor) {
    struct sw_message message;
    uint32_t index;
    const struct sw_page *head = cursor->pages.head, *page = find_end(cursor, &index, &message.size);
    message.bytes = page == head ? head->data + cursor->offset : NULL;
    message.loose = sw_page_loose_at(page, index);
    return message;
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

/* Leaves pages that hold nothing more. */
static void skip_empty_pages(struct sw_cursor *cursor) {
    struct sw_page *page = cursor->pages.head;
    while (page != NULL && cursor->index == page->ends && cursor->offset == page->used) {
        free(sw_pages_shift(&cursor->pages));
        cursor->offset = cursor->index = 0;
        page = cursor->pages.head;
    }
}

void sw_cursor_pass(struct sw_cursor *cursor) {
    uint32_t index;
    size_t size;
    const struct sw_page *page = find_end(cursor, &index, &size);
    while (cursor->pages.head != page) free(sw_pages_shift(&cursor->pages));
    cursor->offset = sw_page_end_at(page, index);
    cursor->index = index + 1;
    skip_empty_pages(cursor);
}

void sw_cursor_drop(struct sw_cursor *cursor) {
    sw_pages_free(&cursor->pages);
    cursor->offset = cursor->index = 0;
}
