/* A stage: something that must succeed after the TCP connection is made and before the first message is sent.
 *
 * The dialer carries out the stages of its table, in order, on each new connection. After the last one, the
 * connection is ready. A new stage is one file that defines a struct stage, and a row in the dialer's table.
 *
 * The stages of today, the preamble and the greeting, have bytes to send and wait for no answer. They add them to the
 * opening, which the stream sends before the first message. A stage that waits needs a second function here: it gets
 * received bytes, and says how many it has used, and whether it is done or has failed. The other bytes belong to the
 * next stage or to the messages.
 */
#ifndef SW_LOOP_STAGE_H
#define SW_LOOP_STAGE_H

#include "base/error.h"
#include "channel/channel.h"
#include "channel/greeting.h"

/* The result of the stages of one connection, for the stream. */
struct stage_result {
    struct sw_greeting *opening; /* bytes to send before the first message; one reference; NULL: none */
};

struct stage {
    /* Begins the stage on a new connection. Returns why it has failed, or SW_OK. */
    struct sw_error (*start)(struct sw_channel *channel, struct stage_result *result);
};

#endif
