/* The server that a client connects to: a host and a port, which src/host has checked. It never changes, so both
 * threads read it without a lock. It is reference-counted, because a name may take 253 bytes and a client needs the
 * server in three places: the script's latest choice, the next attempt and the present attempt. Clients for the same
 * server share it if they are made one after the other.
 */
#ifndef SW_BASE_SERVER_H
#define SW_BASE_SERVER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"

struct sw_server {
    atomic_int refs;
    enum sw_scheme scheme;
    uint16_t port;   /* 0 = none set */
    char hostname[]; /* "" = none set */
};

/* A new server with one reference. NULL: no memory. */
struct sw_server *sw_server_new(const struct sw_endpoint *endpoint);

/* Returns a new reference to a server that equals `wanted`. If *last equals it, that is *last. Else it is a new server,
 * and *last becomes a second reference to it. NULL: no memory. */
struct sw_server *sw_server_share(struct sw_server **last, const struct sw_endpoint *wanted);

/* A copy of the host and port, for a caller that needs them after the server may have been freed. */
struct sw_endpoint sw_server_endpoint(const struct sw_server *server);

/* Both take NULL. */
struct sw_server *sw_server_ref(struct sw_server *server);
void sw_server_unref(struct sw_server *server);

/* Sets *place to a new reference to the server (NULL: none), and drops the reference that *place had. */
void sw_server_set(struct sw_server **place, struct sw_server *server);

/* Compares scheme, host and port. NULL equals only NULL. */
bool sw_server_equal(const struct sw_server *a, const struct sw_server *b);

#endif
