#include "loop/greet.h"

#include "channel/loop_end.h"

/* The stream sends the greeting before the first message, in the same call if it can, and counts its bytes as bytes, not
 * as messages. The script may set another meanwhile: that is for the next connection. */
static void start(struct sw_channel *channel, struct stage_result *result) {
    result->preamble = sw_channel_greeting(channel);
}

const struct stage sw_greeting_stage = {start};
