#include "loop/closing.h"

#include <string.h>

#include "base/clock.h"

/* There is no event for "acknowledged": ask this often, for so short a time. */
static const double DRAIN_STEP = 0.005;

static void on_timer(struct ev_loop *ev, ev_timer *timer, int events) {
    (void)ev, (void)events;
    struct closing *closing = timer->data;
    if (closing->phase == CLOSING_DRAIN)
        sw_reactor_set_timer(closing->reactor, timer, DRAIN_STEP);
    else
        closing->deadline = 0; /* libev counts from the beginning of its round, so it may be a moment early */
    closing->on_change(closing);
}

void sw_closing_init(struct closing *closing, struct sw_reactor *reactor, void (*on_change)(struct closing *closing)) {
    memset(closing, 0, sizeof *closing);
    closing->reactor = reactor;
    closing->on_change = on_change;
    ev_init(&closing->timer, on_timer);
    closing->timer.data = closing;
}

static void rest(struct closing *closing, enum closing_phase phase) {
    closing->phase = phase;
    ev_timer_stop(closing->reactor->ev, &closing->timer);
}

void sw_closing_reset(struct closing *closing) { rest(closing, CLOSING_NOT); }

void sw_closing_end(struct closing *closing) { rest(closing, CLOSING_OVER); }

static void begin(struct closing *closing, enum closing_phase phase, double seconds, double wake) {
    closing->phase = phase;
    closing->deadline = sw_clock() + seconds;
    sw_reactor_set_timer(closing->reactor, &closing->timer, wake);
}

void sw_closing_flush(struct closing *closing, double linger) {
    closing->linger = linger;
    if (linger > 0)
        begin(closing, CLOSING_FLUSH, linger, linger);
    else
        sw_closing_end(closing);
}

void sw_closing_drain(struct closing *closing, double linger) {
    double seconds = linger < SW_DRAIN_MAX ? linger : SW_DRAIN_MAX;
    begin(closing, CLOSING_DRAIN, seconds, DRAIN_STEP);
}

enum closing_phase sw_closing_next(struct closing *closing, struct closing_facts facts) {
    bool is_late = sw_clock() >= closing->deadline;
    if (closing->phase == CLOSING_FLUSH && (facts.all_sent || is_late))
        sw_closing_drain(closing, closing->linger);
    else if (closing->phase == CLOSING_DRAIN && (is_late || (facts.peer_ended && facts.all_acked)))
        sw_closing_end(closing);
    return closing->phase;
}
