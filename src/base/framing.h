/* The framing of a client: how message boundaries are marked in the byte stream, in both directions. It is plain data
 * in the client's options; src/codec implements it.
 */
#ifndef SW_BASE_FRAMING_H
#define SW_BASE_FRAMING_H

#include <stdbool.h>
#include <stdint.h>

/* X(kind, word). Kinds without a word are chosen by a table, as { fixed = 64 }, or by the word of a length. */
/* clang-format off */
#define SW_FRAMINGS(X)                                                                                                 \
    X(LINE, "line")              /* "\n" ends a message; a received "\r\n" too */                                      \
    X(RAW, "raw")                /* no boundaries: a received chunk is a message */                                    \
    X(DELIMITER, NULL)           /* delimiter[0 .. size) ends a message */                                             \
    X(FIXED, NULL)               /* every message has `size` bytes */                                                  \
    X(COUNTED, NULL)             /* a binary length stands in front */                                                 \
    X(NETSTRING, "netstring")    /* "5:hello," */                                                                      \
    X(HEADERS, "content-length") /* lines of headers, one of them Content-Length, an empty line, the message */        \
    X(RESP, "resp")              /* a value of the protocol of Redis, version 2 or 3; the message is all its bytes */

/* X(length, word, bytes, is little-endian): the field that says how long a message is. 0 bytes: as many as the value
 * needs (LEB128: 7 bits in each byte, the lowest first; the highest bit says that another byte follows). */
#define SW_LENGTHS(X)                                                                                                  \
    X(U8, "u8", 1, false)                                                                                              \
    X(U16BE, "u16be", 2, false)                                                                                        \
    X(U16LE, "u16le", 2, true)                                                                                         \
    X(U24BE, "u24be", 3, false)                                                                                        \
    X(U24LE, "u24le", 3, true)                                                                                         \
    X(U32BE, "u32be", 4, false)                                                                                        \
    X(U32LE, "u32le", 4, true)                                                                                         \
    X(U64BE, "u64be", 8, false)                                                                                        \
    X(U64LE, "u64le", 8, true)                                                                                         \
    X(VARINT, "varint", 0, true)
/* clang-format on */

#define SW_FRAMING_ENUM(kind, word) SW_FRAMING_##kind,
enum sw_framing_kind { SW_FRAMINGS(SW_FRAMING_ENUM) };

#define SW_LENGTH_ENUM(length, word, bytes, is_little) SW_LENGTH_##length,
enum sw_length { SW_LENGTHS(SW_LENGTH_ENUM) };

enum {
    SW_DELIMITER_MAX = 32,
    SW_VARINT_MAX = 10,                  /* bytes of a varint of 64 bits */
    SW_OFFSET_MAX = 65535,               /* largest valid offset */
    SW_MESSAGE_MAX = 1024 * 1024 * 1024, /* largest valid max, size of a fixed message, and adjustment up or down */
};

struct sw_framing {
    enum sw_framing_kind kind;
    uint32_t size; /* bytes; delimiter: its length, 1..SW_DELIMITER_MAX; fixed: a message's length, > 0; others: 0 */
    uint32_t max;  /* bytes of the longest message accepted from the peer; for netstring and headers, what stands in
                    * front of it counts, too */

    /* Counted: */
    enum sw_length length;
    uint32_t offset;    /* bytes in front of the length */
    int32_t adjustment; /* the length's value + adjustment: bytes behind the length */
    bool keeps; /* the message is the whole frame; always so if offset > 0. Else it is what is behind the length */

    unsigned char delimiter[SW_DELIMITER_MAX];

    /* sw_framing_init fills the fields below. */

    /* Delimiter: the failure function of Knuth, Morris and Pratt (1977). failure[k] is the length of the longest proper
     * border of delimiter[0 .. k]. With it a search continues across any split of the input. */
    unsigned char failure[SW_DELIMITER_MAX];
    uint8_t width;  /* counted: bytes of the length; 0: varint */
    bool is_little; /* counted: the length's lowest byte comes first */
};

#endif
