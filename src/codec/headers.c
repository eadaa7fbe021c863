#include "codec/headers.h"

#include <string.h>

/* States of the decoder. `count` is the number of bytes of the headers so far. `value` is the Content-Length, once it
 * was read. */
enum {
    LINE_START,        /* a header or the empty line comes next */
    IN_NAME,           /* `match` bytes of it are those of Content-Length; DIFFERS: it is another header */
    IN_VALUE,          /* of another header */
    BEFORE_SIZE,       /* in the spaces before the digits of Content-Length */
    IN_SIZE,           /* in the digits */
    AFTER_SIZE,        /* in the spaces behind them */
    AFTER_CR,          /* "\n" ends the line */
    AFTER_LAST,        /* "\n" ends the empty line */
    IN_MESSAGE,        /* `value` is the number of bytes that are left */
    HAS_LENGTH = 0x80, /* added to each state before the message: there was a Content-Length */
};

enum { DIFFERS = 0xff };

static const char wanted[] = "content-length";
enum { WANTED = sizeof wanted - 1 };

static bool is_name_byte(unsigned char byte) { return byte > ' ' && byte < 0x7f && byte != ':'; }

static unsigned char lower(unsigned char byte) { return byte >= 'A' && byte <= 'Z' ? byte + ('a' - 'A') : byte; }

static void match_name(struct sw_decoder *decoder, unsigned char byte) {
    bool goes_on = decoder->match < WANTED && lower(byte) == (unsigned char)wanted[decoder->match];
    decoder->match = goes_on ? decoder->match + 1 : DIFFERS;
}

static bool has_length(const struct sw_decoder *decoder) { return (decoder->state & HAS_LENGTH) != 0; }

static void enter(struct sw_decoder *decoder, unsigned state) {
    decoder->state = (uint8_t)(state | (decoder->state & HAS_LENGTH));
}

/* A header begins, or the empty line. */
static enum sw_fault_kind begin_line(struct sw_decoder *decoder, unsigned char byte) {
    if (byte == '\r') {
        enter(decoder, AFTER_LAST);
        return has_length(decoder) ? SW_FAULT_NONE : SW_FAULT_NO_LENGTH;
    }
    if (!is_name_byte(byte)) return SW_FAULT_NAME;
    decoder->match = 0;
    match_name(decoder, byte);
    enter(decoder, IN_NAME);
    return SW_FAULT_NONE;
}

static enum sw_fault_kind take_name_byte(struct sw_decoder *decoder, unsigned char byte) {
    if (is_name_byte(byte)) {
        match_name(decoder, byte);
        return SW_FAULT_NONE;
    }
    if (byte != ':') return SW_FAULT_NAME_COLON;
    bool is_length = decoder->match == WANTED;
    if (is_length && has_length(decoder)) return SW_FAULT_SECOND_LENGTH;
    enter(decoder, is_length ? BEFORE_SIZE : IN_VALUE);
    return SW_FAULT_NONE;
}

static bool is_space(unsigned char byte) { return byte == ' ' || byte == '\t'; }

/* A byte of the line of Content-Length, behind the colon. */
static enum sw_fault_kind take_size_byte(struct sw_decoder *decoder, unsigned char byte) {
    unsigned state = decoder->state;
    if (sw_is_digit(byte) && state != AFTER_SIZE) {
        decoder->state = IN_SIZE;
        return sw_read_digit(decoder, byte) ? SW_FAULT_NONE : SW_FAULT_FEWER_DIGITS;
    }
    if (state == BEFORE_SIZE) return is_space(byte) ? SW_FAULT_NONE : SW_FAULT_DIGIT;
    if (byte == '\r')
        decoder->state = AFTER_CR | HAS_LENGTH;
    else if (is_space(byte))
        decoder->state = AFTER_SIZE;
    else
        return SW_FAULT_LINE_END;
    return SW_FAULT_NONE;
}

/* The empty line has ended. */
static enum sw_fault_kind begin_message(struct sw_decoder *decoder, uint64_t max) {
    decoder->state = IN_MESSAGE;
    decoder->value += decoder->count;
    if (decoder->value > max) return SW_FAULT_CLAIM;
    decoder->value -= decoder->count;
    return SW_FAULT_NONE;
}

/* Takes one byte of the headers; returns a fault. */
static enum sw_fault_kind take_byte(struct sw_decoder *decoder, uint64_t max, unsigned char byte) {
    if (++decoder->count > max) return SW_FAULT_TOO_LONG;
    switch (decoder->state & ~HAS_LENGTH) {
    case LINE_START: return begin_line(decoder, byte);
    case IN_NAME: return take_name_byte(decoder, byte);
    case IN_VALUE:
        if (byte == '\n') return SW_FAULT_LINE_END;
        if (byte == '\r') enter(decoder, AFTER_CR);
        return SW_FAULT_NONE;
    case BEFORE_SIZE:
    case IN_SIZE:
    case AFTER_SIZE: return take_size_byte(decoder, byte);
    case AFTER_CR: enter(decoder, LINE_START); return byte == '\n' ? SW_FAULT_NONE : SW_FAULT_LINE_END;
    default: return byte == '\n' ? begin_message(decoder, max) : SW_FAULT_LINE_END;
    }
}

struct sw_frame sw_headers_decode(struct sw_decoder *decoder, uint64_t max, const unsigned char *bytes, size_t size) {
    size_t skip = 0;
    while (decoder->state != IN_MESSAGE) {
        if (skip == size) return sw_frame_part(skip, 0);
        enum sw_fault_kind fault = take_byte(decoder, max, bytes[skip++]);
        if (fault != SW_FAULT_NONE) return sw_frame_bad(decoder, fault, skip);
    }
    size_t used = sw_least(size - skip, decoder->value);
    decoder->value -= used;
    return decoder->value == 0 ? sw_frame_whole(decoder, skip, used, 0) : sw_frame_part(skip, used);
}

static const char before[] = "Content-Length: ", behind[] = "\r\n\r\n";

unsigned sw_headers_fixed_bytes(void) { return sizeof before - 1 + sizeof behind - 1; }

void sw_headers_encode(uint64_t size, struct sw_envelope *envelope) {
    sw_prefix_text(envelope, before);
    sw_prefix_number(envelope, size);
    sw_prefix_text(envelope, behind);
}
