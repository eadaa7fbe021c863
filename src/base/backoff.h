/* How long to wait before the next attempt to connect. These are pure functions, so tests need no clock. */
#ifndef SW_BASE_BACKOFF_H
#define SW_BASE_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

/* When to try again. */
struct sw_reconnect {
    bool enabled;      /* false: no attempt follows a failure or a lost connection */
    bool jitter;       /* varies each delay at random by -25..+50 %, so that many clients do not reconnect at once */
    uint32_t attempts; /* consecutive failures after which the client gives up; 0 = it never gives up */
    double delay;      /* seconds before the second attempt */
    double max;        /* seconds, the longest delay before jitter */
    double factor;     /* growth per failure, >= 1 */
};

/* 0.1 s after the first failure, doubled for each further one up to 10 s, with jitter, without end. */
struct sw_reconnect sw_reconnect_default(void);

/* Seconds to wait after `failures` consecutive failures (at least 1). `random` is uniformly distributed in [0, 1). The
 * result is finite and in 0..max * 1.5 for any number of failures. */
double sw_backoff_delay(const struct sw_reconnect *policy, uint32_t failures, double random);

/* True if the policy allows another attempt after this many consecutive failures. */
bool sw_backoff_allows(const struct sw_reconnect *policy, uint32_t failures);

/* A random number in [0, 1) for jitter (xorshift64*, Vigna 2016); it is predictable, so unfit for secrets. *seed is the
 * generator's state, which must not be 0. */
double sw_random(uint64_t *seed);

#endif
