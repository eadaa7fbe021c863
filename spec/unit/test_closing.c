/* The two phases of an end, by facts and by time. */
#include "loop/closing.h"

#include <math.h>

#include "unit.h"

#define CHECK_NEAR(got, want) CHECK(fabs((got) - (want)) < 1e-9)

static const struct closing_facts nothing = {.all_sent = false}, sent = {.all_sent = true},
                                  ended = {.peer_ended = true}, acked = {.all_sent = true, .all_acked = true},
                                  all = {.all_sent = true, .peer_ended = true, .all_acked = true};

static void flushes(void) {
    struct closing closing;
    sw_closing_reset(&closing);
    CHECK_EQ(sw_closing_next(&closing, all, 1), CLOSING_NOT);
    CHECK(sw_closing_wait(&closing, 1) < 0);
    sw_closing_flush(&closing, 60);
    CHECK_EQ(sw_closing_next(&closing, ended, 1), CLOSING_FLUSH); /* it may still read */
    CHECK_EQ(sw_closing_next(&closing, sent, 2), CLOSING_DRAIN);
    CHECK_EQ(sw_closing_next(&closing, ended, 3), CLOSING_DRAIN);
    CHECK_EQ(sw_closing_next(&closing, acked, 59), CLOSING_DRAIN); /* it may still work on what it got */
    CHECK_EQ(sw_closing_next(&closing, all, 59), CLOSING_DONE);
    CHECK(sw_closing_wait(&closing, 59) < 0);
    CHECK_EQ(sw_closing_next(&closing, nothing, 59), CLOSING_DONE);
    sw_closing_reset(&closing);
    CHECK_EQ(closing.phase, CLOSING_NOT);
}

static void ends_at_deadline(void) {
    struct closing closing = {.phase = CLOSING_NOT};
    sw_closing_flush(&closing, 10);
    CHECK_EQ(sw_closing_next(&closing, nothing, 9.9), CLOSING_FLUSH);
    CHECK_EQ(sw_closing_next(&closing, sent, 10), CLOSING_DONE);
    sw_closing_flush(&closing, 10);
    CHECK_EQ(sw_closing_next(&closing, nothing, 10), CLOSING_DONE);
    sw_closing_flush(&closing, 10);
    CHECK_EQ(sw_closing_next(&closing, sent, 1), CLOSING_DRAIN);
    CHECK_EQ(sw_closing_next(&closing, acked, 9.9), CLOSING_DRAIN);
    CHECK_EQ(sw_closing_next(&closing, acked, 10), CLOSING_DONE);
}

static void is_awaited(void) {
    struct closing closing;
    sw_closing_reset(&closing);
    closing.is_awaited = true;
    sw_closing_flush(&closing, 60);
    CHECK_EQ(sw_closing_next(&closing, sent, 1), CLOSING_DRAIN);
    CHECK_EQ(sw_closing_next(&closing, sent, 2), CLOSING_DRAIN);
    CHECK_EQ(sw_closing_next(&closing, acked, 2), CLOSING_DONE);
}

static void is_unheard(void) {
    struct closing_facts unheard = acked;
    struct closing closing = {.phase = CLOSING_NOT};
    unheard.is_unheard = true;
    sw_closing_drain(&closing, 60);
    CHECK_EQ(sw_closing_next(&closing, (struct closing_facts){.is_unheard = true}, 30), CLOSING_DRAIN);
    CHECK_EQ(sw_closing_next(&closing, unheard, 30), CLOSING_DRAIN);
    CHECK_EQ(sw_closing_next(&closing, unheard, 30 + SW_UNHEARD_END / 2), CLOSING_DRAIN);
    CHECK_EQ(sw_closing_next(&closing, unheard, 30.001 + SW_UNHEARD_END), CLOSING_DONE);
}

static void asks_often(void) {
    struct closing closing = {.phase = CLOSING_NOT};
    double now = 10, longest = 0;
    int count = 0;
    sw_closing_flush(&closing, 60);
    CHECK_NEAR(sw_closing_wait(&closing, 10), 50);
    CHECK_EQ(sw_closing_next(&closing, sent, 10), CLOSING_DRAIN);
    CHECK_NEAR(sw_closing_wait(&closing, 10), SW_DRAIN_STEP);
    for (; sw_closing_next(&closing, sent, now) == CLOSING_DRAIN; count++) {
        double wait = sw_closing_wait(&closing, now);
        longest = fmax(longest, wait);
        now += fmax(wait, 0.001);
    }
    CHECK_NEAR(longest, SW_DRAIN_STEP_MAX);
    CHECK(now >= 60 && now < 60.01);
    CHECK(count > 1000 && count < 1100);
}

static const struct unit_test tests[] = {
    {"flushes until all is sent, then drains until the peer has ended and has everything", flushes},
    {"is over at the deadline, in either phase", ends_at_deadline},
    {"waits only for acknowledgements when another connection waits for it", is_awaited},
    {"waits a moment for the peer's end when nobody is left to hear of it", is_unheard},
    {"asks for acknowledgements often at first, and not later than the deadline", asks_often},
};

UNIT_MAIN(tests)
