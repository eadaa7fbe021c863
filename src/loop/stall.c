#include "loop/stall.h"

#include <math.h>

double sw_stall_left(struct sw_stall *stall, uint64_t acked, bool waits, double limit, uint64_t now) {
    uint32_t time = (uint32_t)now != 0 ? (uint32_t)now : 1;
    if (!waits || stall->since == 0 || (uint32_t)acked != stall->acked)
        *stall = (struct sw_stall){waits ? time : 0, (uint32_t)acked};
    if (!waits || limit == 0) return (double)INFINITY;
    return limit - (double)(time - stall->since) * 1e-3;
}
