/* The messages of time-outs: what has not come, why there is no connection, and what the client does about that.
 *
 * Each function pushes one sentence, made from the client's snapshot.
 */
#ifndef SW_HOST_TIMEOUT_H
#define SW_HOST_TIMEOUT_H

#include <stddef.h>
#include <stdint.h>

#include "channel/snapshot.h"
#include "host/context.h"
#include "host/luacompat.h"

void sw_timeout_push_connected(lua_State *L, const struct client *client, const struct sw_snapshot *snapshot);
void sw_timeout_push_disconnected(lua_State *L, const struct client *client, const struct sw_snapshot *snapshot);
void sw_timeout_push_unsent(lua_State *L, const struct client *client, const struct sw_snapshot *snapshot,
                            uint64_t messages);
void sw_timeout_push_message(lua_State *L, const struct client *client, const struct sw_snapshot *snapshot);
/* What has not come is `what`, and of it so many bytes are unread. */
void sw_timeout_push_bytes(lua_State *L, const struct client *client, const struct sw_snapshot *snapshot,
                           const char *what, size_t unread);

#endif
