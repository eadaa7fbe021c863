/* Where a client connects to: a host and a port, checked once, never changed, shared by all parts that need them on both
 * threads. A struct of its own, because a name may have 253 bytes, and a client knows up to three servers. Clients that
 * are made for the same server, one after the other, share it.
 */
#ifndef SW_BASE_SERVER_H
#define SW_BASE_SERVER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"

struct sw_server {
    atomic_int refs;
    uint16_t port;   /* 0 = none set */
    char hostname[]; /* "" = none set */
};

/* With one reference; NULL: no memory. */
struct sw_server *sw_server_new(const struct sw_endpoint *endpoint);

/* A reference to a server equal to `wanted`: the one that *last refers to, if it is; else a new one, to which *last refers
 * from then on. NULL: no memory. */
struct sw_server *sw_server_share(struct sw_server **last, const struct sw_endpoint *wanted);

/* A copy of it, for a function during which others may let the server go. */
struct sw_endpoint sw_server_endpoint(const struct sw_server *server);

/* Both take NULL. */
struct sw_server *sw_server_ref(struct sw_server *server);
void sw_server_unref(struct sw_server *server);

/* Has *place, which has a reference of its own, refer to the server. */
void sw_server_set(struct sw_server **place, struct sw_server *server);

/* Either may be NULL: no server. */
bool sw_server_equal(const struct sw_server *a, const struct sw_server *b);

#endif
