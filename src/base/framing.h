/* The framing of a client: how message boundaries are marked in the byte stream, in both directions. It is plain data
 * in the client's options; src/codec implements it.
 */
#ifndef SW_BASE_FRAMING_H
#define SW_BASE_FRAMING_H

#include <stdint.h>

enum sw_framing_kind {
    SW_FRAMING_LINE,      /* "\n" ends a message; in received data also "\r\n" */
    SW_FRAMING_RAW,       /* no boundaries: the bytes of one read are a message */
    SW_FRAMING_DELIMITER, /* delimiter[0 .. size) ends a message */
    SW_FRAMING_FIXED,     /* every message has `size` bytes */
    SW_FRAMING_U8,        /* the message's length precedes it; the prefix does not count itself */
    SW_FRAMING_U16BE,
    SW_FRAMING_U16LE,
    SW_FRAMING_U32BE,
    SW_FRAMING_U32LE,
};

enum { SW_DELIMITER_MAX = 32 };

struct sw_framing {
    enum sw_framing_kind kind;
    uint32_t size; /* bytes; delimiter: its length, 1..SW_DELIMITER_MAX; fixed: a message's length, > 0; others: 0 */
    uint32_t max;  /* bytes of the longest message accepted from the peer, without framing */
    unsigned char delimiter[SW_DELIMITER_MAX];
    /* Delimiter: the failure function of Knuth, Morris and Pratt (1977). failure[k] is the length of the longest proper
     * border of delimiter[0 .. k]. With it a search continues across any split of the input. sw_framing_init fills
     * it. */
    unsigned char failure[SW_DELIMITER_MAX];
};

/* Bytes of the length prefix: 0 (the framing has none), 1, 2 or 4. */
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
