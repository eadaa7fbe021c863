#include "codec/codec.h"

#include <assert.h>
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

void sw_framing_init(struct sw_framing *framing) {
    memset(framing->failure, 0, sizeof framing->failure);
    assert(framing->kind != SW_FRAMING_FIXED || framing->size > 0);
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

/* --- length prefixes --- */

/* By how many bits the prefix byte at `index` is shifted left in the length. */
static unsigned shift(enum sw_framing_kind kind, unsigned index) {
    bool little = kind == SW_FRAMING_U16LE || kind == SW_FRAMING_U32LE;
    return 8 * (little ? index : sw_framing_prefix(kind) - 1 - index);
}

/* --- sending --- */

/* In 64 bits: several pieces may be the same large string, so their sum may exceed a size_t of 32 bits. */
static uint64_t total_size(const struct sw_slice *pieces, size_t count) {
    uint64_t total = 0;
    for (size_t i = 0; i < count; i++) total += pieces[i].size;
    return total;
}

/* A line must not contain "\n", and must not end in "\r": the receiver would take "\r\n" for the line's end. */
static bool fits_line(const struct sw_slice *pieces, size_t count) {
    unsigned char last = 0;
    for (size_t i = 0; i < count; i++) {
        const unsigned char *bytes = pieces[i].data;
        size_t size = pieces[i].size;
        if (size == 0) continue;
        if (memchr(bytes, '\n', size) != NULL) return false;
        last = bytes[size - 1];
    }
    return last != '\r';
}

/* In the message followed by the delimiter, the delimiter must not occur earlier than at the end. */
static bool fits_delimiter(const struct sw_framing *framing, const struct sw_slice *pieces, size_t count) {
    unsigned matched = 0;
    for (size_t i = 0; i < count; i++) {
        scan(framing, &matched, pieces[i].data, pieces[i].size);
        if (matched == framing->size) return false;
    }
    return scan(framing, &matched, framing->delimiter, framing->size) == framing->size;
}

static enum sw_err set_suffix(struct sw_envelope *envelope, const unsigned char *suffix, size_t size) {
    memcpy(envelope->suffix, suffix, size);
    envelope->suffix_size = size;
    return SW_OK;
}

static enum sw_err set_length_prefix(struct sw_envelope *envelope, enum sw_framing_kind kind, uint64_t length) {
    unsigned width = sw_framing_prefix(kind);
    if (length >> (8 * width) != 0) return SW_TOOBIG;
    for (unsigned i = 0; i < width; i++) envelope->prefix[i] = (unsigned char)(length >> shift(kind, i));
    envelope->prefix_size = width;
    return SW_OK;
}

enum sw_err sw_encode(const struct sw_framing *framing, const struct sw_slice *pieces, size_t count,
                      struct sw_envelope *envelope) {
    envelope->prefix_size = 0;
    envelope->suffix_size = 0;
    switch (framing->kind) {
    case SW_FRAMING_LINE:
        if (!fits_line(pieces, count)) return SW_FRAME;
        return set_suffix(envelope, (const unsigned char *)"\n", 1);
    case SW_FRAMING_DELIMITER:
        if (!fits_delimiter(framing, pieces, count)) return SW_FRAME;
        return set_suffix(envelope, framing->delimiter, framing->size);
    case SW_FRAMING_RAW: return total_size(pieces, count) > 0 ? SW_OK : SW_FRAME;
    case SW_FRAMING_FIXED: return total_size(pieces, count) == framing->size ? SW_OK : SW_FRAME;
    case SW_FRAMING_U8:
    case SW_FRAMING_U16BE:
    case SW_FRAMING_U16LE:
    case SW_FRAMING_U32BE:
    case SW_FRAMING_U32LE: return set_length_prefix(envelope, framing->kind, total_size(pieces, count));
    }
    assert(!"an enum sw_framing_kind that cannot be encoded");
    return SW_FRAME;
}

void sw_framing_margins(const struct sw_framing *framing, size_t *before, size_t *after) {
    *before = sw_framing_prefix(framing->kind);
    *after = framing->kind == SW_FRAMING_LINE ? 1 : framing->kind == SW_FRAMING_DELIMITER ? framing->size : 0;
}

/* --- receiving --- */

void sw_decoder_init(struct sw_decoder *decoder) { *decoder = (struct sw_decoder){.length = 0}; }

static size_t minimum(size_t a, uint64_t b) { return a < b ? a : (size_t)b; }

static struct sw_frame bad(void) { return (struct sw_frame){.status = SW_FRAME_BAD}; }

static struct sw_frame part(size_t skip, size_t size) {
    return (struct sw_frame){.status = SW_FRAME_PART, .skip = skip, .part = size};
}

static struct sw_frame whole(struct sw_decoder *decoder, size_t skip, size_t size, size_t trim) {
    sw_decoder_init(decoder);
    return (struct sw_frame){.status = SW_FRAME_WHOLE, .skip = skip, .part = size, .trim = trim};
}

/* Makes the frame for `used` further bytes of a message that a line end or delimiter ends. The bytes seen so far end
 * with `matched` bytes of that mark, with the whole mark if `ended`. These bytes may not be payload, but the other
 * length - matched bytes are, and their number never decreases. So a message is refused at the first byte that makes
 * it too long, however reads split the input. */
static struct sw_frame make_frame(struct sw_decoder *decoder, const struct sw_framing *framing, size_t used,
                                  unsigned matched, bool ended) {
    decoder->length += used;
    decoder->match = (uint8_t)matched;
    if (decoder->length - matched > framing->max) return bad();
    return ended ? whole(decoder, 0, used, matched) : part(0, used);
}

static struct sw_frame decode_line(struct sw_decoder *decoder, const struct sw_framing *framing,
                                   const unsigned char *bytes, size_t size) {
    const unsigned char *newline = memchr(bytes, '\n', size);
    size_t text = newline != NULL ? (size_t)(newline - bytes) : size;
    bool has_return = text > 0 ? bytes[text - 1] == '\r' : decoder->match == 1;
    bool ended = newline != NULL;
    return make_frame(decoder, framing, text + ended, (unsigned)has_return + ended, ended);
}

static struct sw_frame decode_delimiter(struct sw_decoder *decoder, const struct sw_framing *framing,
                                        const unsigned char *bytes, size_t size) {
    unsigned matched = decoder->match;
    size_t used = scan(framing, &matched, bytes, size);
    return make_frame(decoder, framing, used, matched, matched == framing->size);
}

/* Continues a message of known length with the bytes after the first `skip`. */
static struct sw_frame decode_counted(struct sw_decoder *decoder, const struct sw_framing *framing, size_t skip,
                                      size_t size) {
    if (decoder->expect > framing->max) return bad();
    size_t used = minimum(size - skip, decoder->expect - decoder->length);
    decoder->length += used;
    return decoder->length == decoder->expect ? whole(decoder, skip, used, 0) : part(skip, used);
}

static struct sw_frame decode_fixed(struct sw_decoder *decoder, const struct sw_framing *framing, size_t size) {
    decoder->expect = framing->size;
    return decode_counted(decoder, framing, 0, size);
}

static struct sw_frame decode_prefixed(struct sw_decoder *decoder, const struct sw_framing *framing,
                                       const unsigned char *bytes, size_t size) {
    unsigned width = sw_framing_prefix(framing->kind);
    size_t skip = 0;
    while (decoder->header < width && skip < size)
        decoder->expect |= (uint32_t)bytes[skip++] << shift(framing->kind, decoder->header++);
    if (decoder->header < width) return part(skip, 0);
    return decode_counted(decoder, framing, skip, size);
}

static struct sw_frame decode_raw(struct sw_decoder *decoder, const struct sw_framing *framing, size_t size) {
    assert(framing->max > 0);
    return whole(decoder, 0, minimum(size, framing->max), 0);
}

struct sw_frame sw_decode(struct sw_decoder *decoder, const struct sw_framing *framing, const unsigned char *bytes,
                          size_t size) {
    assert(size > 0);
    switch (framing->kind) {
    case SW_FRAMING_LINE: return decode_line(decoder, framing, bytes, size);
    case SW_FRAMING_RAW: return decode_raw(decoder, framing, size);
    case SW_FRAMING_DELIMITER: return decode_delimiter(decoder, framing, bytes, size);
    case SW_FRAMING_FIXED: return decode_fixed(decoder, framing, size);
    case SW_FRAMING_U8:
    case SW_FRAMING_U16BE:
    case SW_FRAMING_U16LE:
    case SW_FRAMING_U32BE:
    case SW_FRAMING_U32LE: return decode_prefixed(decoder, framing, bytes, size);
    }
    assert(!"an enum sw_framing_kind that cannot be decoded");
    return bad();
}
