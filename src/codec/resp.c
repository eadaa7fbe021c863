#include "codec/resp.h"

#include <string.h>

/* States of the decoder. `length` is the number of bytes of the message so far, `count` that of the values that are
 * still missing, with the one that is being read. `match` is the type of that one, `value` its number. */
enum {
    AT_TYPE,     /* a value begins */
    IN_LINE,     /* in a value that is a line */
    LINE_FEED,   /* "\n" ends it */
    AT_NUMBER,   /* a length, a number of elements, or -1 comes next */
    AT_ONE,      /* behind "-": only "1" is valid */
    IN_NUMBER,   /* in digits */
    NULL_END,    /* behind "-1" */
    NUMBER_FEED, /* "\n" ends a number */
    NULL_FEED,   /* "\n" ends -1 */
    IN_BYTES,    /* `value` bytes are left */
    BYTES_END,   /* "\r\n" follows them */
    BYTES_FEED,  /* its "\n" */
};

enum { VALUE_MIN = 3 }; /* bytes of the shortest value: "_\r\n" */

static const char lines[] = "+-:,#_(", strings[] = "$!=", lists[] = "*~>", maps[] = "%|";

static bool is_one_of(const char *types, unsigned char type) { return type != '\0' && strchr(types, type) != NULL; }

static enum sw_fault_kind begin_value(struct sw_decoder *decoder, unsigned char type) {
    if (decoder->length == 1) decoder->count = 1; /* the first byte, which is counted already */
    if (type == ';' || type == '.') return SW_FAULT_STREAMED;
    decoder->match = type;
    decoder->value = 0;
    decoder->state = is_one_of(lines, type) ? IN_LINE : AT_NUMBER;
    bool is_known =
        decoder->state == IN_LINE || is_one_of(strings, type) || is_one_of(lists, type) || is_one_of(maps, type);
    return is_known ? SW_FAULT_NONE : SW_FAULT_TYPE;
}

/* One value less is missing. */
static enum sw_fault_kind end_value(struct sw_decoder *decoder) {
    decoder->count--;
    decoder->state = AT_TYPE;
    return SW_FAULT_NONE;
}

/* The number's line has ended. Compares what follows, at the least, with max. */
static enum sw_fault_kind end_number(struct sw_decoder *decoder, uint64_t max) {
    uint64_t number = decoder->value, missing = decoder->count, rest = 0;
    if (is_one_of(strings, decoder->match)) {
        rest = number + 2 + (missing - 1) * VALUE_MIN;
    } else {
        bool is_map = is_one_of(maps, decoder->match);
        missing = missing - (decoder->match != '|') + number * (is_map ? 2 : 1);
        rest = missing * VALUE_MIN;
    }
    if (decoder->length + rest > max || missing > UINT32_MAX) {
        decoder->value = decoder->length + rest;
        return SW_FAULT_CLAIM;
    }
    decoder->count = (uint32_t)missing;
    decoder->state = is_one_of(strings, decoder->match) ? IN_BYTES : AT_TYPE;
    return SW_FAULT_NONE;
}

static enum sw_fault_kind begin_number(struct sw_decoder *decoder, unsigned char byte) {
    bool may_be_null = decoder->match == '$' || decoder->match == '*';
    if (byte == '?') return SW_FAULT_STREAMED;
    if (byte == '-' && may_be_null) {
        decoder->state = AT_ONE;
        return SW_FAULT_NONE;
    }
    if (!sw_is_digit(byte)) return SW_FAULT_LENGTH;
    decoder->state = IN_NUMBER;
    return sw_read_digit(decoder, byte) ? SW_FAULT_NONE : SW_FAULT_FEWER_DIGITS;
}

static enum sw_fault_kind take_digit(struct sw_decoder *decoder, unsigned char byte) {
    if (sw_is_digit(byte)) return sw_read_digit(decoder, byte) ? SW_FAULT_NONE : SW_FAULT_FEWER_DIGITS;
    decoder->state = NUMBER_FEED;
    return byte == '\r' ? SW_FAULT_NONE : SW_FAULT_LINE_END;
}

/* Only `wanted` may come, and `state` is next. */
static enum sw_fault_kind take_only(struct sw_decoder *decoder, unsigned char byte, unsigned char wanted,
                                    unsigned state, enum sw_fault_kind fault) {
    decoder->state = (uint8_t)state;
    return byte == wanted ? SW_FAULT_NONE : fault;
}

/* Takes one byte, which is not one of a string's; returns a fault. */
static enum sw_fault_kind take_byte(struct sw_decoder *decoder, uint64_t max, unsigned char byte) {
    if (++decoder->length > max) return SW_FAULT_TOO_LONG;
    switch (decoder->state) {
    case AT_TYPE: return begin_value(decoder, byte);
    case IN_LINE:
        if (byte == '\n') return SW_FAULT_LINE_END;
        if (byte == '\r') decoder->state = LINE_FEED;
        return SW_FAULT_NONE;
    case AT_NUMBER: return begin_number(decoder, byte);
    case AT_ONE: return take_only(decoder, byte, '1', NULL_END, SW_FAULT_LENGTH);
    case IN_NUMBER: return take_digit(decoder, byte);
    case NULL_END: return take_only(decoder, byte, '\r', NULL_FEED, SW_FAULT_LINE_END);
    case NUMBER_FEED: return byte == '\n' ? end_number(decoder, max) : SW_FAULT_LINE_END;
    case BYTES_END: return take_only(decoder, byte, '\r', BYTES_FEED, SW_FAULT_VALUE_END);
    case BYTES_FEED: return byte == '\n' ? end_value(decoder) : SW_FAULT_VALUE_END;
    default: return byte == '\n' ? end_value(decoder) : SW_FAULT_LINE_END;
    }
}

/* Passes over bytes of a string, or of a line up to its "\r", but not over the byte that makes the message too long. */
static size_t pass_over(struct sw_decoder *decoder, uint64_t max, const unsigned char *bytes, size_t size) {
    size_t used = 0;
    if (decoder->state == IN_BYTES) {
        used = sw_least(size, decoder->value);
        decoder->value -= used;
        if (decoder->value == 0) decoder->state = BYTES_END;
    } else if (decoder->state == IN_LINE) {
        size_t most = sw_least(size, max - decoder->length);
        while (used < most && bytes[used] != '\r' && bytes[used] != '\n') used++;
    }
    decoder->length += used;
    return used;
}

struct sw_frame sw_resp_decode(struct sw_decoder *decoder, uint64_t max, const unsigned char *bytes, size_t size) {
    for (size_t used = 0;;) {
        used += pass_over(decoder, max, bytes + used, size - used);
        if (used == size) return sw_frame_part(0, used);
        enum sw_fault_kind fault = take_byte(decoder, max, bytes[used++]);
        if (fault != SW_FAULT_NONE) return sw_frame_bad(decoder, fault, used);
        if (decoder->count == 0) return sw_frame_whole(decoder, 0, used, 0);
    }
}
