/* How far the system may be ahead of the wire. */
#include "loop/ahead.h"

#include "unit.h"

/* Lets a connection carry so many bytes a millisecond, for so long. Returns the limit that was set last. */
static uint32_t carry(struct sw_ahead *ahead, uint64_t *acked, uint64_t *now, uint64_t rate, int milliseconds) {
    uint32_t limit = 0;
    for (int i = 0; i < milliseconds; i++) {
        *acked += rate;
        uint32_t next = sw_ahead_next(ahead, *acked, ++*now);
        if (next != 0) limit = next;
    }
    return limit;
}

static void follows(void) {
    struct sw_ahead ahead = {0};
    uint64_t acked = 0, now = 1000;
    CHECK_EQ(carry(&ahead, &acked, &now, 1000, 100), 0); /* 1 MB/s: as every socket begins */
    CHECK_EQ(carry(&ahead, &acked, &now, 1000 * 1000, 100), SW_AHEAD_MAX);
    CHECK_EQ(carry(&ahead, &acked, &now, 1000 * 1000, 100), 0); /* it is set */
    CHECK_EQ(carry(&ahead, &acked, &now, 100 * 1000, 100), 2 * SW_AHEAD_MIN);
    CHECK_EQ(carry(&ahead, &acked, &now, 100 * 1000 * 1000, 100), SW_AHEAD_MAX);
    CHECK_EQ(carry(&ahead, &acked, &now, 0, 20), SW_AHEAD_MIN); /* stuck */
    CHECK_EQ(carry(&ahead, &acked, &now, 0, 100), 0);
}

static void wraps(void) {
    struct sw_ahead ahead = {0};
    uint64_t acked = UINT32_MAX - 1000 * 1000, now = UINT32_MAX - 50;
    CHECK_EQ(carry(&ahead, &acked, &now, 1000 * 1000, 20), SW_AHEAD_MAX);
    CHECK_EQ(carry(&ahead, &acked, &now, 1000 * 1000, 200), 0); /* over both wraps */
    CHECK(acked > UINT32_MAX && now > UINT32_MAX);
}

static void begins_late(void) { /* long after the clock's zero: the first look only measures from a wrong time */
    struct sw_ahead ahead = {0};
    CHECK_EQ(sw_ahead_next(&ahead, 0, UINT64_C(1) << 40), 0);
}

static const struct unit_test tests[] = {
    {"follows the rate, and goes back when acknowledgements stop", follows},
    {"is not confused by numbers that wrap around", wraps},
    {"begins whenever it likes", begins_late},
};

UNIT_MAIN(tests)
