/* How long to wait before the next attempt: policy as a pure function, so that it can be tested without a clock. */
#ifndef SW_BASE_BACKOFF_H
#define SW_BASE_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

/* When to try again. Defaults (design: 0.1 s doubling to 10 s) are set by sw_reconnect_default. */
struct sw_reconnect {
    bool enabled;
    bool jitter;       /* -25 .. +50 %, so that many clients of one server do not come back at once */
    uint32_t attempts; /* failures in a row after which to give up; 0 = never */
    double delay;      /* seconds before the second attempt */
    double max;        /* seconds, the longest delay before jitter */
    double factor;     /* growth per failure, >= 1 */
};

struct sw_reconnect sw_reconnect_default(void);

/* Seconds to wait after `failures` failures in a row (>= 1); random is uniform in [0, 1). Never negative, never
 * above max * 1.5, finite for any number of failures. */
double sw_backoff_delay(const struct sw_reconnect *policy, uint32_t failures, double random);

/* True when the policy allows another attempt after so many failures in a row. */
bool sw_backoff_allows(const struct sw_reconnect *policy, uint32_t failures);

/* A small random generator for jitter (xorshift64*, Vigna 2016): not for secrets. The seed must not be 0. */
double sw_random(uint64_t *seed);

#endif
