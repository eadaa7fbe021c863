/* Messages behind a block of headers, as the Language Server Protocol and the Debug Adapter Protocol have them: lines
 * "Name: value", each ended by "\r\n", and an empty line. Exactly one of them is Content-Length, in any case, which
 * says how many bytes the message behind the empty line has. Other headers are passed over.
 *
 * The headers count against max.
 */
#ifndef SW_CODEC_HEADERS_H
#define SW_CODEC_HEADERS_H

#include "codec/frame.h"

struct sw_frame sw_headers_decode(struct sw_decoder *decoder, uint64_t max, const unsigned char *bytes, size_t size);

void sw_headers_encode(uint64_t size, struct sw_envelope *envelope);

/* Bytes that it puts in front of a message, besides the digits. */
unsigned sw_headers_fixed_bytes(void);

#endif
