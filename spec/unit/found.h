/* Framing once more, as a reference for tests of the codec: independent and naive. It sees the whole stream, searches
 * by comparing at every place and computes lengths by multiplication.
 */
#ifndef SW_SPEC_FOUND_H
#define SW_SPEC_FOUND_H

#include <stdlib.h>
#include <string.h>

#include "codec/codec.h"

/* One message at the start of bytes: payload[0 .. size) and the bytes used up by it all; or SW_FRAME_PART when it does
 * not end there, SW_FRAME_BAD when it is certain to be longer than framing.max. */
struct found {
    enum sw_frame_status status;
    const unsigned char *payload;
    size_t size;
    size_t used;
};

static inline struct found found_mark(const struct sw_framing *framing, const unsigned char *bytes, size_t payload,
                                      size_t used) {
    enum sw_frame_status status = payload > framing->max ? SW_FRAME_BAD : SW_FRAME_WHOLE;
    return (struct found){status, bytes, payload, used};
}

static inline struct found found_no_mark(const struct sw_framing *framing, size_t certain) {
    return (struct found){.status = certain > framing->max ? SW_FRAME_BAD : SW_FRAME_PART};
}

static inline struct found found_line(const struct sw_framing *framing, const unsigned char *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != '\n') continue;
        return found_mark(framing, bytes, i > 0 && bytes[i - 1] == '\r' ? i - 1 : i, i + 1);
    }
    return found_no_mark(framing, size > 0 && bytes[size - 1] == '\r' ? size - 1 : size);
}

static inline struct found found_delimiter(const struct sw_framing *framing, const unsigned char *bytes, size_t size) {
    size_t mark = framing->size;
    for (size_t end = mark; end <= size; end++)
        if (memcmp(bytes + end - mark, framing->delimiter, mark) == 0)
            return found_mark(framing, bytes, end - mark, end);
    size_t begun = mark - 1 < size ? mark - 1 : size;
    while (memcmp(bytes + size - begun, framing->delimiter, begun) != 0) begun--;
    return found_no_mark(framing, size - begun);
}

static inline struct found found_counted(const struct sw_framing *framing, const unsigned char *bytes, size_t size,
                                         size_t width, uint64_t length) {
    if (length > framing->max) return (struct found){.status = SW_FRAME_BAD};
    if (size - width < length) return (struct found){.status = SW_FRAME_PART};
    return (struct found){SW_FRAME_WHOLE, bytes + width, (size_t)length, width + (size_t)length};
}

static inline struct found found_prefixed(const struct sw_framing *framing, const unsigned char *b, size_t size,
                                          size_t width) {
    if (size < width) return (struct found){.status = SW_FRAME_PART};
    uint64_t length = b[0];
    if (framing->kind == SW_FRAMING_U16BE) length = b[0] * 256u + b[1];
    if (framing->kind == SW_FRAMING_U16LE) length = b[1] * 256u + b[0];
    if (framing->kind == SW_FRAMING_U32BE) length = ((b[0] * 256u + b[1]) * 256u + b[2]) * 256u + b[3];
    if (framing->kind == SW_FRAMING_U32LE) length = ((b[3] * 256u + b[2]) * 256u + b[1]) * 256u + b[0];
    return found_counted(framing, b, size, width, length);
}

static inline struct found found_first(const struct sw_framing *framing, const unsigned char *bytes, size_t size) {
    switch (framing->kind) {
    case SW_FRAMING_LINE: return found_line(framing, bytes, size);
    case SW_FRAMING_DELIMITER: return found_delimiter(framing, bytes, size);
    case SW_FRAMING_FIXED: return found_counted(framing, bytes, size, 0, framing->size);
    case SW_FRAMING_U8: return found_prefixed(framing, bytes, size, 1);
    case SW_FRAMING_U16BE:
    case SW_FRAMING_U16LE: return found_prefixed(framing, bytes, size, 2);
    case SW_FRAMING_U32BE:
    case SW_FRAMING_U32LE: return found_prefixed(framing, bytes, size, 4);
    case SW_FRAMING_RAW: break; /* its messages are the splits: nothing to find */
    }
    abort();
}

#endif
