/* What every part of one client needs on the loop thread: the reactor that it runs on, and the channel to the client's host
 * side. It lies in the connection; the parts, all of which live as long, point to it. One pointer in each instead of two:
 * there may be ten thousand clients.
 */
#ifndef SW_LOOP_LINE_H
#define SW_LOOP_LINE_H

#include "channel/channel.h"
#include "loop/reactor.h"

struct line {
    struct sw_reactor *reactor;
    struct sw_channel *channel; /* one reference */
};

#endif
