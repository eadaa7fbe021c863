/* Which messages the next connection sends after a connection has ended.
 *
 * Message ids count 1, 2, 3, ... per client. Three ids describe the progress:
 *     handed     the kernel has taken each message up to this id whole
 *     acked      for each message up to this id: the peer's TCP has acknowledged it whole, or it is lost or confirmed
 *     confirmed  the script has confirmed each message up to this id
 * Always acked <= handed and confirmed <= handed. When a connection ends, the next one sends the messages from
 * sw_first_to_keep on, each from its first byte. Every message before that is finished (acknowledged or, with
 * SW_RETAIN_UNCONFIRMED, confirmed) or lost.
 */
#ifndef SW_BASE_RETAIN_H
#define SW_BASE_RETAIN_H

#include <stdint.h>

/* The values of the option `retain`: which messages the next connection sends. */
/* clang-format off */
#define SW_RETAINS(X)                                                                                                  \
    X(NONE, "none")               /* no message */                                                                     \
    X(UNSENT, "unsent")           /* messages that the kernel has not taken whole */                                   \
    X(UNACKED, "unacked")         /* messages that the peer's TCP has not acknowledged whole */                        \
    X(UNCONFIRMED, "unconfirmed") /* messages that the script has not confirmed */
/* clang-format on */

#define SW_RETAIN_ENUM(name, word) SW_RETAIN_##name,
enum sw_retain { SW_RETAINS(SW_RETAIN_ENUM) };

/* The ids of lost messages without a gap: `first` to `last`, or none if `first` is 0. All of them are unsent (the peer
 * has certainly not received them whole), or all are unknown (the peer may have received them). */
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
    return 1; /* not reached */
}

#endif
