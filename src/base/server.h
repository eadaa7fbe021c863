/* The server that a client connects to: a host and a port, checked, never changed, and shared by both threads. It is
 * reference-counted, because a name may have 253 bytes and a client refers to up to three servers. Clients that are
 * made for the same server, one after the other, share it.
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

/* Returns a reference to a server equal to `wanted`: to *last, if that is equal; else to a new one, to which *last then
 * also refers. NULL: no memory. */
struct sw_server *sw_server_share(struct sw_server **last, const struct sw_endpoint *wanted);

/* A copy of the host and port, for a caller during which the server may be freed. */
struct sw_endpoint sw_server_endpoint(const struct sw_server *server);

/* Both take NULL. */
struct sw_server *sw_server_ref(struct sw_server *server);
void sw_server_unref(struct sw_server *server);

/* Sets *place to a new reference to the server (NULL: none), and drops the reference that *place had. */
void sw_server_set(struct sw_server **place, struct sw_server *server);

/* Compares host and port. NULL equals only NULL. */
bool sw_server_equal(const struct sw_server *a, const struct sw_server *b);

#endif
