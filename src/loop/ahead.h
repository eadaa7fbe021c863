/* Chooses how many unsent bytes the system may hold for a connection (TCP_NOTSENT_LOWAT, tcp(7)).
 *
 * Bytes that the system has taken and not sent are lost when the connection breaks: retain = "unsent" does not send
 * them again. So the limit should be low. But if it is too low, a fast connection often waits for the loop, and loses
 * up to 40 % of its speed. So the limit follows the rate: it is what the connection carries in two milliseconds, at
 * least SW_AHEAD_MIN and at most SW_AHEAD_MAX. When acknowledgements stop, it is SW_AHEAD_MIN. With SW_AHEAD_MIN, the
 * system takes 0.27 MB for a connection that makes no progress; without a limit it takes 4.3 MB (measured on Linux
 * 6).
 */
#ifndef SW_LOOP_AHEAD_H
#define SW_LOOP_AHEAD_H

#include <stdint.h>

#include "base/tunables.h"

/* All zeros for a new connection. The fields have 32 bits because there may be ten thousand clients. */
struct sw_ahead {
    uint32_t measured_at;    /* time of the last measurement in milliseconds, modulo 2^32 */
    uint32_t measured_acked; /* bytes acknowledged by then, modulo 2^32 */
    uint32_t limit;          /* the current limit in bytes; 0: SW_AHEAD_MIN, which every socket begins with */
};

/* `acked` bytes of the connection are acknowledged at the time `now` (milliseconds). Returns the limit to set in
 * bytes; 0: it does not change. */
uint32_t sw_ahead_next(struct sw_ahead *ahead, uint64_t acked, uint64_t now);

#endif
