/* The codec: how messages are framed in the byte stream, so that the receiver knows where each one ends.
 *
 * These are pure functions over bytes: they use no socket, no memory of their own, no thread. sw_encode says which
 * bytes go before and after a message, or that the framing cannot carry it. sw_decode gets the bytes of a read and
 * finds the message, one part at a time. It buffers nothing: the caller stores the parts of an unfinished message. A
 * length that the peer announces causes no allocation here. The messages do not depend on how reads split the bytes,
 * except with raw framing, where a read makes a message.
 *
 * This file is the one interface; each family of framings is a file of its own (marked, counted, netstring, headers,
 * resp), and frame.h has what they share.
 */
#ifndef SW_CODEC_CODEC_H
#define SW_CODEC_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/fault.h"
#include "base/framing.h"
#include "base/slice.h"
#include "codec/frame.h"

/* Fills the fields of a framing that depend on the others. Must be called before it is used. */
void sw_framing_init(struct sw_framing *framing);

/* The framing says in front of a message how long it is. */
bool sw_framing_has_length(const struct sw_framing *framing);

/* The message is all the bytes of a frame, so that what is sent must be exactly one. */
bool sw_framing_keeps(const struct sw_framing *framing);

/* --- sending --- */

/* Fills *envelope for the message that the pieces form. SW_FRAME: the framing cannot carry this message, because the
 * delimiter occurs in it, or earlier than intended in message and delimiter together, because a line ends in "\r",
 * because a raw or fixed message has the wrong length, or one for a counted framing less than the adjustment; or it is
 * not exactly one frame of a framing that keeps: only then envelope->fault says why. SW_TOOBIG: the length in front
 * cannot express its length. framing.max limits received messages only. */
enum sw_err sw_encode(const struct sw_framing *framing, const struct sw_slice *pieces, size_t count,
                      struct sw_envelope *envelope);

/* The longest message that the framing can express; UINT64_MAX: it has no limit. */
uint64_t sw_framing_longest(const struct sw_framing *framing);

/* Of `size` bytes, a message with what sw_encode has put around it: how many are before and behind the message. */
void sw_framing_margins(const struct sw_framing *framing, uint64_t size, size_t *before, size_t *behind);

/* --- receiving --- */

/* Sets all fields to zero: for a new connection. */
void sw_decoder_init(struct sw_decoder *decoder);

/* Decodes bytes[0 .. size), size > 0, up to the end of the current message. After SW_FRAME_WHOLE, the next call
 * begins the next message. After SW_FRAME_BAD, the decoder must not be used until sw_decoder_init. An empty message
 * with a length in front is whole with part = 0. */
struct sw_frame sw_decode(struct sw_decoder *decoder, const struct sw_framing *framing, const unsigned char *bytes,
                          size_t size);

/* After SW_FRAME_BAD: what is wrong. `before` bytes of the frame came in front of the input of the last call. */
struct sw_fault sw_decode_fault(const struct sw_decoder *decoder, const struct sw_framing *framing,
                                const struct sw_frame *frame, uint64_t before);

#endif
