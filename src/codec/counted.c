#include "codec/counted.h"

/* States of the decoder. `count` is the number of bytes of offset and length so far. */
enum {
    IN_FRONT, /* in offset or length; `value` is the length so far */
    BEHIND,   /* `value` is the number of bytes that are left */
};

void sw_counted_init(struct sw_framing *framing) {
    static const struct {
        uint8_t width;
        bool is_little;
    } lengths[] = {
#define ROW(length, word, bytes, is_little) [SW_LENGTH_##length] = {bytes, is_little},
        SW_LENGTHS(ROW)
#undef ROW
    };
    if (framing->kind != SW_FRAMING_COUNTED) return;
    assert(framing->offset == 0 || framing->keeps);
    framing->width = lengths[framing->length].width;
    framing->is_little = lengths[framing->length].is_little;
}

/* --- receiving --- */

/* Takes up to `size` bytes of what is left, after `front` bytes that are a part of the message and `skip` bytes that
 * are not. */
static struct sw_frame take_rest(struct sw_decoder *decoder, size_t skip, size_t front, size_t size) {
    size_t used = sw_least(size, decoder->value);
    decoder->value -= used;
    if (decoder->value == 0) return sw_frame_whole(decoder, skip, front + used, 0);
    return sw_frame_part(skip, front + used);
}

struct sw_frame sw_fixed_decode(struct sw_decoder *decoder, const struct sw_framing *framing, uint64_t max,
                                size_t size) {
    if (decoder->state == IN_FRONT) decoder->value = framing->size;
    if (framing->size > max) return sw_frame_bad(decoder, SW_FAULT_CLAIM, 1);
    decoder->state = BEHIND;
    return take_rest(decoder, 0, 0, size);
}

/* Adds one byte of a fixed length or of a varint. False: the varint has more than 64 bits. */
static bool add_byte(struct sw_decoder *decoder, const struct sw_framing *framing, unsigned char byte) {
    unsigned index = decoder->count - framing->offset;
    if (framing->width == 0) {
        if (index == SW_VARINT_MAX - 1 && byte > 1) return false;
        decoder->value |= (uint64_t)(byte & 0x7f) << (7 * index);
    } else if (framing->is_little) {
        decoder->value |= (uint64_t)byte << (8 * index);
    } else {
        decoder->value = decoder->value << 8 | byte;
    }
    return true;
}

static bool is_last_byte(const struct sw_decoder *decoder, const struct sw_framing *framing, unsigned char byte) {
    if (framing->width == 0) return (byte & 0x80) == 0;
    return decoder->count == framing->offset + framing->width;
}

/* The length is complete: turns its value into the number of bytes that are left. False: there is a fault. */
static bool end_length(struct sw_decoder *decoder, const struct sw_framing *framing, uint64_t max,
                       enum sw_fault_kind *fault) {
    bool is_huge = decoder->value > INT64_MAX / 2;
    int64_t rest = is_huge ? 0 : (int64_t)decoder->value + framing->adjustment;
    uint64_t whole = (uint64_t)rest + (framing->keeps ? decoder->count : 0);
    *fault = rest < 0 ? SW_FAULT_NEGATIVE : SW_FAULT_CLAIM;
    if (rest < 0) return false;
    if (is_huge || whole > max) {
        if (!is_huge) decoder->value = whole;
        return false;
    }
    decoder->state = BEHIND;
    decoder->value = (uint64_t)rest;
    return true;
}

/* The slow way, byte by byte, where a varint is read or the bytes in front came in several reads. Returns how many
 * bytes it used; there is a fault if it sets *fault. */
static size_t read_front(struct sw_decoder *decoder, const struct sw_framing *framing, uint64_t max,
                         const unsigned char *bytes, size_t size, enum sw_fault_kind *fault) {
    size_t used = 0;
    if (decoder->count < framing->offset) {
        used = sw_least(size, framing->offset - decoder->count);
        decoder->count += (uint32_t)used;
    }
    while (used < size && decoder->state == IN_FRONT) {
        unsigned char byte = bytes[used++];
        bool fits = add_byte(decoder, framing, byte);
        decoder->count++;
        if (!fits) {
            *fault = SW_FAULT_VARINT;
            break;
        }
        if (is_last_byte(decoder, framing, byte) && !end_length(decoder, framing, max, fault)) break;
        *fault = SW_FAULT_NONE;
    }
    return used;
}

