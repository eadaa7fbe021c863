/* How far the system's send buffer may be ahead of the wire (TCP_NOTSENT_LOWAT, tcp(7)).
 *
 * When a connection is stuck, what the system has taken and not sent is lost to the script: retain = "unsent" does not
 * send it again. So the system should take little. But a fast connection whose system has little waits for the loop again
 * and again, which costs up to 40 % of its speed. So the limit follows the rate: it is what the connection carries in two
 * milliseconds, from SW_AHEAD_MIN to SW_AHEAD_MAX, and SW_AHEAD_MIN when acknowledgements stop. With SW_AHEAD_MIN a stuck
 * connection swallows 0.27 MB; without any limit it swallows 4.3 MB (measured on Linux 6).
 */
#ifndef SW_LOOP_AHEAD_H
#define SW_LOOP_AHEAD_H

#include <stdint.h>

#include "base/tunables.h"

/* All zeros: a new connection. Small, for there may be ten thousand. */
struct sw_ahead {
    uint32_t measured_at;    /* milliseconds: when `from` was measured; they wrap around */
    uint32_t measured_acked; /* bytes acknowledged then; they wrap around */
    uint32_t limit;          /* bytes, as set last; 0: SW_AHEAD_MIN, which every socket begins with */
};

/* So many bytes were acknowledged at `now`, in milliseconds. Returns the limit to be set; 0: it stays. */
uint32_t sw_ahead_next(struct sw_ahead *ahead, uint64_t acked, uint64_t now);

#endif
