#include "loop/ahead.h"

static uint32_t find_limit(uint64_t wanted) {
    uint32_t limit = SW_AHEAD_MIN;
    while (limit < SW_AHEAD_MAX && limit < wanted) limit *= 2;
    return limit;
}

uint32_t sw_ahead_next(struct sw_ahead *ahead, uint64_t acked, uint64_t now) {
    uint32_t elapsed = (uint32_t)now - ahead->measured_at, bytes = (uint32_t)acked - ahead->measured_acked;
    if (elapsed < SW_AHEAD_MEASURED) return 0;
    uint32_t before = ahead->limit != 0 ? ahead->limit : SW_AHEAD_MIN;
    uint32_t limit = find_limit((uint64_t)bytes * SW_AHEAD_CARRIED / elapsed);
    *ahead = (struct sw_ahead){(uint32_t)now, (uint32_t)acked, limit};
    return limit != before ? limit : 0;
}
