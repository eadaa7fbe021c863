#include "loop/greet.h"

#include "channel/loop_end.h"

/* The stream sends the greeting before the first message, in the same sendmsg if possible. The greeting counts as
 * sent bytes, not as a message. If the script sets another greeting later, the next connection sends that one. */
static void start(struct sw_channel *channel, struct stage_result *result) {
    result->preamble = sw_channel_greeting(channel);
}

const struct stage sw_greeting_stage = {start};
