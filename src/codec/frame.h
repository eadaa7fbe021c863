/* What the families of framings share: the state of a decoder, what it finds, and what goes around a message.
 *
 * A family is a pair of functions in a file of its own. Its decoder gets the bytes of a read and finds the message, one
 * part at a time. It buffers nothing: the state below is all that it keeps from one read to the next, and it is all
 * zeros at the beginning of each frame. The encoder says what goes before and after a message, or why the framing
 * cannot carry it. codec.h has the contract.
 */
#ifndef SW_CODEC_FRAME_H
#define SW_CODEC_FRAME_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/fault.h"
#include "base/framing.h"
#include "base/slice.h"

/* Each family says which fields it uses, and for what. */
struct sw_decoder {
    uint64_t length; /* marked, resp: bytes of the current message so far; includes those of its delimiter */
    uint64_t value;  /* a length that is being read; then the bytes that are left; at a fault: what was claimed */
    uint32_t count;  /* counted, netstring, headers: bytes in front of the message so far; resp: missing values */
    uint8_t state;   /* which part of the frame comes next: 0 is the first */
    uint8_t match;   /* marked: bytes of the delimiter that the input so far ends with; headers: of the name; resp: the
                      * value's type */
    uint8_t fault;   /* enum sw_fault_kind: why nothing more can be decoded */
};

enum sw_frame_status {
    SW_FRAME_PART,  /* all input is used up, and the message has not ended */
    SW_FRAME_WHOLE, /* the message ends with this part */
    SW_FRAME_BAD,   /* this is no frame, or it is longer than framing.max, or says so: nothing more can be decoded */
};

/* What one call found in the input: first `skip` bytes in front of the message, then `part` bytes that the caller
 * appends to the message. When the message is whole, its last `trim` bytes are what ends the frame, and the caller
 * removes them; some of them may have come with earlier parts. The call has used skip + part bytes of the input. Bad:
 * `skip` bytes up to the one at which the fault was found, inclusive, and no part; if the message is too long
 * (SW_FAULT_TOO_LONG), up to any byte at which that was certain. */
struct sw_frame {
    enum sw_frame_status status;
    size_t skip;
    size_t part;
    size_t trim;
};

enum { SW_PREFIX_MAX = 40 }; /* bytes of the longest: a Content-Length of 64 bits */

/* The bytes that go before and after one message. */
struct sw_envelope {
    size_t prefix_size, suffix_size;
    unsigned char prefix[SW_PREFIX_MAX];
    unsigned char suffix[SW_DELIMITER_MAX];
    struct sw_fault fault; /* set only if a message that must be exactly one frame is none */
};

static inline struct sw_frame sw_frame_part(size_t skip, size_t size) {
    return (struct sw_frame){.status = SW_FRAME_PART, .skip = skip, .part = size};
}

/* Ends the message. */
static inline struct sw_frame sw_frame_whole(struct sw_decoder *decoder, size_t skip, size_t size, size_t trim) {
    *decoder = (struct sw_decoder){.length = 0};
    return (struct sw_frame){.status = SW_FRAME_WHOLE, .skip = skip, .part = size, .trim = trim};
}

/* Ends the decoding at byte `used` of the input, counted from 1. */
static inline struct sw_frame sw_frame_bad(struct sw_decoder *decoder, enum sw_fault_kind fault, size_t used) {
    decoder->fault = (uint8_t)fault;
    return (struct sw_frame){.status = SW_FRAME_BAD, .skip = used};
}

static inline size_t sw_least(size_t a, uint64_t b) { return a < b ? a : (size_t)b; }

/* In 64 bits: several pieces may be the same large string, so their sum may exceed a size_t of 32 bits. */
static inline uint64_t sw_total_size(const struct sw_slice *pieces, size_t count) {
    uint64_t total = 0;
    for (size_t i = 0; i < count; i++) total += pieces[i].size;
    return total;
}

/* Appends a number in decimal, and then a text. */
static inline void sw_prefix_text(struct sw_envelope *envelope, const char *text) {
    while (*text != '\0') {
        assert(envelope->prefix_size < SW_PREFIX_MAX);
        envelope->prefix[envelope->prefix_size++] = (unsigned char)*text++;
    }
}

static inline unsigned sw_count_digits(uint64_t value) {
    unsigned digits = 1;
    while (value >= 10) value /= 10, digits++;
    return digits;
}

static inline void sw_prefix_number(struct sw_envelope *envelope, uint64_t value) {
    unsigned digits = sw_count_digits(value);
    assert(envelope->prefix_size + digits <= SW_PREFIX_MAX);
    for (unsigned i = digits; i > 0; i--, value /= 10)
        envelope->prefix[envelope->prefix_size + i - 1] = (unsigned char)('0' + value % 10);
    envelope->prefix_size += digits;
}

/* Reads a digit of a length of at most 18 digits, so that sums with it fit into 64 bits. False: there are more. */
static inline bool sw_read_digit(struct sw_decoder *decoder, unsigned char digit) {
    if (decoder->value >= UINT64_C(100000000000000000)) return false;
    decoder->value = 10 * decoder->value + (digit - '0');
    return true;
}

static inline bool sw_is_digit(unsigned char byte) { return byte >= '0' && byte <= '9'; }

#endif
