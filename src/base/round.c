#include "base/round.h"

#include "base/backoff.h"
#include "base/server.h"

struct sw_round sw_round_begin(bool is_random, double random) {
    uint32_t seed = is_random ? (uint32_t)(random * UINT32_MAX) : 0;
    return (struct sw_round){.seed = is_random && seed == 0 ? 1 : seed};
}

/* The order is made anew from the seed each time, because a client that waits should take little memory (Fisher and Yates'
 * shuffle: Knuth, The Art of Computer Programming, 3.4.2, algorithm P). */
unsigned sw_round_server(const struct sw_round *round, unsigned count) {
    if (round->seed == 0) return round->place;
    uint8_t order[SW_SERVERS_MAX];
    uint64_t seed = round->seed;
    for (unsigned i = 0; i < count; i++) order[i] = (uint8_t)i;
    for (unsigned i = count; i > 1; i--) {
        unsigned other = (unsigned)(sw_random(&seed) * i);
        uint8_t kept = order[i - 1];
        order[i - 1] = order[other];
        order[other] = kept;
    }
    return order[round->place];
}

bool sw_round_fail(struct sw_round *round, unsigned count) {
    round->place = (uint8_t)((round->place + 1U) % count);
    round->failed = (uint8_t)((round->failed + 1U) % count);
    return round->failed == 0;
}

void sw_round_succeed(struct sw_round *round) { round->failed = 0; }

bool sw_round_is_under_way(const struct sw_round *round) { return round->failed > 0; }
