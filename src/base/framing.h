/* How messages lie in the byte stream: the plain data that both directions of a connection are set up with.
 * The codec room gives it meaning; options carry it.
 */
#ifndef SW_BASE_FRAMING_H
#define SW_BASE_FRAMING_H

#include <stdint.h>

enum sw_framing_kind {
    SW_FRAMING_LINE,      /* "\n" ends a message; a received "\r\n" too */
    SW_FRAMING_RAW,       /* no boundaries: a received chunk is a message */
    SW_FRAMING_DELIMITER, /* delimiter[0 .. size) ends a message */
    SW_FRAMING_FIXED,     /* every message has `size` bytes */
    SW_FRAMING_U8,        /* a length in front, not counting itself */
    SW_FRAMING_U16BE,
    SW_FRAMING_U16LE,
    SW_FRAMING_U32BE,
    SW_FRAMING_U32LE,
};

enum { SW_DELIMITER_MAX = 32 };

struct sw_framing {
    enum sw_framing_kind kind;
    uint32_t size; /* delimiter: its length, 1..SW_DELIMITER_MAX; fixed: the message's, > 0; else 0 */
    uint32_t max;  /* the longest message accepted from the peer, in bytes, framing not included */
    unsigned char delimiter[SW_DELIMITER_MAX];
    /* Delimiter: failure[k] is the length of the longest proper border of delimiter[0 .. k], so that a search
     * can go on across any split of the input (Knuth, Morris, Pratt 1977). Filled by sw_framing_init. */
    unsigned char failure[SW_DELIMITER_MAX];
};

/* Bytes in front of a message that hold its length: 0, 1, 2 or 4. */
static inline unsigned sw_framing_prefix(enum sw_framing_kind kind) {
    switch (kind) {
    case SW_FRAMING_U8: return 1;
    case SW_FRAMING_U16BE:
    case SW_FRAMING_U16LE: return 2;
    case SW_FRAMING_U32BE:
    case SW_FRAMING_U32LE: return 4;
    case SW_FRAMING_LINE:
    case SW_FRAMING_RAW:
    case SW_FRAMING_DELIMITER:
    case SW_FRAMING_FIXED: return 0;
    }
    return 0;
}

#endif
