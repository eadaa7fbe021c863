#include "loop/assembly.h"

#include <stdlib.h>

#include "channel/inbox.h"

static void drop_head(struct sw_assembly *assembly) {
    sw_bad_frame_unref(assembly->head);
    assembly->head = NULL;
}

void sw_assembly_reset(struct sw_assembly *assembly) {
    sw_pages_free(&assembly->partial);
    drop_head(assembly);
    memset(assembly, 0, sizeof *assembly);
    sw_decoder_init(&assembly->decoder);
}

void sw_assembly_end(struct sw_assembly *assembly) {
    struct sw_bad_frame *bad = sw_bad_frame_ref(sw_assembly_bad_frame(assembly));
    sw_assembly_reset(assembly);
    assembly->head = bad;
}

size_t sw_assembly_partial_bytes(const struct sw_assembly *assembly) {
    size_t bytes = 0;
    for (const struct sw_page *page = assembly->partial.head; page != NULL; page = page->next) bytes += page->used;
    return bytes;
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

/* --- the frame that may turn out bad --- */

/* Bytes of the unfinished frame that came in earlier reads. */
static uint64_t carried(const struct sw_assembly *assembly) {
    return sw_assembly_partial_bytes(assembly) + (assembly->head != NULL ? assembly->head->skipped : 0);
}

/* Keeps bytes that stand in front of a message which does not end in this read. False: no memory. */
static bool keep_skipped(struct sw_assembly *assembly, const unsigned char *bytes, size_t size) {
    if (size == 0) return true;
    if (assembly->head == NULL) assembly->head = sw_bad_frame_new();
    if (assembly->head == NULL) return false;
    sw_bad_frame_add(assembly->head, bytes, size);
    assembly->head->skipped += size;
    return true;
}

/* Notes what is wrong with the frame, whose last bytes are these. Without memory for that, the error will name no frame. */
static void note_bad(struct sw_assembly *assembly, const struct sw_framing *framing, const unsigned char *bytes,
                     const struct sw_frame *frame) {
    uint64_t before = carried(assembly);
    struct sw_bad_frame *bad = assembly->head != NULL ? assembly->head : sw_bad_frame_new();
    if (bad == NULL) return;
    bad->begun = assembly->begun;
    bad->fault = sw_decode_fault(&assembly->decoder, framing, frame, before);
    for (const struct sw_page *page = assembly->partial.head; page != NULL; page = page->next)
        sw_bad_frame_add(bad, page->bytes, page->used);
    sw_bad_frame_add(bad, bytes, frame->skip);
    if (bad->size > bad->fault.at) bad->size = (uint32_t)bad->fault.at;
    assembly->head = bad;
}

/* --- messages --- */

static void count(struct sw_message_run *whole, size_t size) {
    whole->bytes += size + SW_MESSAGE_OVERHEAD;
    whole->count++;
}

/* Ends the message in `partial` with the frame's bytes. False: no memory. */
static bool finish_partial(struct sw_assembly *assembly, const unsigned char *bytes, const struct sw_frame *frame,
                           const struct sw_page_source *source, struct sw_message_run *whole) {
    assembly->begun += carried(assembly);
    if (!sw_pages_append(&assembly->partial, bytes, frame->part, source)) return false;
    size_t length = sw_assembly_partial_bytes(assembly) - frame->trim;
    if (frame->trim > 0) cut_tail(&assembly->partial, length);
    if (!sw_pages_end_message(&assembly->partial, source, 0)) return false;
    count(whole, length);
    drop_head(assembly);
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

/* Stores what the frame has found at the beginning of these bytes. False: no memory. */
static bool store(struct sw_assembly *assembly, const unsigned char *bytes, const struct sw_frame *frame,
                  const struct sw_page_source *source, struct sw_message_run *whole) {
    const unsigned char *message = bytes + frame->skip;
    if (frame->status == SW_FRAME_PART) {
        if (!keep_skipped(assembly, bytes, frame->skip)) return false;
        return sw_pages_append(&assembly->partial, message, frame->part, source);
    }
    bool has_begun = assembly->partial.head != NULL || assembly->head != NULL;
    assembly->begun += frame->skip + frame->part;
    return has_begun ? finish_partial(assembly, message, frame, source, whole)
                     : finish_whole(message, frame, source, whole);
}

enum sw_err sw_assembly_feed(struct sw_assembly *assembly, const struct sw_framing *framing, const unsigned char *bytes,
                             size_t size, struct sw_pages *empty, struct sw_message_run *whole) {
    while (size > 0) {
        struct sw_frame frame = sw_decode(&assembly->decoder, framing, bytes, size);
        if (frame.status == SW_FRAME_BAD) {
            note_bad(assembly, framing, bytes, &frame);
            return SW_FRAME;
        }
        const struct sw_page_source source = {sw_assembly_expected(size), empty};
        if (!store(assembly, bytes, &frame, &source, whole)) return SW_SYSTEM;
        bytes += frame.skip + frame.part;
        size -= frame.skip + frame.part;
    }
    return SW_OK;
}

struct sw_partial *sw_assembly_copy_partial(const struct sw_assembly *assembly) {
    struct sw_partial *copy = malloc(sizeof *copy + sw_assembly_partial_bytes(assembly));
    if (copy == NULL) return NULL;
    copy->size = 0;
    for (const struct sw_page *page = assembly->partial.head; page != NULL; page = page->next) {
        memcpy(copy->bytes + copy->size, page->bytes, page->used);
        copy->size += page->used;
    }
    return copy;
}
