/* Resolves host names to addresses on a helper thread.
 *
 * getaddrinfo follows the system's configuration (hosts file, mDNS, search list), but blocks for as long as a name
 * server does not answer. So it runs on a detached thread, which is never joined. The lookup is a post: the helper
 * gives it to the loop when it is done, or frees it if the loop has ended. A dialer cannot stop its lookup, and
 * starts no second one: so each client has at most one. A process has at most SW_LOOKUPS_MAX, so that a dead name
 * server does not cause many threads.
 */
#ifndef SW_LOOP_RESOLVER_H
#define SW_LOOP_RESOLVER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/server.h"
#include "channel/engine.h"
#include "loop/socket.h"

enum { SW_ADDRESSES_MAX = 16 };

struct sw_addresses {
    size_t count;
    struct sw_address list[SW_ADDRESSES_MAX];
};

/* One lookup. It belongs to the helper thread until that posts it, then to the loop thread. */
struct sw_lookup {
    struct sw_post post; /* how the loop gets the lookup back */
    void (*on_answer)(struct sw_lookup *lookup);
    void *owner;              /* loop thread only: the dialer, for on_answer; NULL: it was freed */
    struct sw_engine *engine; /* one reference */
    struct sw_server *server; /* one reference */
    struct sw_error error;    /* the outcome, as are the addresses: the helper thread writes both */
    struct sw_addresses addresses;
};

/* Fills *addresses if the host is a numeric address. False: it is a name, which needs a lookup. */
bool sw_resolver_numeric(const struct sw_server *server, struct sw_addresses *addresses);

/* Starts a lookup. When it is done, calls on_answer on the loop thread, unless lookup->owner is NULL, and frees the
 * lookup. Returns 0, EAGAIN (this process has too many lookups: try again soon) or an errno. */
int sw_resolver_start(struct sw_engine *engine, struct sw_server *server, void (*on_answer)(struct sw_lookup *lookup),
                      void *owner, struct sw_lookup **lookup);

#endif
