/* The options of a client that never change. src/host checks them; then both threads read them without a lock. The
 * server and the reconnect policy can change, so commands carry them. Clients with equal options share one struct,
 * because a program with a thousand clients mostly makes them with the same options.
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
    int count;    /* unanswered probes after which the connection fails */
};

struct sw_options {
    atomic_int refs;
    struct sw_framing framing;
    enum sw_retain retain;
    size_t queue_limit;     /* bytes of the outbox and the send queue together, framing included */
    size_t inbox_limit;     /* bytes received and not delivered, SW_MESSAGE_OVERHEAD and reports included */
    double connect_timeout; /* seconds for one attempt, name lookup included */
    double linger;          /* seconds that closing may spend on flushing */
    double stall_timeout;   /* seconds without acknowledgement after which a sending connection fails; 0 = off */
    double spin;            /* seconds of busy polling before a wait, or the loop after traffic, sleeps; 0 = none */
    struct sw_keepalive keepalive;
    bool nodelay; /* TCP_NODELAY, tcp(7) */
};

/* Returns a reference to options equal to `wanted`: to *last, if those are equal; else to a new copy, to which *last
 * then also refers. NULL: no memory. */
struct sw_options *sw_options_share(struct sw_options **last, const struct sw_options *wanted);

/* Takes NULL. */
void sw_options_unref(struct sw_options *options);

#endif
