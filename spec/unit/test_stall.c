/* How long a connection makes no progress. */
#include "loop/stall.h"

#include <math.h>

#include "unit.h"

static void ends(void) {
    struct sw_stall stall = {0};
    CHECK(sw_stall_left(&stall, 100, true, 2, 5000) == 2);
    CHECK(sw_stall_left(&stall, 100, true, 2, 6500) == 0.5);
    CHECK(sw_stall_left(&stall, 100, true, 2, 7000) <= 0);
    CHECK(sw_stall_left(&stall, 100, true, 2, 9000) <= 0);
}

static void begins_anew(void) {
    struct sw_stall stall = {0};
    CHECK(sw_stall_left(&stall, 100, true, 2, 5000) == 2);
    CHECK(sw_stall_left(&stall, 101, true, 2, 6500) == 2); /* one byte is progress */
    CHECK(sw_stall_left(&stall, 101, true, 2, 8000) == 0.5);
    CHECK(isinf(sw_stall_left(&stall, 101, false, 2, 8400))); /* nothing waits */
    CHECK(sw_stall_left(&stall, 101, true, 2, 9000) == 2);
}

static void has_no_limit(void) {
    struct sw_stall stall = {0};
    CHECK(isinf(sw_stall_left(&stall, 1, true, 0, 1000)));
    CHECK(isinf(sw_stall_left(&stall, 1, true, 0, 1000 * 1000)));
}

static void wraps(void) {
    struct sw_stall stall = {0};
    const uint64_t wrap = (uint64_t)UINT32_MAX + 1, acked = wrap - 10;
    CHECK(sw_stall_left(&stall, acked, true, 3, wrap - 1000) == 3);
    CHECK(sw_stall_left(&stall, acked, true, 3, wrap + 500) == 1.5);
    CHECK(sw_stall_left(&stall, acked + 20, true, 3, wrap + 1000) == 3);
    CHECK(sw_stall_left(&stall, acked + 20, true, 3, wrap + 4000) <= 0);
    stall.since = 0;
    CHECK(sw_stall_left(&stall, 1, true, 3, wrap) == 3); /* the time that means "nothing waits" */
    CHECK(sw_stall_left(&stall, 1, true, 3, wrap + 3001) <= 0);
}

static const struct unit_test tests[] = {
    {"is over when nothing is acknowledged for so long", ends},
    {"begins anew with each byte, and after a rest", begins_anew},
    {"never is over without a limit", has_no_limit},
    {"is not confused by numbers that wrap around", wraps},
};

UNIT_MAIN(tests)
