/* The codec: how messages are framed in the byte stream, so that the receiver knows where each one ends.
 *
 * These are pure functions over bytes: they use no socket, no memory of their own, no thread. sw_encode says which
 * bytes go before and after a message, or that the framing cannot carry it. sw_decode gets the bytes of a read and
 * finds the payload, one part of a message at a time. It buffers nothing: the caller stores the parts of an
 * unfinished message. A length that the peer announces causes no allocation here. The messages do not depend on how
 * reads split the bytes, except with raw framing, where a read makes a message.
 */
#ifndef SW_CODEC_CODEC_H
#define SW_CODEC_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/framing.h"
#include "base/slice.h"

/* Fills the failure table of a framing whose kind, size, max and delimiter are set. Must be called before it is used.
 */
void sw_framing_init(struct sw_framing *framing);

/* --- sending --- */

/* The bytes that go before and after one message. */
struct sw_envelope {
    size_t prefix_size, suffix_size;
    unsigned char prefix[4];
    unsigned char suffix[SW_DELIMITER_MAX];
};

/* Fills *envelope for the message that the pieces form. SW_FRAME: the framing cannot carry this message, because the
 * delimiter occurs in it, or earlier than intended in message and delimiter together, because a line ends in "\r", or
 * because a raw or fixed message has the wrong length. SW_TOOBIG: the length prefix cannot express its length.
 * *envelope is undefined then. framing.max limits received messages only. */
enum sw_err sw_encode(const struct sw_framing *framing, const struct sw_slice *pieces, size_t count,
                      struct sw_envelope *envelope);

/* How many bytes the framing puts before and after every message. */
void sw_framing_margins(const struct sw_framing *framing, size_t *before, size_t *after);

/* --- receiving --- */

struct sw_decoder {
    uint64_t length; /* bytes of the current message so far; includes those of its delimiter */
    uint32_t expect; /* length prefix, fixed: payload bytes of the whole message, once known */
    uint8_t header;  /* length prefix: bytes of the prefix seen so far */
    uint8_t match;   /* delimiter: how many bytes of it the input so far ends with; line: 1 after a "\r", else 0 */
};

enum sw_frame_status {
    SW_FRAME_PART,  /* all input is used up, and the message has not ended */
    SW_FRAME_WHOLE, /* the message ends with this part */
    SW_FRAME_BAD,   /* the message is longer than framing.max, or is announced to be: nothing more can be decoded */
};

/* What one call found in the input: first `skip` bytes of the length prefix, then `part` bytes that the caller
 * appends to the message. When the message is whole, its last `trim` bytes are the delimiter, and the caller removes
 * them; some of them may have come with earlier parts. The call has used skip + part bytes of the input. */
struct sw_frame {
    enum sw_frame_status status;
    size_t skip;
    size_t part;
    size_t trim;
};

/* Sets all fields to zero: for a new connection. */
void sw_decoder_init(struct sw_decoder *decoder);

/* Decodes bytes[0 .. size), size > 0, up to the end of the current message. After SW_FRAME_WHOLE, the next call
 * begins the next message. After SW_FRAME_BAD, the decoder must not be used until sw_decoder_init. An empty message
 * with a length prefix is whole with part = 0. */
struct sw_frame sw_decode(struct sw_decoder *decoder, const struct sw_framing *framing, const unsigned char *bytes,
                          size_t size);

#endif
