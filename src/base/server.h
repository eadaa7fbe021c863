/* The servers that a client connects to: one or more, of which it uses one at a time. src/host has checked them. They
 * never change, so both threads read them without a lock. They are reference-counted, because a name may take 253 bytes
 * and a client needs its servers in three places: the script's latest choice, the next attempt and the present attempt.
 * Clients for the same servers share them if they are made one after the other.
 */
#ifndef SW_BASE_SERVER_H
#define SW_BASE_SERVER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "base/rules.h"

enum { SW_SERVERS_MAX = 16 };

struct sw_server {
    enum sw_scheme scheme : 8;
    uint16_t port;        /* 0 = none set, or a unix socket */
    const char *hostname; /* "" = none set; of a unix socket: its path, or "@name" if it is abstract */
};

/* The order in which a client tries its servers. */
#define SW_ORDERS(X)  \
    X(GIVEN, "given") \
    X(RANDOM, "random") /* another one for each client and connect command */

#define SW_ORDER_ENUM(name, word) SW_ORDER_##name,
enum sw_order { SW_ORDERS(SW_ORDER_ENUM) };

/* Servers while arguments are read. */
struct sw_choice {
    struct sw_rules *rules; /* borrowed; NULL: all are admitted */
    enum sw_order order;
    unsigned count; /* 1 or more */
    struct sw_endpoint list[SW_SERVERS_MAX];
};

struct sw_servers {
    struct sw_rules *rules; /* under which a script chose them; one reference, or NULL */
    atomic_int refs;
    enum sw_order order : 8;
    uint8_t count;           /* 1 or more */
    struct sw_server list[]; /* in the order given; the host names stand behind it */
};

/* New servers with one reference. NULL: no memory. */
struct sw_servers *sw_servers_new(const struct sw_choice *choice);

/* Returns a new reference to servers that equal `wanted`. If *last equals them, that is *last. Else they are new, and
 * *last becomes a second reference to them. NULL: no memory. */
struct sw_servers *sw_servers_share(struct sw_servers **last, const struct sw_choice *wanted);

/* The server with that index; the first one if there are not so many. */
const struct sw_server *sw_servers_at(const struct sw_servers *servers, unsigned index);

/* True if nothing is missing to connect to it. */
bool sw_server_is_complete(const struct sw_server *server);

/* A copy of it, for a caller that needs them after the server may have been freed. */
struct sw_endpoint sw_server_endpoint(const struct sw_server *server);

/* A copy of all of them, without the rules. */
struct sw_choice sw_servers_choice(const struct sw_servers *servers);

/* Both take NULL. */
struct sw_servers *sw_servers_ref(struct sw_servers *servers);
void sw_servers_unref(struct sw_servers *servers);

/* Sets *place to a new reference to the servers (NULL: none), and drops the reference that *place had. */
void sw_servers_set(struct sw_servers **place, struct sw_servers *servers);

/* Compares order, schemes, hosts, ports and rules. NULL equals only NULL. */
bool sw_servers_equal(const struct sw_servers *a, const struct sw_servers *b);

/* Compares scheme, host and port. NULL equals only NULL. */
bool sw_server_equal(const struct sw_server *a, const struct sw_server *b);

#endif
