/* Names to addresses, on a helper thread.
 *
 * getaddrinfo honours the system's own configuration (hosts file, mDNS, search list) and blocks for as long as a
 * silent name server makes it, so it runs on a detached thread that owns its job and is never joined. The job comes
 * back to the loop as a post; if there is no loop any more, it is freed. A dialer that loses interest leaves the job
 * alone until it comes back: at most one lookup in flight per client, and at most four per process, so that a dead
 * name server cannot pile up threads.
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

struct sw_lookup {
    struct sw_post post; /* by which the loop gets it back */
    void (*on_answer)(struct sw_lookup *lookup);
    void *owner;              /* loop thread only: for on_answer; NULL: nobody waits */
    struct sw_engine *engine; /* one reference */
    struct sw_server *server; /* one reference */
    struct sw_error error;    /* the helper writes before the post */
    struct sw_addresses addresses;
};

/* Fills *addresses from a numeric host, without a lookup. False: it is a name. */
bool sw_resolver_numeric(const struct sw_server *server, struct sw_addresses *addresses);

/* Starts a lookup: on_answer gets it, on the loop thread, unless the owner is NULL by then; it is freed after that.
 * 0, EAGAIN (too many under way in this process: try again soon) or an errno. */
int sw_resolver_start(struct sw_engine *engine, struct sw_server *server, void (*on_answer)(struct sw_lookup *lookup),
                      void *owner, struct sw_lookup **lookup);

#endif
