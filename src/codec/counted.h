/* Framings that know how many bytes a message has: a binary length in front of it, or a fixed size.
 *
 * The length may stand behind `offset` bytes of something else, and its value may count more or less than what is
 * behind it (`adjustment`). The message is what is behind the length, or, if the framing keeps, the whole frame.
 */
#ifndef SW_CODEC_COUNTED_H
#define SW_CODEC_COUNTED_H

#include "codec/frame.h"

/* Fills framing->width and framing->is_little. */
void sw_counted_init(struct sw_framing *framing);

struct sw_frame sw_fixed_decode(struct sw_decoder *decoder, const struct sw_framing *framing, uint64_t max,
                                size_t size);
struct sw_frame sw_counted_decode(struct sw_decoder *decoder, const struct sw_framing *framing, uint64_t max,
                                  const unsigned char *bytes, size_t size);

/* For a framing that does not keep. SW_FRAME: the message has fewer bytes than the adjustment adds. */
enum sw_err sw_counted_encode(const struct sw_framing *framing, uint64_t size, struct sw_envelope *envelope);

/* For a framing that does not keep: the longest message that the length can express. */
uint64_t sw_counted_longest(const struct sw_framing *framing);

/* Bytes of the length in front of a message of `size` bytes, for a framing that does not keep. */
unsigned sw_counted_width(const struct sw_framing *framing, uint64_t size);

#endif
