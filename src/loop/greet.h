/* The stage that has the client's greeting go out first: see channel/greeting.h for what that is. */
#ifndef SW_LOOP_GREET_H
#define SW_LOOP_GREET_H

#include "loop/stage.h"

extern const struct stage sw_greeting_stage;

#endif
