/* A stage: something that must succeed after the TCP connection is made and before the first message is sent.
 *
 * The dialer carries out the stages of its table, in order, on each new connection. After the last one, the
 * connection is ready. A new stage is one file that defines a struct stage, and a row in the dialer's table.
 *
 * The only stage today, the greeting, has bytes to send and waits for no answer. A stage that waits needs a second
 * function here: it gets received bytes, and says how many it has used, and whether it is done or has failed. The
 * other bytes belong to the next stage or to the messages.
 */
#ifndef SW_LOOP_STAGE_H
#define SW_LOOP_STAGE_H

#include "channel/channel.h"
#include "channel/greeting.h"

/* The result of the stages of one connection, for the stream. */
struct stage_result {
    struct sw_greeting *preamble; /* bytes to send before the first message; one reference; NULL: none */
};

struct stage {
    /* Begins the stage on a new connection. */
    void (*start)(struct sw_channel *channel, struct stage_result *result);
};

#endif
