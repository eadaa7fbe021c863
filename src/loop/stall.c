#include "loop/stall.h"

#include <math.h>

double sw_stall_left(uint32_t *since, bool waits, double limit, uint64_t now) {
    uint32_t time = (uint32_t)now != 0 ? (uint32_t)now : 1;
    if (!waits)
        *since = 0;
    else if (*since == 0)
        *since = time;
    if (!waits || limit == 0) return (double)INFINITY;
    return limit - (double)(time - *since) * 1e-3;
}
