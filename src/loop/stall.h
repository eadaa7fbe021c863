/* Measures for stall_timeout: how long does a connection make no progress, although bytes wait? tx asks this part each time
 * that its timer has looked at the acknowledgements.
 *
 * Linux has TCP_USER_TIMEOUT for that. But it can end a connection whose peer reads slowly and all the time: it counts from
 * an earlier time at which the peer's window was closed (measured: 2 of 24 runs on Linux 6.18).
 */
#ifndef SW_LOOP_STALL_H
#define SW_LOOP_STALL_H

#include <stdbool.h>
#include <stdint.h>

/* Returns in how many seconds the connection must end if there is no progress until then. <= 0: now. INFINITY: nothing
 * waits, or there is no limit. *since: there is no progress since then, in milliseconds modulo 2^32; the caller sets 0
 * when there is some. `waits`: bytes wait, in the system or in the queue. `limit`: stall_timeout in seconds, at most
 * 2e6; 0: none. `now`: milliseconds. */
double sw_stall_left(uint32_t *since, bool waits, double limit, uint64_t now);

#endif
