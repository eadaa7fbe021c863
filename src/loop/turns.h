/* Does it pay to look out for more after traffic, instead of sleeping at once?
 *
 * To wake a thread takes longer than an answer from a server near by. So the loop stays awake for a while after
 * traffic of a client with the option spin. It also does so where the two sides of a connection take turns, and have
 * been quick for a while: messages out, an answer in, messages out. Then it waits for the next turn for twice as long
 * as one usually takes, which is less than SW_TURNS_NEAR twice. Other traffic costs a look at the clock.
 */
#ifndef SW_LOOP_TURNS_H
#define SW_LOOP_TURNS_H

#include <stdbool.h>

#include "base/tunables.h"
#include "loop/reactor.h"

struct sw_turns {
    double last;   /* sw_clock: the last traffic */
    float average; /* seconds that a turn takes, on an average; a second: they do not take turns */
    bool was_sent; /* the last traffic was messages sent */
};

void sw_turns_init(struct sw_turns *turns);

/* There was traffic at the time given, out or in. Returns for how many seconds to stay awake; 0: not at all. */
double sw_turns_next(struct sw_turns *turns, bool was_sent, double now);

/* The same, now; and the loop does so, or for `spin` seconds, if that is longer. */
void sw_turns_note(struct sw_turns *turns, struct sw_reactor *reactor, bool was_sent, double spin);

#endif
