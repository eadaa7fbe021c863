#include "loop/closing.h"

#include <time.h>

#include "base/clock.h"
#include "unit.h"

static const struct closing_facts nothing = {false, false, false}, sent = {true, false, false},
                                  ended = {false, true, false}, acked = {false, false, true}, all = {true, true, true};

static const double SLACK = 1e-9; /* of sums of seconds */

/* Sleeps for as long as time changes nothing, as a timer would. */
static void sleep_on(const struct closing *closing) {
    double seconds = sw_closing_wait(closing);
    struct timespec time = {.tv_nsec = (long)(seconds * 1e9)};
    CHECK(seconds >= 0 && seconds < 1);
    nanosleep(&time, NULL);
}

static void flushes(void) {
    struct closing closing = {.phase = CLOSING_NOT};
    CHECK_EQ(sw_closing_next(&closing, all), CLOSING_NOT);
    CHECK(sw_closing_wait(&closing) < 0);
    sw_closing_flush(&closing, 60);
    CHECK_EQ(sw_closing_next(&closing, ended), CLOSING_FLUSH); /* it may still read */
    CHECK_EQ(sw_closing_next(&closing, acked), CLOSING_FLUSH);
    CHECK_EQ(sw_closing_next(&closing, sent), CLOSING_DRAIN);
    CHECK_EQ(sw_closing_next(&closing, ended), CLOSING_DRAIN);
    CHECK_EQ(sw_closing_next(&closing, acked), CLOSING_DRAIN);
    CHECK_EQ(sw_closing_next(&closing, all), CLOSING_DONE);
    CHECK(sw_closing_wait(&closing) < 0);
    CHECK_EQ(sw_closing_next(&closing, nothing), CLOSING_DONE);
    sw_closing_reset(&closing);
    CHECK_EQ(closing.phase, CLOSING_NOT);
    CHECK(sw_closing_wait(&closing) < 0);
}

static void at_once(void) {
    struct closing closing = {.phase = CLOSING_NOT};
    sw_closing_flush(&closing, 0);
    CHECK_EQ(closing.phase, CLOSING_DONE);
    sw_closing_drain(&closing, 0);
    CHECK_EQ(sw_closing_next(&closing, nothing), CLOSING_DONE);
}

/* The time of both steps passes. While it drains, it is asked again and again. */
static void by_time(void) {
    struct closing closing = {.phase = CLOSING_NOT};
    double began = sw_clock();
    int asked = 0;
    sw_closing_flush(&closing, 0.02);
    while (sw_closing_next(&closing, nothing) == CLOSING_FLUSH) sleep_on(&closing);
    CHECK(sw_clock() - began >= 0.02 - SLACK);
    CHECK_EQ(closing.phase, CLOSING_DRAIN);
    for (; sw_closing_next(&closing, nothing) == CLOSING_DRAIN; asked++) sleep_on(&closing);
    CHECK_EQ(closing.phase, CLOSING_DONE);
    CHECK(sw_clock() - began >= 0.04 - SLACK);
    CHECK(asked > 1);
}

static void no_longer_than(void) {
    struct closing closing = {.phase = CLOSING_NOT};
    double before = sw_clock();
    sw_closing_drain(&closing, 1000);
    CHECK(closing.deadline >= before && closing.deadline <= sw_clock() + SW_DRAIN_MAX);
    CHECK(sw_closing_wait(&closing) <= SW_DRAIN_MAX);
    sw_closing_flush(&closing, 1000); /* a close, meanwhile, is the stream's business; a flush begins anew */
    CHECK(closing.deadline >= before + 1000);
    CHECK(sw_closing_wait(&closing) > 900);
}

static const struct unit_test tests[] = {
    {"flushes until all is sent, then drains until the peer has ended and has everything", flushes},
    {"is over at once when no time is given", at_once},
    {"goes from phase to phase by time alone", by_time},
    {"drains for a bounded time, however long it may flush", no_longer_than},
};

UNIT_MAIN(tests)
