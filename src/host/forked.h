/* The child of a fork.
 *
 * The parent's loop thread is not there, and its locks may be held for ever. So what belongs to the parent's engine is left
 * as it is, but for the child's copies of its descriptors: the peer is to see the parent's end when that comes. The Lua
 * state takes a new engine, and with it a context that is new but for what belongs to the script: the policy, on_error
 * and the polls in its stack. The parent's clients keep the old context, a copy of which is made for them, so that no list
 * and no count of the new one ever has them.
 */
#ifndef SW_HOST_FORKED_H
#define SW_HOST_FORKED_H

#include <lua.h>
#include <stdbool.h>

#include "channel/channel.h"
#include "host/context.h"

/* Gives the context, an upvalue of the running function, a new engine if it has its parent's. False: there is no memory,
 * and all is as before; a later call may try again. */
bool sw_forked_renew(lua_State *L, struct context *context);

/* Closes the copies of a parent's client's sockets, and touches nothing else. */
void sw_forked_close(struct sw_channel *channel);

/* The Lua state ends in a child that has its parent's engine still. */
void sw_forked_leave(struct context *context);

#endif
