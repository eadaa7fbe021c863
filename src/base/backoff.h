/* How long to wait before the next attempt to connect. These are pure functions, so tests need no clock. */
#ifndef SW_BASE_BACKOFF_H
#define SW_BASE_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/option_kinds.h"

/* Fields of the option reconnect. */
/* clang-format off */
#define SW_RECONNECT_OPTIONS(X)                                                                                        \
    X(delay, seconds, 0.1, 0.001, 1e8)     /* before the second attempt */                                             \
    X(max, seconds, 10, 0.001, 1e8)        /* the longest delay, before jitter */                                      \
    X(factor, factor, 2, 1, 1000)          /* growth per failure */                                                    \
    X(attempts, integer, 0, 1, 2147483647) /* failed rounds (base/round.h) in a row after which to give up; 0: never */ \
    X(jitter, flag, true, false, true)     /* -25 .. +50 %, lest all clients of one server come back at once */
/* clang-format on */

/* When to try again. */
struct sw_reconnect {
    SW_RECONNECT_OPTIONS(SW_OPTION_FIELD)
    bool enabled;
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
