/* Says why there is no connection, for the functions that wait or take what came in.
 */
#ifndef SW_HOST_NO_CONNECTION_H
#define SW_HOST_NO_CONNECTION_H

#include "base/error.h"
#include "base/server.h"
#include "base/state.h"
#include "channel/snapshot.h"
#include "host/context.h"
#include "host/luacompat.h"

/* Each pushes nil, a sentence and a code; returns 3. */
int sw_push_no_connection(lua_State *L, const struct client *client, const struct sw_snapshot *snapshot);
int sw_push_inbox_full(lua_State *L);

/* The same for the end of a connection to this server. `state`: what the client does now; it may be connecting again. */
int sw_push_connection_end(lua_State *L, const struct sw_error *error, const struct sw_server *server,
                           enum sw_state state);

#endif
