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
    bool is_open; /* SW_FRAME_PART, but SW_FRAME_BAD is right, too */
};

static inline struct found found_mark(const struct sw_framing *framing, const unsigned char *bytes, size_t payload,
                                      size_t used) {
    enum sw_frame_status status = payload > framing->max ? SW_FRAME_BAD : SW_FRAME_WHOLE;
    return (struct found){status, bytes, payload, used, false};
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

static inline struct found found_bad(void) { return (struct found){.status = SW_FRAME_BAD}; }
static inline struct found found_part(void) { return (struct found){.status = SW_FRAME_PART}; }

/* `length` bytes behind `front` bytes, and `behind` bytes of an end. */
static inline struct found found_counted(const struct sw_framing *framing, const unsigned char *bytes, size_t size,
                                         size_t front, uint64_t length, size_t behind) {
    if (length > framing->max) return found_bad();
    if (size - front < length + behind) return found_part();
    return (struct found){SW_FRAME_WHOLE, bytes + front, (size_t)length, front + (size_t)length + behind, false};
}

/* --- a binary length --- */

static inline unsigned found_width(enum sw_length length) {
    switch (length) {
    case SW_LENGTH_U8: return 1;
    case SW_LENGTH_U16BE:
    case SW_LENGTH_U16LE: return 2;
    case SW_LENGTH_U24BE:
    case SW_LENGTH_U24LE: return 3;
    case SW_LENGTH_U32BE:
    case SW_LENGTH_U32LE: return 4;
    case SW_LENGTH_U64BE:
    case SW_LENGTH_U64LE: return 8;
    case SW_LENGTH_VARINT: return 0;
    }
    abort();
}

static inline bool found_is_big(enum sw_length length) {
    return length == SW_LENGTH_U16BE || length == SW_LENGTH_U24BE || length == SW_LENGTH_U32BE ||
           length == SW_LENGTH_U64BE;
}

/* Bytes of the varint at the beginning; 0: it does not end; 11: it is too long. */
static inline size_t found_varint(const unsigned char *b, size_t size, uint64_t *value) {
    size_t width = 0;
    while (width < size && width < 10 && b[width] >= 0x80) width++;
    if (width == 10 || (width == 9 && size > 9 && b[9] > 1)) return 11;
    if (width == size) return 0;
    *value = 0;
    for (size_t i = width + 1; i > 0; i--) *value = *value * 128 + b[i - 1] % 128;
    return width + 1;
}

static inline struct found found_behind_length(const struct sw_framing *framing, const unsigned char *b, size_t size) {
    uint64_t value = 0;
    if (size < framing->offset) return found_part();
    const unsigned char *field = b + framing->offset;
    size_t width = found_width(framing->length), left = size - framing->offset;
    bool is_varint = width == 0;
    if (is_varint) width = found_varint(field, left, &value);
    if (width == 11) return found_bad();
    if (width == 0 || left < width) return found_part();
    for (size_t i = 0; i < width && !is_varint; i++)
        value = value * 256 + field[found_is_big(framing->length) ? i : width - 1 - i];
    size_t front = framing->offset + width, kept = framing->keeps ? front : 0;
    if (value > INT64_MAX / 4) return found_bad();
    int64_t rest = (int64_t)value + framing->adjustment;
    if (rest < 0) return found_bad();
    return found_counted(framing, b, size, front - kept, (uint64_t)rest + kept, 0);
}

/* --- decimal lengths --- */

/* What stands in front of the message counts, too. */
static inline struct found found_in_text(const struct sw_framing *framing, const unsigned char *b, size_t size,
                                         size_t front, uint64_t length, size_t behind) {
    if (front + length > framing->max) return found_bad();
    return found_counted(framing, b, size, front, length, behind);
}

static inline struct found found_netstring(const struct sw_framing *framing, const unsigned char *b, size_t size) {
    size_t digits = 0;
    uint64_t length = 0;
    while (digits < size && b[digits] >= '0' && b[digits] <= '9') digits++;
    if (digits > 18 || digits > framing->max || (digits > 1 && b[0] == '0')) return found_bad();
    if (digits == size) return found_part();
    if (digits == 0 || b[digits] != ':') return found_bad();
    for (size_t i = 0; i < digits; i++) length = 10 * length + b[i] - '0';
    struct found found = found_in_text(framing, b, size, digits + 1, length, 1);
    bool is_wrong = found.status == SW_FRAME_WHOLE && b[found.used - 1] != ',';
    return is_wrong ? found_bad() : found;
}

/* Can these bytes, the beginning of a line without its "\r\n", belong to a header? *colon: where its name ends, `size` if
 * it does not. */
static inline bool found_is_header(const unsigned char *line, size_t size, size_t *colon) {
    for (*colon = 0; *colon < size && line[*colon] != ':'; ++*colon)
        if (line[*colon] <= ' ' || line[*colon] >= 0x7f) return false;
    return *colon > 0 || size == 0;
}

/* A line of Content-Length behind its colon: spaces, digits, spaces. -1: not so. */
static inline int64_t found_content_length(const unsigned char *text, size_t size, bool is_whole) {
    size_t at = 0, from;
    int64_t length = 0;
    while (at < size && (text[at] == ' ' || text[at] == '\t')) at++;
    for (from = at; at < size && text[at] >= '0' && text[at] <= '9'; at++) {
        if (length >= INT64_C(100000000000000000)) return -1;
        length = 10 * length + text[at] - '0';
    }
    if (at == from && (is_whole || at < size)) return -1;
    while (at < size && (text[at] == ' ' || text[at] == '\t')) at++;
    return at < size ? -1 : length;
}

/* A line: *stop is where its text ends. SW_FRAME_WHOLE: "\r\n" follows. */
static inline enum sw_frame_status found_text(const unsigned char *line, size_t left, size_t *stop) {
    for (*stop = 0; *stop < left && line[*stop] != '\r' && line[*stop] != '\n';) ++*stop;
    if (*stop < left && line[*stop] == '\n') return SW_FRAME_BAD;
    if (left - *stop < 2) return SW_FRAME_PART;
    return line[*stop + 1] == '\n' ? SW_FRAME_WHOLE : SW_FRAME_BAD;
}

static inline bool found_is_length(const unsigned char *name, size_t size) {
    static const char small[] = "content-length", large[] = "CONTENT-LENGTH";
    for (size_t i = 0; i < size && i < sizeof small; i++)
        if (name[i] != (unsigned char)small[i] && name[i] != (unsigned char)large[i]) return false;
    return size == sizeof small - 1;
}

/* The text of a header, of which `left` bytes came with what follows. False: it is none. */
static inline bool found_header(const unsigned char *line, size_t size, size_t left, int64_t *length) {
    size_t colon;
    if (!found_is_header(line, size, &colon) || (colon == size && size < left)) return false;
    if (colon == size || !found_is_length(line, colon)) return true;
    int64_t said = found_content_length(line + colon + 1, size - colon - 1, size < left);
    if (said < 0 || *length >= 0) return false;
    *length = said;
    return true;
}

/* Without regard to max while the headers go on: *end is where they end; SW_FRAME_WHOLE: they do. */
static inline enum sw_frame_status found_header_block(const unsigned char *b, size_t size, size_t *end,
                                                      int64_t *length) {
    *length = -1;
    for (size_t at = 0, stop;; at += stop + 2) {
        enum sw_frame_status status = found_text(b + at, size - at, &stop);
        if (status == SW_FRAME_BAD) return SW_FRAME_BAD;
        *end = at + 2;
        if (stop == 0 && at < size) return *length < 0 ? SW_FRAME_BAD : status;
        if (!found_header(b + at, stop, size - at, length)) return SW_FRAME_BAD;
        if (status == SW_FRAME_PART) return SW_FRAME_PART;
    }
}

static inline struct found found_headers(const struct sw_framing *framing, const unsigned char *b, size_t size) {
    size_t end = 0;
    int64_t length;
    enum sw_frame_status status = found_header_block(b, size, &end, &length);
    if (status == SW_FRAME_BAD) return found_bad();
    if (status == SW_FRAME_PART) return size > framing->max ? found_bad() : found_part();
    return found_in_text(framing, b, size, end, (uint64_t)length, 0);
}

/* --- RESP, by recursion --- */

enum { FOUND_PART = 0, FOUND_BAD = -1 };

/* The line at `at`, with its end: the place behind it, or one of the above. */
static inline int64_t found_resp_line(const unsigned char *b, int64_t at, int64_t size) {
    while (at < size && b[at] != '\r' && b[at] != '\n') at++;
    if (at < size && b[at] == '\n') return FOUND_BAD;
    if (at + 1 < size && b[at + 1] != '\n') return FOUND_BAD;
    return at + 1 < size ? at + 2 : FOUND_PART;
}

/* The same for a line of a number, -1 included. */
static inline int64_t found_resp_number(const unsigned char *b, int64_t at, int64_t size, bool may_be_null,
                                        int64_t *number) {
    *number = 0;
    if (at < size && b[at] == '-' && may_be_null) {
        static const unsigned char end[] = "-1\r\n";
        for (int64_t i = 0; i < 4; i++, at++) {
            if (at == size) return FOUND_PART;
            if (b[at] != end[i]) return FOUND_BAD;
        }
        *number = -1;
        return at;
    }
    int64_t from = at;
    for (; at < size && b[at] >= '0' && b[at] <= '9'; at++) {
        if (*number >= INT64_C(100000000000000000)) return FOUND_BAD;
        *number = 10 * *number + b[at] - '0';
    }
    if (at < size && (at == from || b[at] != '\r')) return FOUND_BAD;
    return found_resp_line(b, at, size);
}

static inline int64_t found_resp_value(const unsigned char *b, int64_t at, int64_t size);

static inline int64_t found_resp_values(const unsigned char *b, int64_t at, int64_t size, int64_t count) {
    for (; count > 0; count--)
        if ((at = found_resp_value(b, at, size)) <= 0) return at;
    return at;
}

static inline int64_t found_resp_value(const unsigned char *b, int64_t at, int64_t size) {
    int64_t number;
    if (at == size) return FOUND_PART;
    unsigned char type = b[at++];
    if (type == 0 || strchr("+-:,#_($!=*~>%|", type) == NULL) return FOUND_BAD;
    if (strchr("+-:,#_(", type) != NULL) return found_resp_line(b, at, size);
    at = found_resp_number(b, at, size, type == '$' || type == '*', &number);
    if (at <= 0 || number < 0) return at;
    if (type == '*' || type == '~' || type == '>') return found_resp_values(b, at, size, number);
    if (type == '%') return found_resp_values(b, at, size, 2 * number);
    if (type == '|') return found_resp_values(b, at, size, 2 * number + 1);
    if (size - at < number) return FOUND_PART;
    at += number;
    for (int i = 0; i < 2; i++, at++) {
        if (at == size) return FOUND_PART;
        if (b[at] != (i == 0 ? 0x0d : 0x0a)) return FOUND_BAD; /* "\r\n" */
    }
    return at;
}

/* One that does not end may be certain to be longer than max: `is_open`. */
static inline struct found found_resp(const struct sw_framing *framing, const unsigned char *b, size_t size) {
    int64_t end = found_resp_value(b, 0, (int64_t)size);
    if (end == FOUND_PART) return (struct found){.status = SW_FRAME_PART, .is_open = true};
    if (end == FOUND_BAD || (uint64_t)end > framing->max) return found_bad();
    return (struct found){SW_FRAME_WHOLE, b, (size_t)end, (size_t)end, false};
}

static inline struct found found_first(const struct sw_framing *framing, const unsigned char *bytes, size_t size) {
    switch (framing->kind) {
    case SW_FRAMING_LINE: return found_line(framing, bytes, size);
    case SW_FRAMING_DELIMITER: return found_delimiter(framing, bytes, size);
    case SW_FRAMING_FIXED: return found_counted(framing, bytes, size, 0, framing->size, 0);
    case SW_FRAMING_COUNTED: return found_behind_length(framing, bytes, size);
    case SW_FRAMING_NETSTRING: return found_netstring(framing, bytes, size);
    case SW_FRAMING_HEADERS: return found_headers(framing, bytes, size);
    case SW_FRAMING_RESP: return found_resp(framing, bytes, size);
    case SW_FRAMING_RAW: break; /* its messages are the splits: nothing to find */
    }
    abort();
}

#endif
