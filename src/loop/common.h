/* What the parts of one client have in common on the loop thread. It lies in the connection; each part points to it. One
 * pointer in each instead of several: there may be ten thousand clients.
 */
#ifndef SW_LOOP_COMMON_H
#define SW_LOOP_COMMON_H

#include "channel/channel.h"
#include "loop/reactor.h"
#include "loop/turns.h"

struct common {
    struct sw_reactor *reactor;
    struct sw_channel *channel; /* one reference */
    struct sw_turns turns;      /* tx and rx note their traffic in it */
};

#endif
