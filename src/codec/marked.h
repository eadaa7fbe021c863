/* Framings with a mark behind each message: "\n" or "\r\n", or a delimiter.
 *
 * What is refused to send: a message in which the mark occurs, or that forms one with its own mark earlier than at the
 * end. A line must not end in "\r" either, because the receiver takes "\r\n" for its end.
 */
#ifndef SW_CODEC_MARKED_H
#define SW_CODEC_MARKED_H

#include "codec/frame.h"

/* Fills framing->failure. */
void sw_marked_init(struct sw_framing *framing);

struct sw_frame sw_line_decode(struct sw_decoder *decoder, uint64_t max, const unsigned char *bytes, size_t size);
struct sw_frame sw_delimiter_decode(struct sw_decoder *decoder, const struct sw_framing *framing, uint64_t max,
                                    const unsigned char *bytes, size_t size);

enum sw_err sw_line_encode(const struct sw_slice *pieces, size_t count, struct sw_envelope *envelope);
enum sw_err sw_delimiter_encode(const struct sw_framing *framing, const struct sw_slice *pieces, size_t count,
                                struct sw_envelope *envelope);

#endif
