/* Framing: where one message ends and the next begins.
 *
 * Pure functions over bytes: no socket, no memory of their own, no thread. Encoding says which bytes stand
 * before and after a message and whether the framing can carry it exactly; decoding is fed whatever a read
 * gave and tells, one frame at a time, which of these bytes are payload. The decoder buffers nothing: the
 * caller keeps the parts of an unfinished message, and a claimed length is a number, never an allocation.
 * Any split of the same bytes gives the same messages (raw framing apart, whose messages are the splits).
 */
#ifndef SW_CODEC_CODEC_H
#define SW_CODEC_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/framing.h"
#include "base/slice.h"

/* Completes a framing whose kind, size, max and delimiter are set: fills the failure table. */
void sw_framing_init(struct sw_framing *framing);

/* --- sending --- */

struct sw_envelope {
    size_t prefix_size, suffix_size;
    unsigned char prefix[4];
    unsigned char suffix[SW_DELIMITER_MAX];
};

/* Says what to put around the message that the pieces form, in *envelope.
 * SW_FRAME: the framing cannot carry the message exactly (it holds the delimiter, or one would be formed across
 * the joint; a line that ends in "\r"; a raw or fixed message of the wrong length). SW_TOOBIG: longer than its
 * length prefix can say. *envelope is undefined then. framing.max bounds received messages only. */
enum sw_err sw_encode(const struct sw_framing *framing, const struct sw_slice *pieces, size_t count,
                      struct sw_envelope *envelope);

/* Bytes that the framing puts before and behind every message. */
void sw_framing_margins(const struct sw_framing *framing, size_t *before, size_t *behind);

/* --- receiving --- */

struct sw_decoder {
    uint64_t length; /* payload bytes of the current message seen so far, a partly seen delimiter included */
    uint32_t expect; /* length prefixes and fixed: payload bytes the whole message has, once known */
    uint8_t header;  /* length prefixes: bytes of the prefix seen so far */
    uint8_t match;   /* delimiter: bytes of it matched at the end of what was seen; line: 1 after a "\r" */
};

enum sw_frame_status {
    SW_FRAME_PART,  /* all input used, the message goes on (or none has begun) */
    SW_FRAME_WHOLE, /* the message ends with this part */
    SW_FRAME_BAD,   /* longer than framing.max, or so announced: the stream is of no more use */
};

/* What one call found in the input: `skip` bytes that belong to the framing, then `part` bytes of payload, which
 * the caller appends to the message; when it is whole, the last `trim` bytes of the *message so assembled* (not
 * only of this part) are the delimiter and are to be cut off. skip + part bytes of input are used up. */
struct sw_frame {
    enum sw_frame_status status;
    size_t skip;
    size_t part;
    size_t trim;
};

/* Starts, or restarts for a new connection: all zero. */
void sw_decoder_init(struct sw_decoder *decoder);

/* Looks at bytes[0 .. size), size > 0, up to the end of the current message. After SW_FRAME_WHOLE the decoder stands at
 * the start of the next; after SW_FRAME_BAD it must not be fed again. A message of length 0 with a length prefix is
 * whole with part = 0. */
struct sw_frame sw_decode(struct sw_decoder *decoder, const struct sw_framing *framing, const unsigned char *bytes,
                          size_t size);

#endif
