/* Values of RESP, the protocol of Redis, version 2 and 3: where one ends that may nest others. The message is all bytes
 * of the value.
 *
 * An attribute ("|") belongs to the value behind it, and is a part of the same message. Streamed values are refused. A
 * counter of the values that are still missing takes the place of a stack, so any depth is fine. What a value says of
 * its length, and of the number of its elements, is compared with max at once: each missing value has at least 3 bytes.
 * The contents of a line (is ":x" an integer?) are not looked at: sidewire.resp.decode does that.
 */
#ifndef SW_CODEC_RESP_H
#define SW_CODEC_RESP_H

#include "codec/frame.h"

struct sw_frame sw_resp_decode(struct sw_decoder *decoder, uint64_t max, const unsigned char *bytes, size_t size);

#endif
