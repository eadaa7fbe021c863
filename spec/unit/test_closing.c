#include "loop/closing.h"

#include "base/clock.h"
#include "channel/thread.h"
#include "unit.h"

static const struct closing_facts nothing = {false, false, false}, sent = {true, false, false},
                                  ended = {false, true, false}, acked = {false, false, true}, all = {true, true, true};

static int changes;

/* As the stream does, with facts that do not change. */
static void on_change(struct closing *closing) {
    changes++;
    sw_closing_next(closing, nothing);
}

static struct sw_reactor *begin(struct closing *closing) {
    struct sw_reactor *reactor = sw_reactor_new();
    sw_closing_init(closing, reactor, on_change);
    changes = 0;
    return reactor;
}

static void end(struct closing *closing, struct sw_reactor *reactor) {
    sw_closing_reset(closing);
    CHECK_EQ(closing->phase, CLOSING_NOT);
    CHECK(!ev_is_active(&closing->timer));
    sw_reactor_free(reactor);
}

static void flushes(void) {
    struct closing closing;
    struct sw_reactor *reactor = begin(&closing);
    CHECK_EQ(sw_closing_next(&closing, all), CLOSING_NOT);
    sw_closing_flush(&closing, 60);
    CHECK_EQ(sw_closing_next(&closing, ended), CLOSING_FLUSH); /* it may still read */
    CHECK_EQ(sw_closing_next(&closing, acked), CLOSING_FLUSH);
    CHECK_EQ(sw_closing_next(&closing, sent), CLOSING_DRAIN);
    CHECK_EQ(sw_closing_next(&closing, ended), CLOSING_DRAIN);
    CHECK_EQ(sw_closing_next(&closing, acked), CLOSING_DRAIN);
    CHECK_EQ(sw_closing_next(&closing, all), CLOSING_OVER);
    CHECK(!ev_is_active(&closing.timer));
    CHECK_EQ(sw_closing_next(&closing, nothing), CLOSING_OVER);
    end(&closing, reactor);
}

static void at_once(void) {
    struct closing closing;
    struct sw_reactor *reactor = begin(&closing);
    sw_closing_flush(&closing, 0);
    CHECK_EQ(closing.phase, CLOSING_OVER);
    sw_closing_drain(&closing, 0);
    CHECK_EQ(sw_closing_next(&closing, nothing), CLOSING_OVER);
    end(&closing, reactor);
}

/* The time of both steps passes, and each is told of; no call but those of on_change moves it. */
static void by_time(void) {
    struct closing closing;
    struct sw_reactor *reactor = begin(&closing);
    double began = sw_clock();
    sw_closing_flush(&closing, 0.02);
    while (closing.phase == CLOSING_FLUSH) ev_run(reactor->ev, EVRUN_ONCE);
    CHECK_EQ(closing.phase, CLOSING_DRAIN);
    CHECK_EQ(changes, 1);
    while (closing.phase == CLOSING_DRAIN) ev_run(reactor->ev, EVRUN_ONCE);
    CHECK_EQ(closing.phase, CLOSING_OVER);
    CHECK(sw_clock() - began >= 0.02); /* the drain's; the flush may end a moment early */
    CHECK(changes > 1);
    end(&closing, reactor);
}

static void no_longer_than(void) {
    struct closing closing;
    struct sw_reactor *reactor = begin(&closing);
    double before = sw_clock();
    sw_closing_drain(&closing, 1000);
    CHECK(closing.deadline >= before && closing.deadline <= sw_clock() + SW_DRAIN_MAX);
    sw_closing_flush(&closing, 1000); /* a close, meanwhile, is the stream's business; a flush begins anew */
    CHECK(closing.deadline >= before + 1000);
    end(&closing, reactor);
}

static const struct unit_test tests[] = {
    {"flushes until all is sent, then drains until the peer has ended and has everything", flushes},
    {"is over at once when no time is given", at_once},
    {"goes from phase to phase by time alone", by_time},
    {"drains for a bounded time, however long it may flush", no_longer_than},
};

int main(void) {
    sw_thread_mark_ours(); /* as on the loop thread */
    return unit_run(tests, sizeof tests / sizeof tests[0]);
}
