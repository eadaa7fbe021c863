/* Which of its servers a client tries next. It goes through them in turn, one attempt each: that is a round. Within a round
 * the next attempt follows at once; what the reconnect policy counts and delays is whole rounds. A connection that lasts
 * ends the search: later attempts begin with its server.
 *
 * These are pure functions, so tests need no clock.
 */
#ifndef SW_BASE_ROUND_H
#define SW_BASE_ROUND_H

#include <stdbool.h>
#include <stdint.h>

struct sw_round {
    uint32_t seed;  /* of the random order; 0: the order given */
    uint8_t place;  /* of the server to try, in that order */
    uint8_t failed; /* servers that failed in this round */
};

/* Begins with the first server, in the given order or in one that follows from `random`, uniform in [0, 1). */
struct sw_round sw_round_begin(bool is_random, double random);

/* The index of the server to try, of `count`. */
unsigned sw_round_server(const struct sw_round *round, unsigned count);

/* The server to try has failed: the next one is to be tried. True: the round is over, because all have failed. */
bool sw_round_fail(struct sw_round *round, unsigned count);

/* The server works: the next round begins with it. */
void sw_round_succeed(struct sw_round *round);

/* A server of the present round has failed, and others are to be tried. */
bool sw_round_is_under_way(const struct sw_round *round);

#endif
