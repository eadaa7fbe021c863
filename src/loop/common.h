/* What all parts of one client use on the loop thread. The connection contains it, and each part has a pointer to it.
 * One pointer for each part instead of several saves memory: there may be ten thousand clients.
 */
#ifndef SW_LOOP_COMMON_H
#define SW_LOOP_COMMON_H

#include "channel/channel.h"
#include "loop/reactor.h"
#include "loop/turns.h"

struct common {
    struct sw_reactor *reactor;
    struct sw_channel *channel; /* one reference */
    struct sw_turns turns;      /* tx and rx report their traffic to it */
};

#endif
