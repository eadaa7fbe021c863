#include "loop/closing.h"

#include "base/clock.h"

void sw_closing_reset(struct closing *closing) { closing->phase = CLOSING_NOT; }

void sw_closing_end(struct closing *closing) { closing->phase = CLOSING_DONE; }

static void begin(struct closing *closing, enum closing_phase phase, double seconds) {
    closing->phase = phase;
    closing->deadline = sw_clock() + seconds;
}

void sw_closing_flush(struct closing *closing, double linger) {
    closing->linger = linger;
    if (linger > 0)
        begin(closing, CLOSING_FLUSH, linger);
    else
        sw_closing_end(closing);
}

void sw_closing_drain(struct closing *closing, double linger) {
    double seconds = linger < SW_DRAIN_MAX ? linger : SW_DRAIN_MAX;
    begin(closing, CLOSING_DRAIN, seconds);
}

enum closing_phase sw_closing_next(struct closing *closing, struct closing_facts facts) {
    bool is_late = sw_clock() >= closing->deadline;
    if (closing->phase == CLOSING_FLUSH && (facts.all_sent || is_late))
        sw_closing_drain(closing, closing->linger);
    else if (closing->phase == CLOSING_DRAIN && (is_late || (facts.peer_ended && facts.all_acked)))
        sw_closing_end(closing);
    return closing->phase;
}

double sw_closing_wait(const struct closing *closing) {
    if (closing->phase != CLOSING_FLUSH && closing->phase != CLOSING_DRAIN) return -1;
    double left = closing->deadline - sw_clock();
    if (closing->phase == CLOSING_DRAIN && left > SW_DRAIN_STEP) return SW_DRAIN_STEP;
    return left > 0 ? left : 0;
}
