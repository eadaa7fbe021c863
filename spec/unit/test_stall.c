/* How long a connection makes no progress. */
#include "loop/stall.h"

#include <math.h>

#include "unit.h"

static bool is_near(double a, double b) { return fabs(a - b) < 1e-9; }

static void ends(void) {
    uint32_t since = 0;
    CHECK(is_near(sw_stall_left(&since, true, 2, 5000), 2));
    CHECK(is_near(sw_stall_left(&since, true, 2, 6500), 0.5));
    CHECK(sw_stall_left(&since, true, 2, 7001) <= 0);
    CHECK(sw_stall_left(&since, true, 2, 9000) <= 0);
}

static void begins_anew(void) {
    uint32_t since = 0;
    CHECK(is_near(sw_stall_left(&since, true, 2, 5000), 2));
    since = 0; /* progress */
    CHECK(is_near(sw_stall_left(&since, true, 2, 6500), 2));
    CHECK(is_near(sw_stall_left(&since, true, 2, 8000), 0.5));
    CHECK(isinf(sw_stall_left(&since, false, 2, 8400))); /* nothing waits */
    CHECK(is_near(sw_stall_left(&since, true, 2, 9000), 2));
}

static void has_no_limit(void) {
    uint32_t since = 0;
    CHECK(isinf(sw_stall_left(&since, true, 0, 1000)));
    CHECK(isinf(sw_stall_left(&since, true, 0, 1000 * 1000)));
}

static void wraps(void) {
    const uint64_t wrap = (uint64_t)UINT32_MAX + 1;
    uint32_t since = 0;
    CHECK(is_near(sw_stall_left(&since, true, 3, wrap - 1000), 3));
    CHECK(is_near(sw_stall_left(&since, true, 3, wrap + 500), 1.5));
    CHECK(sw_stall_left(&since, true, 3, wrap + 3000) <= 0);
    since = 0;
    CHECK(is_near(sw_stall_left(&since, true, 3, wrap), 3)); /* 0 itself means something else */
    CHECK(sw_stall_left(&since, true, 3, wrap + 3010) <= 0);
}

static const struct unit_test tests[] = {
    {"is over after so long without progress", ends},
    {"begins anew with progress, and after a rest", begins_anew},
    {"never is over without a limit", has_no_limit},
    {"is not confused by a clock that wraps around", wraps},
};

UNIT_MAIN(tests)
