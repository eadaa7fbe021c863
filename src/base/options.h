/* What a client was made with: checked by the host room, then never changed, so both threads read it without a lock.
 * Server and reconnect policy, which change, travel as commands. Clients that were made alike share theirs: a thousand
 * clients mostly are.
 */
#ifndef SW_BASE_OPTIONS_H
#define SW_BASE_OPTIONS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/framing.h"
#include "base/retain.h"

struct sw_keepalive {
    int idle;     /* seconds without traffic before the first probe; 0 = no keepalive */
    int interval; /* seconds between probes */
    int count;    /* unanswered probes after which the peer is dead */
};

struct sw_options {
    atomic_int refs; /* of shared ones */
    struct sw_framing framing;
    enum sw_retain retain;
    size_t queue_limit;     /* bytes accepted and not finished with, framing included */
    size_t inbox_limit;     /* bytes received and not delivered, record headers included */
    double connect_timeout; /* seconds for one attempt, looking up included */
    double linger;          /* seconds that closing may spend flushing */
    double stall_timeout;   /* seconds without progress after which a busy connection is dead; 0 = off */
    double spin;            /* seconds that the loop, after traffic, and a wait look out before they sleep; 0 = none */
    struct sw_keepalive keepalive;
    bool nodelay;
};

/* A reference to options equal to `wanted`: those that *last refers to, if they are; else new ones, to which *last
 * refers from then on. NULL: no memory. */
struct sw_options *sw_options_share(struct sw_options **last, const struct sw_options *wanted);

/* Takes NULL. */
void sw_options_unref(struct sw_options *options);

#endif
