/* The greeting stage: the client's greeting (channel/greeting.h) goes out before the first message. */
#ifndef SW_LOOP_GREET_H
#define SW_LOOP_GREET_H

#include "loop/stage.h"

extern const struct stage sw_greeting_stage;

#endif
