#include "loop/turns.h"

#include "base/clock.h"

void sw_turns_init(struct sw_turns *turns) { *turns = (struct sw_turns){.average = SW_TURNS_FAR}; }

double sw_turns_next(struct sw_turns *turns, bool was_sent, double now) {
    double took = now - turns->last;
    bool is_turn = was_sent != turns->was_sent && took < SW_TURNS_FAR;
    turns->average = is_turn ? (1 - SW_TURNS_WEIGHT) * turns->average + SW_TURNS_WEIGHT * (float)took : SW_TURNS_FAR;
    turns->last = now;
    turns->was_sent = was_sent;
    return turns->average < SW_TURNS_NEAR ? 2 * (double)turns->average : 0;
}

void sw_turns_note(struct sw_turns *turns, struct sw_reactor *reactor, bool was_sent, double spin) {
    double now = sw_clock(), seconds = sw_turns_next(turns, was_sent, now);
    if (seconds < spin) seconds = spin;
    if (seconds > 0) sw_reactor_stay_awake(reactor, now + seconds);
}
