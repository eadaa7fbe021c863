#include "loop/assembly.h"

#include <stdlib.h>

#include "channel/inbox.h"

void sw_assembly_reset(struct sw_assembly *assembly) {
    sw_pages_free(&assembly->partial);
    memset(assembly, 0, sizeof *assembly);
    sw_decoder_init(&assembly->decoder);
}

/* Keeps the first `keep` bytes of a message that came in parts, and cuts off the delimiter after them. All pages
 * belong to this message; the delimiter may span several. */
static void cut_tail(struct sw_pages *pages, size_t keep) {
    for (struct sw_page *page = pages->head; page != NULL; page = page->next) {
        if (page->used > keep) page->used = (uint32_t)keep;
        keep -= page->used;
    }
}

/* Removes the bytes after the last boundary: an allocation failed within a message, and its bytes must not become a
 * part of the next message. */
static void cut_unfinished(struct sw_pages *pages) {
    struct sw_page *last = NULL;
    for (struct sw_page *page = pages->head; page != NULL; page = page->next)
        if (page->ends > 0) last = page;
    if (last != NULL) last->used = sw_page_end_at(last, last->ends - 1);
    for (struct sw_page *page = last != NULL ? last->next : pages->head; page != NULL; page = page->next)
        page->used = 0;
}

static void count(struct sw_message_run *whole, size_t size) {
    whole->bytes += size + SW_MESSAGE_OVERHEAD;
    whole->count++;
}

/* Ends the message in `partial` with the frame's bytes. False: no memory. */
static bool finish_partial(struct sw_assembly *assembly, const unsigned char *bytes, const struct sw_frame *frame,
                           const struct sw_page_source *source, struct sw_message_run *whole) {
    if (!sw_pages_append(&assembly->partial, bytes, frame->part, source)) return false;
    size_t length = assembly->partial_bytes + frame->part - frame->trim;
    if (frame->trim > 0) cut_tail(&assembly->partial, length);
    if (!sw_pages_end_message(&assembly->partial, source, 0)) return false;
    count(whole, length);
    assembly->partial_bytes = 0;
    sw_pages_join(&whole->pages, &assembly->partial);
    return true;
}

/* Adds a message that came as a whole. False: no memory. */
static bool finish_whole(const unsigned char *bytes, const struct sw_frame *frame, const struct sw_page_source *source,
                         struct sw_message_run *whole) {
    size_t size = frame->part - frame->trim;
    if (!sw_pages_append(&whole->pages, bytes, size, source) || !sw_pages_end_message(&whole->pages, source, 0)) {
        cut_unfinished(&whole->pages);
        return false;
    }
    count(whole, size);
    return true;
}

static bool store(struct sw_assembly *assembly, const unsigned char *bytes, const struct sw_frame *frame,
                  const struct sw_page_source *source, struct sw_message_run *whole) {
    if (frame->status == SW_FRAME_PART) {
        assembly->partial_bytes += frame->part;
        return sw_pages_append(&assembly->partial, bytes, frame->part, source);
    }
    return assembly->partial_bytes > 0 ? finish_partial(assembly, bytes, frame, source, whole)
                                       : finish_whole(bytes, frame, source, whole);
}

enum sw_err sw_assembly_feed(struct sw_assembly *assembly, const struct sw_framing *framing, const unsigned char *bytes,
                             size_t size, struct sw_pages *empty, struct sw_message_run *whole) {
    while (size > 0) {
        struct sw_frame frame = sw_decode(&assembly->decoder, framing, bytes, size);
        if (frame.status == SW_FRAME_BAD) return SW_FRAME;
        const struct sw_page_source source = {sw_assembly_expected(size), empty};
        if (!store(assembly, bytes + frame.skip, &frame, &source, whole)) return SW_SYSTEM;
        bytes += frame.skip + frame.part;
        size -= frame.skip + frame.part;
    }
    return SW_OK;
}

/* When memory failed in the middle, the pages may hold less than was counted, or more. */
struct sw_partial *sw_assembly_copy_partial(const struct sw_assembly *assembly) {
    size_t room = assembly->partial_bytes;
    struct sw_partial *copy = malloc(sizeof *copy + room);
    if (copy == NULL) return NULL;
    copy->size = 0;
    for (const struct sw_page *page = assembly->partial.head; page != NULL && room > 0; page = page->next) {
        size_t size = page->used < room ? page->used : room;
        memcpy(copy->bytes + copy->size, page->bytes, size);
        copy->size += size;
        room -= size;
    }
    return copy;
}
