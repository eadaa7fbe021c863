/* Sleeping on the host thread until the loop has done something, whatever it is that is waited for.
 *
 * An error leaves a wait without a word, and a finalizer may do anything within one. So poll, events(), stop and the
 * end of a client end a wait as well, and this stands below them; the methods that wait stand above, in wait.c.
 */
#ifndef SW_HOST_WAITING_H
#define SW_HOST_WAITING_H

#include <lua.h>

#include "channel/channel.h"
#include "channel/snapshot.h"
#include "host/context.h"

/* What is waited for. */
struct sw_goal {
    /* Looks whether the wait is over. 0: not yet; else the number of values it has pushed. */
    int (*look)(lua_State *L, struct client *client, void *subject);
    /* Pushes the sentence for when time is out. Snapshot and client are NULL where the wait has no client. NULL: there is
     * no deadline. */
    void (*push_late)(lua_State *L, const struct client *client, const struct sw_snapshot *snapshot, void *subject);
    enum sw_wake_on wake_on;
};

/* Sleeps until the goal's look says so, the deadline (sw_clock, < 0: none) passes or a signal comes. Runs no handlers.
 * The client may be NULL: for all clients; without a deadline the wait then also ends when nothing can come. Returns the look's values, or nil, message, code. */
int sw_wait_until(lua_State *L, struct context *context, struct client *client, double deadline,
                  const struct sw_goal *goal, void *subject);

/* The host does not wait (any more): the loop need not wake it. Waits nest, because a look can run a finalizer that waits
 * as well, and an error leaves a wait without a word; so each looks again, before it sleeps, when another one has ended
 * meanwhile. */
void sw_wait_leave(struct context *context);

#endif
