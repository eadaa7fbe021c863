/* Turns host names into addresses. getaddrinfo follows the system's configuration (hosts file, mDNS, search list), but
 * blocks for as long as a name server does not answer: loop/lookups.h calls it on threads of its own.
 */
#ifndef SW_LOOP_RESOLVER_H
#define SW_LOOP_RESOLVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "channel/causes.h"
#include "loop/socket.h"

enum { SW_ADDRESSES_MAX = SW_CAUSES_MAX };

struct sw_addresses {
    size_t count;
    struct sw_address list[SW_ADDRESSES_MAX]; /* without a port: sw_addresses_set_port */
};

/* Is the text a numeric address? Then *addresses holds it, or *error says what is wrong with it, such as the name of a
 * network interface that does not exist. False: it is a name. Does not block. */
bool sw_resolve_numeric(const char *hostname, struct sw_addresses *addresses, struct sw_error *error);

/* Looks the name up. Blocks. */
struct sw_error sw_resolve(const char *hostname, struct sw_addresses *addresses);

void sw_addresses_set_port(struct sw_addresses *addresses, uint16_t port);

#endif
