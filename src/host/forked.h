/* The child of a fork.
 *
 * The parent's loop thread does not exist in the child, and its locks may be held forever. So the child leaves all memory
 * of the parent's engine as it is; channel/fork.h has closed its copies of the sockets. The Lua state gets a new engine,
 * and its context is reset except for what belongs to the script: the policy, on_error and the polls on its stack. The
 * parent's clients get a copy of the old context, so that no list and no count of the new one includes them.
 */
#ifndef SW_HOST_FORKED_H
#define SW_HOST_FORKED_H

#include <stdbool.h>

#include "host/context.h"
#include "host/luacompat.h"

/* Gives the context a new engine if it has the parent's; it must be the running function's upvalue. False: there was not
 * enough memory, and nothing has changed; a later call can try again. */
bool sw_forked_renew(lua_State *L, struct context *context);

/* The Lua state ends in a child whose context still has the parent's engine. */
void sw_forked_leave(struct context *context);

#endif
