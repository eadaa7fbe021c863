#include "codec/codec.h"

#include "codec/counted.h"
#include "codec/headers.h"
#include "codec/marked.h"
#include "codec/netstring.h"
#include "codec/resp.h"

void sw_framing_init(struct sw_framing *framing) {
    assert(framing->kind != SW_FRAMING_FIXED || framing->size > 0);
    sw_marked_init(framing);
    sw_counted_init(framing);
}

bool sw_framing_has_length(const struct sw_framing *framing) {
    return framing->kind == SW_FRAMING_COUNTED || framing->kind == SW_FRAMING_NETSTRING ||
           framing->kind == SW_FRAMING_HEADERS || framing->kind == SW_FRAMING_RESP;
}

bool sw_framing_keeps(const struct sw_framing *framing) {
    return (framing->kind == SW_FRAMING_COUNTED && framing->keeps) || framing->kind == SW_FRAMING_RESP;
}

/* --- receiving --- */

void sw_decoder_init(struct sw_decoder *decoder) { *decoder = (struct sw_decoder){.length = 0}; }

static struct sw_frame decode_raw(struct sw_decoder *decoder, uint64_t max, size_t size) {
    assert(max > 0);
    return sw_frame_whole(decoder, 0, sw_least(size, max), 0);
}

/* The families, with the longest message that they may take. */
static inline struct sw_frame decode(struct sw_decoder *decoder, const struct sw_framing *framing, uint64_t max,
                                     const unsigned char *bytes, size_t size) {
    assert(size > 0);
    switch (framing->kind) {
    case SW_FRAMING_LINE: return sw_line_decode(decoder, max, bytes, size);
    case SW_FRAMING_RAW: return decode_raw(decoder, max, size);
    case SW_FRAMING_DELIMITER: return sw_delimiter_decode(decoder, framing, max, bytes, size);
    case SW_FRAMING_FIXED: return sw_fixed_decode(decoder, framing, max, size);
    case SW_FRAMING_COUNTED: return sw_counted_decode(decoder, framing, max, bytes, size);
    case SW_FRAMING_NETSTRING: return sw_netstring_decode(decoder, max, bytes, size);
    case SW_FRAMING_HEADERS: return sw_headers_decode(decoder, max, bytes, size);
    case SW_FRAMING_RESP: return sw_resp_decode(decoder, max, bytes, size);
    }
    assert(!"an enum sw_framing_kind that cannot be decoded");
    return sw_frame_bad(decoder, SW_FAULT_NONE, 1);
}

struct sw_frame sw_decode(struct sw_decoder *decoder, const struct sw_framing *framing, const unsigned char *bytes,
                          size_t size) {
    return decode(decoder, framing, framing->max, bytes, size);
}

struct sw_fault sw_decode_fault(const struct sw_decoder *decoder, const struct sw_framing *framing,
                                const struct sw_frame *frame, uint64_t before) {
    struct sw_fault fault = {
        .kind = (enum sw_fault_kind)decoder->fault, .at = before + frame->skip, .claimed = decoder->value};
    if (fault.kind == SW_FAULT_TOO_LONG) fault.at = (uint64_t)framing->max + 1;
    return fault;
}

/* --- sending --- */

static enum sw_err refuse(struct sw_envelope *envelope, enum sw_fault_kind kind, uint64_t at, uint64_t claimed) {
    envelope->fault = (struct sw_fault){kind, at, claimed};
    return SW_FRAME;
}

/* The pieces must be exactly one frame: they are decoded, with the size of the message as the longest one. */
static enum sw_err check_one_frame(const struct sw_framing *framing, const struct sw_slice *pieces, size_t count,
                                   struct sw_envelope *envelope) {
    uint64_t total = sw_total_size(pieces, count), done = 0;
    struct sw_decoder decoder;
    struct sw_frame frame = {.status = SW_FRAME_PART};
    sw_decoder_init(&decoder);
    for (size_t i = 0; i < count && frame.status == SW_FRAME_PART; i++) {
        if (pieces[i].size == 0) continue;
        frame = decode(&decoder, framing, total, pieces[i].data, pieces[i].size);
        done += frame.skip + frame.part;
    }
    if (frame.status == SW_FRAME_BAD) return refuse(envelope, (enum sw_fault_kind)decoder.fault, done, decoder.value);
    if (frame.status == SW_FRAME_PART) return refuse(envelope, SW_FAULT_INCOMPLETE, total, 0);
    return done == total ? SW_OK : refuse(envelope, SW_FAULT_REST, done + 1, 0);
}

enum sw_err sw_encode(const struct sw_framing *framing, const struct sw_slice *pieces, size_t count,
                      struct sw_envelope *envelope) {
    envelope->prefix_size = 0;
    envelope->suffix_size = 0;
    envelope->fault.kind = SW_FAULT_NONE;
    switch (framing->kind) {
    case SW_FRAMING_LINE: return sw_line_encode(pieces, count, envelope);
    case SW_FRAMING_DELIMITER: return sw_delimiter_encode(framing, pieces, count, envelope);
    case SW_FRAMING_RAW: return sw_total_size(pieces, count) > 0 ? SW_OK : SW_FRAME;
    case SW_FRAMING_FIXED: return sw_total_size(pieces, count) == framing->size ? SW_OK : SW_FRAME;
    case SW_FRAMING_COUNTED:
        if (framing->keeps) return check_one_frame(framing, pieces, count, envelope);
        return sw_counted_encode(framing, sw_total_size(pieces, count), envelope);
    case SW_FRAMING_NETSTRING: sw_netstring_encode(sw_total_size(pieces, count), envelope); return SW_OK;
    case SW_FRAMING_HEADERS: sw_headers_encode(sw_total_size(pieces, count), envelope); return SW_OK;
    case SW_FRAMING_RESP: return check_one_frame(framing, pieces, count, envelope);
    }
    assert(!"an enum sw_framing_kind that cannot be encoded");
    return SW_FRAME;
}

uint64_t sw_framing_longest(const struct sw_framing *framing) {
    bool is_limited = framing->kind == SW_FRAMING_COUNTED && !framing->keeps;
    return is_limited ? sw_counted_longest(framing) : UINT64_MAX;
}

/* In front of a message stand `fixed` bytes, and its length in digits; of all these `size` bytes, which are the digits? A
 * message that is longer by one has at most one digit more, so there is only one answer. */
static unsigned count_digits(uint64_t size, unsigned fixed) {
    unsigned digits = 1;
    while (sw_count_digits(size - fixed - digits) > digits) digits++;
    return digits;
}

/* The same for a varint. */
static unsigned count_width(const struct sw_framing *framing, uint64_t size) {
    unsigned width = 1;
    while (sw_counted_width(framing, size - width) > width) width++;
    return width;
}

void sw_framing_margins(const struct sw_framing *framing, uint64_t size, size_t *before, size_t *behind) {
    *before = *behind = 0;
    switch (framing->kind) {
    case SW_FRAMING_LINE: *behind = 1; break;
    case SW_FRAMING_DELIMITER: *behind = framing->size; break;
    case SW_FRAMING_COUNTED:
        if (!framing->keeps) *before = framing->width > 0 ? framing->width : count_width(framing, size);
        break;
    case SW_FRAMING_NETSTRING:
        *before = count_digits(size, 2) + 1;
        *behind = 1;
        break;
    case SW_FRAMING_HEADERS:
        *before = sw_headers_fixed_bytes();
        *before += count_digits(size, (unsigned)*before);
        break;
    case SW_FRAMING_RAW:
    case SW_FRAMING_FIXED:
    case SW_FRAMING_RESP: break;
    }
}
