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

#include "base/address.h"
#include "base/framing.h"
#include "base/option_kinds.h"
#include "base/retain.h"
#include "base/slice.h"
#include "base/tls_settings.h"

/* The options of sidewire.new, in the order in which error messages list them. X: an option with one value of a kind
 * (option_kinds.h). OTHER: an option that has a parser of its own in host/read_options.c. */
/* clang-format off */
#define SW_OPTIONS(X, OTHER)                                                                                           \
    OTHER(host)                                                                                                        \
    OTHER(port)                                                                                                        \
    OTHER(server)                                                                                                      \
    OTHER(order)                                                                                                       \
    OTHER(framing)                                                                                                     \
    OTHER(max_message)                                                                                                 \
    OTHER(tls)                                                                                                         \
    OTHER(bind)                                                                                                        \
    X(connect_timeout, seconds, 10, 0.001, 1e8)            /* for one attempt, with its name lookup */                 \
    OTHER(reconnect)                                                                                                   \
    X(queue_limit, size, (size_t)16 << 20, 1, SW_SIZE_MAX) /* bytes of unfinished messages, with framing */            \
    X(inbox_limit, size, (size_t)8 << 20, 1, SW_SIZE_MAX)  /* bytes of undelivered messages and reports */             \
    X(max_read, size, (size_t)16 << 20, 1, SW_SIZE_MAX)    /* bytes of one client:read */                              \
    OTHER(retain)                                                                                                      \
    OTHER(preamble)                                                                                                    \
    OTHER(greeting)                                                                                                    \
    X(linger, seconds, 1, 0, 1e8)                          /* that closing may spend on sending what is queued */      \
    X(nodelay, flag, true, false, true)                    /* TCP_NODELAY: small messages leave at once */             \
    OTHER(keepalive)                                                                                                   \
    X(stall_timeout, seconds, 30, 0, 2e6)                  /* after which a connection ends if the peer acknowledges   \
                                                            * no byte in flight; 0 = off. The system counts            \
                                                            * milliseconds in an int: tcp(7) */                        \
    X(spin, microseconds, 0, 0, 1000000)                   /* for which a thread busy-waits after traffic, and at the  \
                                                            * start of a wait, before it sleeps; in microseconds, as   \
                                                            * SO_BUSY_POLL (socket(7)) */                              \
    OTHER(on)

/* Fields of the option keepalive. Linux takes 1..32767 seconds and 1..127 probes (tcp(7)). */
#define SW_KEEPALIVE_OPTIONS(X)                                                                                        \
    X(idle, integer, 15, 1, 32767)    /* seconds without traffic before the first probe; 0 = no keepalive */           \
    X(interval, integer, 5, 1, 32767) /* seconds between probes */                                                     \
    X(count, integer, 3, 1, 127)      /* unanswered probes after which the connection ends */
/* clang-format on */

struct sw_keepalive {
    SW_KEEPALIVE_OPTIONS(SW_OPTION_FIELD)
};

/* The local end of the connections. */
struct sw_bind {
    struct sw_ip address; /* version 0: the system chooses it */
    uint16_t port;        /* 0: the system chooses it */
};

struct sw_options {
    atomic_int refs;
    struct sw_framing framing;
    enum sw_retain retain;
    struct sw_keepalive keepalive;
    struct sw_bind bind;
    struct sw_tls_settings *tls; /* one reference: for all TLS connections */
    bool uses_tls;               /* also those to servers without a URL that says so */
    struct sw_slice preamble;    /* sent first on each connection; lies behind the struct that sw_options_share makes */
    SW_OPTIONS(SW_OPTION_FIELD, SW_OPTION_NONE) /* a field for each X */
};

/* Returns a new reference to options that equal `wanted`. If *last equals them, that is *last. Else it is a copy of
 * `wanted`, and *last becomes a second reference to the copy. NULL: no memory. */
struct sw_options *sw_options_share(struct sw_options **last, const struct sw_options *wanted);

/* Takes NULL. */
void sw_options_unref(struct sw_options *options);

#endif
