/* The fate of every message, as one pure decision.
 *
 * Ids count 1, 2, 3, ... per client. At any moment acked <= handed and confirmed <= handed: messages up to
 * `acked` were acknowledged whole by the peer's TCP or are no longer open (lost or confirmed), up to `handed` were
 * given whole to the kernel, up to `confirmed` were confirmed by the script. When a connection ends, everything from
 * first_to_keep on is replayed by the next one, from a message's first byte; what lies between is finished
 * (acknowledged; where the script confirms: confirmed) or lost.
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

/* A range of ids with one fate: unsent (certainly not received whole) or unknown (perhaps received). first = 0: none.
 */
struct sw_loss {
    uint64_t first, last;
};

/* The first id that the next connection sends; UINT64_MAX = nothing of what was accepted so far. */
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
