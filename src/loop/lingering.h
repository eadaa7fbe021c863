/* A lingering close: the socket of a connection that has ended for its client, though not for the peer.
 *
 * All that was sent is acknowledged, our FIN is out, and another connection is to follow at once. To close the socket now
 * could reset a peer that still answers what it got (a lingering close, as web servers name it). So it is read to the
 * peer's end, and what comes is thrown away; at the deadline it is closed. It belongs to the loop thread, not to its
 * client, which may be gone before. A client has one at most.
 */
#ifndef SW_LOOP_LINGERING_H
#define SW_LOOP_LINGERING_H

#include "channel/channel.h"
#include "loop/reactor.h"
#include "loop/transport.h"

/* Takes over the transport of the channel's client, until `deadline` (sw_clock) at most. Of the same client, one that
 * lingers already is closed at once; so is this one, where there is no memory for it. */
void sw_lingering_start(struct sw_reactor *reactor, struct sw_channel *channel, const struct sw_transport *transport,
                        double deadline);

/* The loop is to end: none lingers longer than `seconds` from now. 0: all are closed at once. */
void sw_lingering_hurry(struct sw_reactor *reactor, double seconds);

#endif
