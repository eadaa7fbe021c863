/* The framing of a client: how message boundaries are marked in the byte stream, in both directions. It is plain data
 * in the client's options; src/codec implements it.
 */
#ifndef SW_BASE_FRAMING_H
#define SW_BASE_FRAMING_H

#include <stdint.h>

/* X(kind, word, bytes in front of a message that hold its length, not counting themselves). Kinds without a word are
 * chosen by a table with their name: { fixed = 64 }. */
/* clang-format off */
#define SW_FRAMINGS(X)                                                                                                 \
    X(LINE, "line", 0)     /* "\n" ends a message; a received "\r\n" too */                                            \
    X(RAW, "raw", 0)       /* no boundaries: a received chunk is a message */                                          \
    X(DELIMITER, NULL, 0)  /* delimiter[0 .. size) ends a message */                                                   \
    X(FIXED, NULL, 0)      /* every message has `size` bytes */                                                        \
    X(U8, "u8", 1)                                                                                                     \
    X(U16BE, "u16be", 2)                                                                                               \
    X(U16LE, "u16le", 2)                                                                                               \
    X(U32BE, "u32be", 4)                                                                                               \
    X(U32LE, "u32le", 4)
/* clang-format on */

#define SW_FRAMING_ENUM(kind, word, prefix) SW_FRAMING_##kind,
enum sw_framing_kind { SW_FRAMINGS(SW_FRAMING_ENUM) };

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
#define SW_FRAMING_PREFIX(kind, word, prefix) prefix,
    static const unsigned char prefixes[] = {SW_FRAMINGS(SW_FRAMING_PREFIX)};
    return prefixes[kind];
}

#endif
