/* Which messages the next connection sends again after a connection has ended.
 *
 * Message ids count 1, 2, 3, ... per client. Three ids describe the progress:
 *     handed     messages up to this id were given to the kernel whole
 *     acked      messages up to this id were acknowledged whole by the peer's TCP, or are already lost or confirmed
 *     confirmed  messages up to this id were confirmed by the script
 * Always acked <= handed and confirmed <= handed. When a connection ends, the next one sends the messages from
 * sw_first_to_keep on, each from its first byte. Every message before that is finished (acknowledged or, with
 * SW_RETAIN_UNCONFIRMED, confirmed) or lost.
 */
#ifndef SW_BASE_RETAIN_H
#define SW_BASE_RETAIN_H

#include <stdint.h>

/* clang-format off */
#define SW_RETAINS(X)                                                                                                  \
    X(NONE, "none")               /* replay nothing */                                                                 \
    X(UNSENT, "unsent")           /* what was not handed over whole */                                                 \
    X(UNACKED, "unacked")         /* also what the peer's TCP has not acknowledged */                                  \
    X(UNCONFIRMED, "unconfirmed") /* everything that the script has not confirmed */
/* clang-format on */

#define SW_RETAIN_ENUM(name, word) SW_RETAIN_##name,
enum sw_retain { SW_RETAINS(SW_RETAIN_ENUM) };

/* A range of lost messages that are all unsent (the peer has certainly not received them whole), or all unknown (the
 * peer may have received them). first = 0: no message. */
struct sw_loss {
    uint64_t first, last;
};

/* The first id that the next connection sends. UINT64_MAX: it sends none of the messages accepted so far. */
static inline uint64_t sw_first_to_keep(enum sw_retain mode, uint64_t handed, uint64_t acked, uint64_t confirmed) {
    switch (mode) {
    case SW_RETAIN_NONE: return UINT64_MAX;
    case SW_RETAIN_UNSENT: return handed + 1;
    case SW_RETAIN_UNACKED: return acked + 1;
    case SW_RETAIN_UNCONFIRMED: return confirmed + 1;
    }
    return 1;
}

#endif
