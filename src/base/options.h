/* The options of a client that never change. src/host checks them; then both threads read them without a lock. The
 * server and the reconnect policy can change, so commands carry them. Clients with equal options share one struct,
 * because a program with a thousand clients mostly makes them with the same options.
 */
#ifndef SW_BASE_OPTIONS_H
#define SW_BASE_OPTIONS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/framing.h"
#include "base/option_kinds.h"
#include "base/retain.h"

/* The options of sidewire.new. OTHER(name): what is more than one value, and has code of its own. The order is that in
 * which a message lists them. */
/* clang-format off */
#define SW_OPTIONS(X, OTHER)                                                                                           \
    OTHER(host)                                                                                                        \
    OTHER(port)                                                                                                        \
    OTHER(framing)                                                                                                     \
    OTHER(max_message)                                                                                                 \
    X(connect_timeout, seconds, 10, 0.001, 1e8)            /* for one attempt, the name lookup included */             \
    OTHER(reconnect)                                                                                                   \
    X(queue_limit, size, (size_t)16 << 20, 1, SW_SIZE_MAX) /* bytes accepted and not finished with, with framing */    \
    X(inbox_limit, size, (size_t)8 << 20, 1, SW_SIZE_MAX)  /* bytes received and not delivered, with record headers */ \
    OTHER(retain)                                                                                                      \
    OTHER(greeting)                                                                                                    \
    X(linger, seconds, 1, 0, 1e8)                          /* that closing may spend on sending the rest */            \
    X(nodelay, flag, true, false, true)                    /* TCP_NODELAY: small messages leave at once */             \
    OTHER(keepalive)                                                                                                   \
    X(stall_timeout, seconds, 30, 0, 2e6)                  /* without progress, then a busy connection is dead; 0 = off.\
                                                            * The system counts milliseconds in an int: tcp(7) */      \
    X(spin, microseconds, 0, 0, 1000000)                   /* awake after traffic and in a wait, before sleeping; the  \
                                                            * unit is that of SO_BUSY_POLL (socket(7)) */              \
    OTHER(on)

/* Fields of the option keepalive. Linux takes 1..32767 seconds and 1..127 probes (tcp(7)). */
#define SW_KEEPALIVE_OPTIONS(X)                                                                                        \
    X(idle, count, 15, 1, 32767)    /* seconds without traffic before the first probe; 0 = no keepalive */             \
    X(interval, count, 5, 1, 32767) /* seconds between probes */                                                       \
    X(count, count, 3, 1, 127)      /* unanswered probes after which the peer is dead */
/* clang-format on */

struct sw_keepalive {
    SW_KEEPALIVE_OPTIONS(SW_OPTION_FIELD)
};

struct sw_options {
    atomic_int refs;
    struct sw_framing framing;
    enum sw_retain retain;
    struct sw_keepalive keepalive;
    SW_OPTIONS(SW_OPTION_FIELD, SW_OPTION_NONE)
};

/* Returns a reference to options equal to `wanted`: to *last, if those are equal; else to a new copy, to which *last
 * then also refers. NULL: no memory. */
struct sw_options *sw_options_share(struct sw_options **last, const struct sw_options *wanted);

/* Takes NULL. */
void sw_options_unref(struct sw_options *options);

#endif
