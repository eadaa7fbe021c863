/* The name lookups of this process.
 *
 * A lookup may hang for as long as a name server does not answer, and cannot be stopped. So each has a thread of its own,
 * and they are few: at most SW_LOOKUPS_MAX in the process, and half of them for one engine, or fewer if its host's policy
 * says so. Thus a Lua state whose names hang leaves the others their turns. What has no turn waits, in the order of
 * asking, but an engine with fewer lookups under way comes first.
 *
 * A name is looked up once at a time, whoever asks for it: all that ask while its lookup is under way get the same
 * answer. A lookup that nobody waits for any more goes on to its end, and delays no other of the same client.
 *
 *      loop thread                    this registry                   helper thread
 *      sw_lookup_start  ---ask--->    name, waits
 *                                     name, has its turn  --------->  sw_resolve
 *      on_answer        <--post--     (forgotten)         <---------  answer
 *
 * The registry is guarded by the lock that is held over a fork (channel/thread.h): the child begins with an empty one,
 * since it has none of the threads.
 */
#ifndef SW_LOOP_LOOKUPS_H
#define SW_LOOP_LOOKUPS_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/error.h"
#include "channel/engine.h"
#include "loop/resolver.h"

/* What a lookup has found; all that asked share it. */
struct sw_answer {
    atomic_int refs;
    struct sw_error error; /* SW_OK: there are addresses */
    struct sw_addresses addresses;
};

/* One question of one dialer. */
struct sw_lookup {
    struct sw_post post; /* how the loop gets the answer */
    struct sw_engine *engine;
    void (*on_answer)(struct sw_lookup *lookup);
    void *owner;              /* loop thread only: the dialer; NULL: it does not ask any more */
    struct sw_answer *answer; /* for on_answer */
    double asked_at;          /* sw_clock */

    /* The registry's. */
    struct sw_lookup *next, **link; /* in the name's list */
    struct sw_name *name;           /* NULL: answered */
    double since;                   /* answered: when the name got its turn (sw_clock) */
};

/* Asks for a name. on_answer is called on the loop thread, never within this call; then the lookup is freed. NULL: no
 * memory. */
struct sw_lookup *sw_lookup_start(struct sw_engine *engine, const char *hostname,
                                  void (*on_answer)(struct sw_lookup *lookup), void *owner);

/* The dialer does not ask any more, and on_answer is not called. */
void sw_lookup_cancel(struct sw_lookup *lookup);

struct sw_turn {
    bool has_come;      /* the lookup is under way, or answered */
    double since;       /* has_come: sw_clock, not before it was asked for */
    unsigned under_way; /* lookups of all names in this process */
};

struct sw_turn sw_lookup_turn(const struct sw_lookup *lookup);

#endif
