#include "loop/closing.h"

#include <math.h>

void sw_closing_reset(struct closing *closing) { *closing = (struct closing){.phase = CLOSING_NOT}; }

void sw_closing_end(struct closing *closing) { closing->phase = CLOSING_DONE; }

void sw_closing_flush(struct closing *closing, double deadline) {
    closing->phase = CLOSING_FLUSH;
    closing->deadline = deadline;
}

void sw_closing_drain(struct closing *closing, double deadline) {
    closing->phase = CLOSING_DRAIN;
    closing->looks = 0;
    closing->deadline = closing->latest = deadline;
    closing->acked_since = 0;
}

/* All is acknowledged: may the socket be closed? */
static bool is_peer_done(const struct closing *closing, struct closing_facts facts, double now) {
    return facts.peer_ended || closing->is_awaited ||
           (facts.is_unheard && now - closing->acked_since >= SW_UNHEARD_END);
}

static void drain(struct closing *closing, struct closing_facts facts, double now) {
    if (closing->looks < UINT16_MAX) closing->looks++;
    if (facts.all_acked && closing->acked_since == 0) closing->acked_since = now;
    if (facts.all_acked && is_peer_done(closing, facts, now)) sw_closing_end(closing);
}

enum closing_phase sw_closing_next(struct closing *closing, struct closing_facts facts, double now) {
    if (closing->phase != CLOSING_FLUSH && closing->phase != CLOSING_DRAIN) return closing->phase;
    if (closing->phase == CLOSING_DRAIN)
        drain(closing, facts, now);
    else if (facts.all_sent)
        sw_closing_drain(closing, closing->deadline);
    if (now >= closing->deadline) sw_closing_end(closing);
    return closing->phase;
}

/* No event tells of acknowledgements. They are asked for often at first: most ends are short. */
static double step(const struct closing *closing) {
    return fmin(SW_DRAIN_STEP + closing->looks * SW_DRAIN_STEP / 8, SW_DRAIN_STEP_MAX);
}

double sw_closing_wait(const struct closing *closing, double now) {
    if (closing->phase != CLOSING_FLUSH && closing->phase != CLOSING_DRAIN) return -1;
    double left = closing->deadline - now;
    if (closing->phase == CLOSING_DRAIN) left = fmin(left, step(closing));
    return left > 0 ? left : 0;
}
