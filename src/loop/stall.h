/* Carries out stall_timeout where the system has no option for it (SW_HAS_USER_TIMEOUT).
 *
 * The connection makes no progress while bytes wait and the number of acknowledged bytes stays the same. This part only
 * measures for how long; tx asks it each time that it has looked at the acknowledgements.
 */
#ifndef SW_LOOP_STALL_H
#define SW_LOOP_STALL_H

#include <stdbool.h>
#include <stdint.h>

/* All zeros: nothing is measured yet. The fields have 32 bits because there may be ten thousand clients. */
struct sw_stall {
    uint32_t since; /* there is no progress since this time, in milliseconds modulo 2^32; 0: nothing waits */
    uint32_t acked; /* the acknowledged bytes at that time, modulo 2^32 */
};

/* `acked` bytes are acknowledged at the time `now` (milliseconds). `waits`: there are more, in the system or in the
 * queue. Returns in how many seconds the connection must end if there is no progress until then; <= 0: now; INFINITY:
 * nothing waits, or there is no limit. `limit`: stall_timeout in seconds, at most 2e6; 0: none. */
double sw_stall_left(struct sw_stall *stall, uint64_t acked, bool waits, double limit, uint64_t now);

#endif
