/* A stage: what must succeed between the TCP connection and the first message.
 *
 * The dialer carries the stages out in the order of its table, on each connection that it makes; when the last is
 * done, the connection is ready. A new stage is one file with one struct stage, and a row in the dialer's table.
 *
 * Today there is one, the greeting, which only has bytes to send and waits for no answer. A stage that does will need
 * the other half here: bytes that came are fed to it, until it is done (and says how many of them it has used: the
 * rest belongs to what comes next) or has failed.
 */
#ifndef SW_LOOP_STAGE_H
#define SW_LOOP_STAGE_H

#include "channel/channel.h"
#include "channel/greeting.h"

/* What the stages of one connection leave to the stream. */
struct stage_result {
    struct sw_greeting *preamble; /* bytes that go out before the first message; one reference; NULL: none */
};

struct stage {
    /* Begins on a connection that was just made. */
    void (*start)(struct sw_channel *channel, struct stage_result *result);
};

#endif
