/* What a wait says when its time is out: what has not come, why there is no connection, and what the client does about it.
 *
 * Each function pushes one sentence about a client of which the snapshot tells.
 */
#ifndef SW_HOST_LATE_H
#define SW_HOST_LATE_H

#include <lua.h>
#include <stdint.h>

#include "channel/snapshot.h"
#include "host/context.h"

void sw_late_push_connected(lua_State *L, const struct client *client, const struct sw_snapshot *snapshot);
void sw_late_push_disconnected(lua_State *L, const struct client *client, const struct sw_snapshot *snapshot);
void sw_late_push_unsent(lua_State *L, const struct client *client, const struct sw_snapshot *snapshot,
                         uint64_t messages);
void sw_late_push_message(lua_State *L, const struct client *client, const struct sw_snapshot *snapshot);

#endif
