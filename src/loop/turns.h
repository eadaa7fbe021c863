/* Decides for how long the loop busy-waits after traffic before it sleeps.
 *
 * To wake a sleeping thread takes longer than the answer of a server on the same machine. So after traffic of a
 * client with the option spin, the loop stays awake for that time. It also stays awake where the two sides of a
 * connection take turns quickly: messages sent, an answer received, messages sent, and so on. Then it waits twice the
 * average time of a turn, which is less than 2 * SW_TURNS_NEAR. For other traffic, the only cost is to read the
 * clock.
 */
#ifndef SW_LOOP_TURNS_H
#define SW_LOOP_TURNS_H

#include <stdbool.h>

#include "base/tunables.h"
#include "loop/reactor.h"

struct sw_turns {
    double last;   /* sw_clock: time of the last traffic */
    float average; /* seconds that a turn takes on average; SW_TURNS_FAR: the sides do not take turns */
    bool was_sent; /* the last traffic was sent; else it was received */
};

void sw_turns_init(struct sw_turns *turns);

/* Notes traffic at the time `now` (sw_clock). Returns for how many seconds the loop should stay awake. */
double sw_turns_next(struct sw_turns *turns, bool was_sent, double now);

/* The same for the current time. Keeps the loop awake for the result, or for `spin` seconds if that is longer. */
void sw_turns_note(struct sw_turns *turns, struct sw_reactor *reactor, bool was_sent, double spin);

#endif
