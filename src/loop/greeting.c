#include "channel/loop_end.h"
#include "loop/stage.h"

/* The greeting goes out in one piece with the first messages: the stream sends it before them, and counts its bytes as
 * bytes, not as messages. The script may set another meanwhile: it is for the next connection. */
static void start(struct sw_channel *channel, struct stage_yield *yield) { yield->head = sw_channel_greeting(channel); }

const struct stage sw_greeting_stage = {"greeting", start};
