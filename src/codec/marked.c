#include "codec/marked.h"

#include <string.h>

/* --- the search for a delimiter: Knuth, Morris, Pratt (base/framing.h) --- */

/* One step of the search: `matched` bytes of the delimiter (not all) were matched before `byte`; returns how many are
 * matched with it. */
static unsigned advance(const struct sw_framing *framing, unsigned matched, unsigned char byte) {
    while (matched > 0 && framing->delimiter[matched] != byte) matched = framing->failure[matched - 1];
    return matched + (framing->delimiter[matched] == byte);
}

/* Searches for the first delimiter, and returns how many bytes it has used: all, or those up to the delimiter's end.
 * *matched is the state of the search from one call to the next; it is framing->size once the delimiter is found.
 * While nothing is matched, memchr finds the delimiter's first byte, which is fast, and finds all of a one-byte
 * delimiter. */
static size_t scan(const struct sw_framing *framing, unsigned *matched, const unsigned char *bytes, size_t size) {
    size_t used = 0;
    while (used < size && *matched < framing->size) {
        if (*matched == 0) {
            const unsigned char *first = memchr(bytes + used, framing->delimiter[0], size - used);
            if (first == NULL) return size;
            used = (size_t)(first - bytes);
        }
        *matched = advance(framing, *matched, bytes[used++]);
    }
    return used;
}

void sw_marked_init(struct sw_framing *framing) {
    memset(framing->failure, 0, sizeof framing->failure);
    if (framing->kind != SW_FRAMING_DELIMITER) return;
    assert(framing->size >= 1 && framing->size <= SW_DELIMITER_MAX);
    /* Searches for the delimiter in itself, from its second byte on. Each step needs only table entries that are
     * filled already, because matched < k. */
    unsigned matched = 0;
    for (unsigned k = 1; k < framing->size; k++) {
        matched = advance(framing, matched, framing->delimiter[k]);
        framing->failure[k] = (unsigned char)matched;
    }
}

/* --- receiving --- */

/* Makes the frame for `used` further bytes of a message that a mark ends. The bytes seen so far end with `matched`
 * bytes of that mark, with the whole mark if `ended`. These bytes may not be payload, but the other length - matched
 * bytes are, and their number never decreases. So a message is refused at the first byte that makes it too long,
 * however reads split the input. */
static struct sw_frame make_frame(struct sw_decoder *decoder, uint64_t max, size_t used, unsigned matched, bool ended) {
    decoder->length += used;
    decoder->match = (uint8_t)matched;
    if (decoder->length - matched > max) return sw_frame_bad(decoder, SW_FAULT_TOO_LONG, used);
    return ended ? sw_frame_whole(decoder, 0, used, matched) : sw_frame_part(0, used);
}

struct sw_frame sw_line_decode(struct sw_decoder *decoder, uint64_t max, const unsigned char *bytes, size_t size) {
    const unsigned char *newline = memchr(bytes, '\n', size);
    size_t text = newline != NULL ? (size_t)(newline - bytes) : size;
    bool has_return = text > 0 ? bytes[text - 1] == '\r' : decoder->match == 1;
    bool ended = newline != NULL;
    return make_frame(decoder, max, text + ended, (unsigned)has_return + ended, ended);
}

struct sw_frame sw_delimiter_decode(struct sw_decoder *decoder, const struct sw_framing *framing, uint64_t max,
                                    const unsigned char *bytes, size_t size) {
    unsigned matched = decoder->match;
    size_t used = scan(framing, &matched, bytes, size);
    return make_frame(decoder, max, used, matched, matched == framing->size);
}

/* --- sending --- */

static enum sw_err set_suffix(struct sw_envelope *envelope, const unsigned char *suffix, size_t size) {
    memcpy(envelope->suffix, suffix, size);
    envelope->suffix_size = size;
    return SW_OK;
}

/* A line must not contain "\n", and must not end in "\r": the receiver would take "\r\n" for the line's end. */
enum sw_err sw_line_encode(const struct sw_slice *pieces, size_t count, struct sw_envelope *envelope) {
    unsigned char last = 0;
    for (size_t i = 0; i < count; i++) {
        const unsigned char *bytes = pieces[i].data;
        size_t size = pieces[i].size;
        if (size == 0) continue;
        if (memchr(bytes, '\n', size) != NULL) return SW_FRAME;
        last = bytes[size - 1];
    }
    return last != '\r' ? set_suffix(envelope, (const unsigned char *)"\n", 1) : SW_FRAME;
}

/* In the message followed by the delimiter, the delimiter must not occur earlier than at the end. */
enum sw_err sw_delimiter_encode(const struct sw_framing *framing, const struct sw_slice *pieces, size_t count,
                                struct sw_envelope *envelope) {
    unsigned matched = 0;
    for (size_t i = 0; i < count; i++) {
        scan(framing, &matched, pieces[i].data, pieces[i].size);
        if (matched == framing->size) return SW_FRAME;
    }
    if (scan(framing, &matched, framing->delimiter, framing->size) < framing->size) return SW_FRAME;
    return set_suffix(envelope, framing->delimiter, framing->size);
}
