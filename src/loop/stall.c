#include "loop/stall.h"

#include <math.h>

double sw_stall_left(struct sw_stall *stall, uint64_t acked, bool waits, double limit, double now) {
    if (!waits || stall->since == 0 || acked != stall->acked) *stall = (struct sw_stall){waits ? now : 0, acked};
    return waits && limit > 0 ? stall->since + limit - now : (double)INFINITY;
}
