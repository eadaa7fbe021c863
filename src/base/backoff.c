#include "base/backoff.h"

#include <assert.h>

struct sw_reconnect sw_reconnect_default(void) {
    return (struct sw_reconnect){.enabled = true, SW_RECONNECT_OPTIONS(SW_OPTION_DEFAULT)};
}

/* Computes base ^ exponent by squaring, in at most 32 steps; the result is infinite if it overflows. */
static double power(double base, uint32_t exponent) {
    double product = 1;
    for (; exponent > 0; exponent >>= 1) {
        if (exponent & 1) product *= base;
        base *= base;
    }
    return product;
}

/* The delay without jitter. The comparison returns max for every delay that is not below it, also for infinity. */
static double grow(const struct sw_reconnect *policy, uint32_t failures) {
    if (!(policy->delay > 0)) return 0; /* 0 * infinity would be NaN */
    double delay = policy->delay * power(policy->factor, failures - 1);
    return delay < policy->max ? delay : policy->max;
}

double sw_backoff_delay(const struct sw_reconnect *policy, uint32_t failures, double random) {
    assert(failures >= 1 && policy->factor >= 1 && policy->max >= 0 && random >= 0 && random < 1);
    double delay = grow(policy, failures);
    return policy->jitter ? delay * (0.75 + 0.75 * random) : delay;
}

bool sw_backoff_allows(const struct sw_reconnect *policy, uint32_t failures) {
    return policy->enabled && (policy->attempts == 0 || failures < policy->attempts);
}

double sw_random(uint64_t *seed) {
    assert(*seed != 0);
    uint64_t x = *seed;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *seed = x;
    uint64_t high = (x * UINT64_C(0x2545F4914F6CDD1D)) >> 11; /* the 53 bits that a double holds exactly */
    return (double)high * 0x1.0p-53;
}
