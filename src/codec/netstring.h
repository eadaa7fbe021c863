/* Netstrings: a length in decimal digits, ":", the message, ",". A length has no zeros in front.
 *
 * The digits and ":" count against max.
 */
#ifndef SW_CODEC_NETSTRING_H
#define SW_CODEC_NETSTRING_H

#include "codec/frame.h"

struct sw_frame sw_netstring_decode(struct sw_decoder *decoder, uint64_t max, const unsigned char *bytes, size_t size);

void sw_netstring_encode(uint64_t size, struct sw_envelope *envelope);

#endif
