#include "loop/turns.h"

#include "base/clock.h"

/* Seconds: a first turn counts as one that took so long, and so it takes some thirty quick ones to make them usual. */
static const float FAR = 1;

/* Of what is usual, the share of the newest turn. */
static const float WEIGHT = 0.25F;

void sw_turns_init(struct sw_turns *turns) { *turns = (struct sw_turns){.usual = FAR}; }

double sw_turns_next(struct sw_turns *turns, bool is_out, double now) {
    double took = now - turns->last;
    bool is_turn = is_out != turns->is_out && took < FAR;
    turns->usual = is_turn ? (1 - WEIGHT) * turns->usual + WEIGHT * (float)took : FAR;
    turns->last = now;
    turns->is_out = is_out;
    return turns->usual < SW_TURNS_NEAR ? 2 * (double)turns->usual : 0;
}

void sw_turns_note(struct sw_turns *turns, struct sw_reactor *reactor, bool is_out, double spin) {
    double now = sw_clock(), seconds = sw_turns_next(turns, is_out, now);
    if (seconds < spin) seconds = spin;
    if (seconds > 0) sw_reactor_stay_awake(reactor, now + seconds);
}
