#include "codec/netstring.h"

/* States of the decoder. `count` is the number of bytes up to ":". */
enum {
    IN_DIGITS, /* `value` is the length so far */
    BEHIND,    /* `value` is the number of bytes that are left, the "," included */
};

/* Takes one byte of digits and ":"; returns a fault. */
static enum sw_fault_kind take_byte(struct sw_decoder *decoder, uint64_t max, unsigned char byte) {
    bool has_digits = decoder->count > 0, is_zero = has_digits && decoder->value == 0;
    decoder->count++;
    if (sw_is_digit(byte)) {
        if (is_zero) return SW_FAULT_COLON;
        if (!sw_read_digit(decoder, byte)) return SW_FAULT_FEWER_DIGITS;
        return decoder->count > max ? SW_FAULT_TOO_LONG : SW_FAULT_NONE;
    }
    if (byte != ':' || !has_digits) return has_digits ? SW_FAULT_DIGIT_COLON : SW_FAULT_DIGIT;
    decoder->state = BEHIND;
    decoder->value += decoder->count;
    if (decoder->value > max) return SW_FAULT_CLAIM;
    decoder->value -= decoder->count - 1;
    return SW_FAULT_NONE;
}

struct sw_frame sw_netstring_decode(struct sw_decoder *decoder, uint64_t max, const unsigned char *bytes, size_t size) {
    size_t skip = 0;
    while (decoder->state == IN_DIGITS && skip < size) {
        enum sw_fault_kind fault = take_byte(decoder, max, bytes[skip++]);
        if (fault != SW_FAULT_NONE) return sw_frame_bad(decoder, fault, skip);
    }
    if (decoder->state == IN_DIGITS) return sw_frame_part(skip, 0);
    size_t used = sw_least(size - skip, decoder->value);
    decoder->value -= used;
    if (decoder->value > 0) return sw_frame_part(skip, used);
    if (bytes[skip + used - 1] != ',') return sw_frame_bad(decoder, SW_FAULT_COMMA, skip + used);
    return sw_frame_whole(decoder, skip, used, 1);
}

void sw_netstring_encode(uint64_t size, struct sw_envelope *envelope) {
    sw_prefix_number(envelope, size);
    sw_prefix_text(envelope, ":");
    envelope->suffix[0] = ',';
    envelope->suffix_size = 1;
}