/* The usual way: everything in front is there. */
static size_t read_whole_front(struct sw_decoder *decoder, const struct sw_framing *framing, uint64_t max,
                               const unsigned char *bytes, enum sw_fault_kind *fault) {
    const unsigned char *field = bytes + framing->offset;
    size_t width = framing->width;
    uint64_t value = 0;
    if (framing->is_little)
        for (size_t i = width; i > 0; i--) value = value << 8 | field[i - 1];
    else
        for (size_t i = 0; i < width; i++) value = value << 8 | field[i];
    decoder->value = value;
    decoder->count = framing->offset + (uint32_t)width;
    if (end_length(decoder, framing, max, fault)) *fault = SW_FAULT_NONE;
    return decoder->count;
}

struct sw_frame sw_counted_decode(struct sw_decoder *decoder, const struct sw_framing *framing, uint64_t max,
                                  const unsigned char *bytes, size_t size) {
    if (decoder->state == BEHIND) return take_rest(decoder, 0, 0, size);
    enum sw_fault_kind fault = SW_FAULT_NONE;
    bool is_all_there = decoder->count == 0 && framing->width > 0 && size >= (size_t)framing->offset + framing->width;
    size_t used = is_all_there ? read_whole_front(decoder, framing, max, bytes, &fault)
                               : read_front(decoder, framing, max, bytes, size, &fault);
    if (fault != SW_FAULT_NONE) return sw_frame_bad(decoder, fault, used);
    size_t skip = framing->keeps ? 0 : used, front = framing->keeps ? used : 0;
    return decoder->state == BEHIND ? take_rest(decoder, skip, front, size - used) : sw_frame_part(skip, front);
}

/* --- sending --- */

static uint64_t largest_value(const struct sw_framing *framing) {
    return framing->width == 0 || framing->width == 8 ? UINT64_MAX : (UINT64_C(1) << 8 * framing->width) - 1;
}

uint64_t sw_counted_longest(const struct sw_framing *framing) {
    uint64_t largest = largest_value(framing);
    if (framing->adjustment >= 0)
        return UINT64_MAX - largest < (uint64_t)framing->adjustment ? UINT64_MAX
                                                                    : largest + (uint64_t)framing->adjustment;
    uint64_t less = (uint64_t)(-(int64_t)framing->adjustment);
    return largest < less ? 0 : largest - less;
}

static unsigned varint_width(uint64_t value) {
    unsigned width = 1;
    while (value >= 0x80) value >>= 7, width++;
    return width;
}

unsigned sw_counted_width(const struct sw_framing *framing, uint64_t size) {
    return framing->width > 0 ? framing->width : varint_width(size - (uint64_t)(int64_t)framing->adjustment);
}

static void write_varint(struct sw_envelope *envelope, uint64_t value) {
    for (; value >= 0x80; value >>= 7) envelope->prefix[envelope->prefix_size++] = (unsigned char)(value | 0x80);
    envelope->prefix[envelope->prefix_size++] = (unsigned char)value;
}

enum sw_err sw_counted_encode(const struct sw_framing *framing, uint64_t size, struct sw_envelope *envelope) {
    if (framing->adjustment > 0 && size < (uint64_t)framing->adjustment) return SW_FRAME;
    uint64_t value = size - (uint64_t)(int64_t)framing->adjustment;
    unsigned width = framing->width;
    if (value > largest_value(framing)) return SW_TOOBIG;
    if (width == 0) {
        write_varint(envelope, value);
        return SW_OK;
    }
    for (unsigned i = 0; i < width; i++)
        envelope->prefix[framing->is_little ? i : width - 1 - i] = (unsigned char)(value >> (8 * i));
    envelope->prefix_size = width;
    return SW_OK;
}
