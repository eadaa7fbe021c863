/* What is wrong with a frame that cannot be decoded. It is plain data: the codec finds it, the loop passes it on, and
 * the host thread makes a sentence of it.
 */
#ifndef SW_BASE_FAULT_H
#define SW_BASE_FAULT_H

#include <stdint.h>

/* X(fault, what was expected instead of the byte at which it was found). NULL: the fault has a sentence of its own. */
/* clang-format off */
#define SW_FAULTS(X)                                                                                                   \
    X(NONE, NULL)                                                                                                      \
    X(TOO_LONG, NULL)     /* longer than max */                                                                        \
    X(CLAIM, NULL)        /* says that it is longer than max: `claimed` bytes */                                       \
    X(NEGATIVE, NULL)     /* its length is `claimed`, which the adjustment makes negative */                           \
    X(INCOMPLETE, NULL)   /* of a message to be sent: it ends in the middle of a frame */                              \
    X(REST, NULL)         /* of a message to be sent: something follows after the frame */                             \
    X(VARINT, "the end of a length of at most 64 bits")                                                                \
    X(DIGIT, "a digit")                                                                                                \
    X(DIGIT_COLON, "a digit or \":\"")                                                                                 \
    X(COLON, "\":\" behind the length 0")                                                                              \
    X(COMMA, "\",\" behind the message")                                                                               \
    X(FEWER_DIGITS, "the end of a length, which has 18 digits at most")                                                \
    X(NAME, "a header, or an empty line")                                                                              \
    X(NAME_COLON, "\":\" behind the name of a header")                                                                 \
    X(LINE_END, "\"\\r\\n\"")                                                                                          \
    X(NO_LENGTH, "a Content-Length before the empty line")                                                             \
    X(SECOND_LENGTH, "no second Content-Length")                                                                       \
    X(TYPE, "the type of a value, one of +-:$*_#,(!=%~>|")                                                             \
    X(STREAMED, "a length, because streamed values are not supported,")                                                \
    X(LENGTH, "a length")                                                                                              \
    X(VALUE_END, "\"\\r\\n\" behind the bytes of a value")
/* clang-format on */

enum sw_fault_kind {
#define SW_FAULT_ENUM(fault, expected) SW_FAULT_##fault,
    SW_FAULTS(SW_FAULT_ENUM)
#undef SW_FAULT_ENUM
};

struct sw_fault {
    enum sw_fault_kind kind;
    uint64_t at;      /* the byte of the frame at which it was found, counted from 1 */
    uint64_t claimed; /* bytes */
};

#endif
