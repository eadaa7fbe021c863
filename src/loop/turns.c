#include "loop/turns.h"

#include "base/clock.h"

void sw_turns_init(struct sw_turns *turns) { *turns = (struct sw_turns){.usual = SW_TURNS_FAR}; }

double sw_turns_next(struct sw_turns *turns, bool is_out, double now) {
    double took = now - turns->last;
    bool is_turn = is_out != turns->is_out && took < SW_TURNS_FAR;
    turns->usual = is_turn ? (1 - SW_TURNS_WEIGHT) * turns->usual + SW_TURNS_WEIGHT * (float)took : SW_TURNS_FAR;
    turns->last = now;
    turns->is_out = is_out;
    return turns->usual < SW_TURNS_NEAR ? 2 * (double)turns->usual : 0;
}

void sw_turns_note(struct sw_turns *turns, struct sw_reactor *reactor, bool is_out, double spin) {
    double now = sw_clock(), seconds = sw_turns_next(turns, is_out, now);
    if (seconds < spin) seconds = spin;
    if (seconds > 0) sw_reactor_stay_awake(reactor, now + seconds);
}
