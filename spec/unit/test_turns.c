/* When it pays to stay awake. */
#include "loop/turns.h"

#include "unit.h"

/* Lets the two sides take `count` turns, each `gap` seconds long. Returns what the last one says. */
static double take_turns(struct sw_turns *turns, double *now, int count, double gap) {
    double seconds = 0;
    for (int i = 0; i < count; i++) seconds = sw_turns_next(turns, !turns->was_sent, *now += gap);
    return seconds;
}

static void quick_turns(void) {
    struct sw_turns turns;
    double now = 1000;
    sw_turns_init(&turns);
    CHECK(take_turns(&turns, &now, 10, 20e-6) == 0); /* not usual yet */
    double seconds = take_turns(&turns, &now, 100, 20e-6);
    CHECK(seconds > 39e-6 && seconds < 2 * SW_TURNS_NEAR);
    CHECK(take_turns(&turns, &now, 1, 200e-6) == 0); /* one that is late */
    CHECK(take_turns(&turns, &now, 100, 20e-6) > 0);
}

static void other_traffic(void) {
    struct sw_turns turns;
    double now = 1000;
    sw_turns_init(&turns);
    CHECK(take_turns(&turns, &now, 1000, 60e-6) == 0); /* a wake-up costs no more */
    CHECK(take_turns(&turns, &now, 1000, 1 / 60.0) == 0);
    CHECK(take_turns(&turns, &now, 100, 20e-6) > 0);
    CHECK(sw_turns_next(&turns, turns.was_sent, now += 20e-6) == 0); /* a stream */
    CHECK(sw_turns_next(&turns, turns.was_sent, now += 20e-6) == 0);
    CHECK(take_turns(&turns, &now, 10, 20e-6) == 0);
}

static const struct unit_test tests[] = {
    {"says so when two sides take quick turns", quick_turns},
    {"says nothing for any other traffic", other_traffic},
};

UNIT_MAIN(tests)
