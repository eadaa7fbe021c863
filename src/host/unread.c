#include "host/unread.h"

#include <stdlib.h>
#include <string.h>

enum { SMALLEST = 256 }; /* bytes of the smallest block */

bool sw_unread_make(struct client *client) {
    if (client->unread == NULL) client->unread = calloc(1, sizeof *client->unread);
    return client->unread != NULL;
}

static void free_block(struct sw_unread *unread) {
    free(unread->bytes);
    unread->bytes = NULL;
    unread->capacity = unread->start = unread->end = 0;
}

/* Moves the unread bytes to the start of the block, where at least half of it is free then: so each byte is moved less
 * than once on average. */
static bool make_room_at_start(struct sw_unread *unread, size_t size) {
    size_t used = sw_unread_size(unread);
    if (unread->start < used || unread->capacity - used < size) return false;
    memcpy(unread->bytes, unread->bytes + unread->start, used);
    unread->start = 0;
    unread->end = used;
    return true;
}

/* A block of double size, so that a long message is copied only now and then. */
static bool grow(struct sw_unread *unread, size_t size) {
    size_t used = sw_unread_size(unread), capacity = used < SMALLEST ? SMALLEST : used;
    while (capacity - used < size) {
        if (capacity > SIZE_MAX / 2) return false;
        capacity *= 2;
    }
    unsigned char *bytes = malloc(capacity);
    if (bytes == NULL) return false;
    if (used > 0) memcpy(bytes, unread->bytes + unread->start, used);
    free(unread->bytes);
    unread->bytes = bytes;
    unread->capacity = capacity;
    unread->start = 0;
    unread->end = used;
    return true;
}

unsigned char *sw_unread_reserve(struct sw_unread *unread, size_t size) {
    bool has_room = unread->capacity - unread->end >= size || make_room_at_start(unread, size) || grow(unread, size);
    return has_room ? unread->bytes + unread->end : NULL;
}

void sw_unread_pass(struct sw_unread *unread, size_t size) {
    sw_unread_pass_some(unread, size);
    if (unread->start == unread->end) free_block(unread);
}

/* --- the search --- */

/* How many bytes need no search, because the last one has failed there. */
static size_t already_searched(const struct sw_unread *unread, const unsigned char *delimiter, size_t size) {
    bool is_same = unread->delimiter_size == size && memcmp(unread->delimiter, delimiter, size) == 0;
    return is_same && unread->searched >= size ? unread->searched - (size - 1) : 0;
}

bool sw_unread_find(struct sw_unread *unread, const unsigned char *delimiter, size_t size, size_t *at) {
    size_t from = already_searched(unread, delimiter, size), all = sw_unread_size(unread);
    const unsigned char *bytes = unread->bytes + unread->start;
    while (all >= size && from <= all - size) {
        const unsigned char *first = memchr(bytes + from, delimiter[0], all - size - from + 1);
        if (first == NULL) break;
        if (memcmp(first, delimiter, size) == 0) {
            *at = (size_t)(first - bytes);
            return true;
        }
        from = (size_t)(first - bytes) + 1;
    }
    memcpy(unread->delimiter, delimiter, size);
    unread->delimiter_size = (uint8_t)size;
    unread->searched = all;
    return false;
}

/* --- framing --- */

void sw_unread_next_frame(struct sw_framed *framed) {
    framed->scanned = framed->payload = framed->size = 0;
    framed->is_whole = false;
}

bool sw_unread_set_framing(struct sw_unread *unread, const struct sw_framing *framing) {
    struct sw_framed *framed = framing != NULL ? calloc(1, sizeof *framed) : NULL;
    if (framing != NULL && framed == NULL) return false;
    free(unread->framed);
    unread->framed = framed;
    if (framed == NULL) return true;
    framed->framing = *framing;
    sw_decoder_init(&framed->decoder);
    return true;
}

/* Adds a part to the message. Where the framing has put something between two parts, they are moved together. */
static void add_part(struct sw_unread *unread, const struct sw_frame *frame) {
    struct sw_framed *framed = unread->framed;
    size_t from = framed->scanned + frame->skip;
    unsigned char *bytes = unread->bytes + unread->start;
    if (framed->size == 0) framed->payload = from;
    if (framed->payload + framed->size != from)
        memmove(bytes + framed->payload + framed->size, bytes + from, frame->part);
    framed->size += frame->part;
    framed->scanned = from + frame->part;
}

enum sw_frame_status sw_unread_decode(struct sw_unread *unread) {
    struct sw_framed *framed = unread->framed;
    while (!framed->is_whole && framed->scanned < sw_unread_size(unread)) {
        size_t size = sw_unread_size(unread) - framed->scanned;
        const unsigned char *bytes = unread->bytes + unread->start + framed->scanned;
        struct sw_frame frame = sw_decode(&framed->decoder, &framed->framing, bytes, size);
        if (frame.status == SW_FRAME_BAD) {
            framed->fault = sw_decode_fault(&framed->decoder, &framed->framing, &frame, framed->scanned);
            return SW_FRAME_BAD;
        }
        add_part(unread, &frame);
        framed->is_whole = frame.status == SW_FRAME_WHOLE;
        if (framed->is_whole) framed->size -= frame.trim;
    }
    return framed->is_whole ? SW_FRAME_WHOLE : SW_FRAME_PART;
}

void sw_unread_free(struct client *client) {
    struct sw_unread *unread = client->unread;
    if (unread == NULL) return;
    free(unread->bytes);
    free(unread->framed);
    free(unread);
    client->unread = NULL;
}
