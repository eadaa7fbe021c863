/* Waits on the host thread until a goal is reached, for all functions that wait (wait.c, unfinished.c).
 *
 * A Lua error can leave a wait without ending it, and a finalizer can call any function within a wait. So poll,
 * events(), stop and the end of a client also end a wait that is entered.
 */
#ifndef SW_HOST_WAITING_H
#define SW_HOST_WAITING_H

#include "channel/channel.h"
#include "channel/snapshot.h"
#include "host/context.h"
#include "host/luacompat.h"

/* What a wait waits for. */
struct sw_goal {
    /* Checks whether the wait is over. Returns 0: not yet; else the number of values that it has pushed. */
    int (*check)(lua_State *L, struct client *client, void *subject);
    /* Pushes the message of a time-out. The client and its snapshot are NULL in a wait without a client. NULL: the wait
     * has no deadline. */
    void (*push_timeout)(lua_State *L, const struct client *client, const struct sw_snapshot *snapshot, void *subject);
    enum sw_wake_on wake_on; /* which changes must wake the host */
};

/* Waits until the goal's check pushes values, the deadline (sw_clock, < 0: none) passes or a signal comes. Calls no
 * handlers. The client may be NULL, for a wait for all clients; without a deadline, that wait also ends when nothing
 * can come. `subject` is passed to the functions of the goal. Returns the number of values pushed: those of the check,
 * or nil, message, code. */
int sw_wait_until(lua_State *L, struct context *context, struct client *client, double deadline,
                  const struct sw_goal *goal, void *subject);

/* The deadline for the time-out at index, as sw_wait_until takes it: -1, if none is given. Raises for an invalid
 * one. */
double sw_wait_deadline(lua_State *L, const char *where, int index);

/* Pushes the message of a time-out of a wait for all clients. */
void sw_wait_push_nothing_came(lua_State *L, const struct context *context);

/* Ends the present wait, if there is one: the loop no longer wakes the host. Waits can nest, because a check may run a
 * finalizer that waits. So an outer wait compares context->waits, and enters again if an inner one has ended it. */
void sw_wait_end(struct context *context);

#endif
