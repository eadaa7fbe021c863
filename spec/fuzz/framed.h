/* What the targets of the codec share: a framing out of the input, the messages that an assembly makes of a stream. */
#ifndef SW_SPEC_FRAMED_H
#define SW_SPEC_FRAMED_H

#include <string.h>

#include "fuzz.h"
#include "loop/assembly.h"

/* Any that options can give: max and size are at least 1, and a fixed message is not longer than max. */
static inline struct sw_framing fuzz_framing(struct fuzz_input *input) {
    struct sw_framing framing = {.kind = (enum sw_framing_kind)(fuzz_byte(input) % (SW_FRAMING_U32LE + 1))};
    framing.max = fuzz_size(input);
    if (framing.max == 0) framing.max = 1;
    if (framing.kind == SW_FRAMING_FIXED) framing.size = 1 + fuzz_byte(input) % framing.max;
    if (framing.kind == SW_FRAMING_DELIMITER) {
        framing.size = 1 + fuzz_byte(input) % SW_DELIMITER_MAX;
        for (uint32_t i = 0; i < framing.size; i++) framing.delimiter[i] = (unsigned char)fuzz_byte(input);
    }
    sw_framing_init(&framing);
    return framing;
}

enum { MESSAGES_ROOM = 160000 };

/* Messages without framing, one behind the other. A list of them is static: emptying it costs nothing. */
struct messages {
    size_t size, count;
    unsigned char bytes[MESSAGES_ROOM];
    uint32_t ends[MESSAGES_ROOM];
};

static inline void messages_init(struct messages *messages) { messages->size = messages->count = 0; }

static inline void messages_append(struct messages *messages, const unsigned char *bytes, size_t size) {
    MUST(size <= MESSAGES_ROOM - messages->size);
    if (size > 0) memcpy(messages->bytes + messages->size, bytes, size);
    messages->size += size;
}

static inline void messages_add(struct messages *messages, const unsigned char *bytes, size_t size) {
    messages_append(messages, bytes, size);
    MUST(messages->count < MESSAGES_ROOM);
    messages->ends[messages->count++] = (uint32_t)messages->size;
}

static inline bool messages_equal(const struct messages *a, const struct messages *b) {
    return a->size == b->size && a->count == b->count && memcmp(a->bytes, b->bytes, a->size) == 0 &&
           memcmp(a->ends, b->ends, a->count * sizeof *a->ends) == 0;
}

/* Appends what was assembled, and empties it. */
static inline void messages_take(struct messages *messages, struct sw_message_run *whole) {
    size_t before = messages->count;
    for (const struct sw_page *page = whole->pages.head; page != NULL; page = page->next) {
        uint32_t done = 0;
        for (uint32_t i = 0; i < page->ends; i++) {
            messages_add(messages, page->data + done, sw_page_end_at(page, i) - done);
            done = sw_page_end_at(page, i);
        }
        messages_append(messages, page->data + done, page->used - done); /* its message ends in a later page */
    }
    sw_pages_free(&whole->pages);
    MUST(messages->count - before == whole->count);
    *whole = (struct sw_message_run){.count = 0};
    MUST(messages->size == (messages->count > 0 ? messages->ends[messages->count - 1] : 0));
}

#endif
