/* The state of a client, for other methods that depend on it. */
#ifndef SW_HOST_GETTERS_H
#define SW_HOST_GETTERS_H

#include "base/server.h"
#include "base/state.h"
#include "channel/snapshot.h"
#include "host/causes.h"
#include "host/context.h"
#include "host/luacompat.h"

/* The state at this moment. */
enum sw_state sw_client_state(const struct client *client);

/* The server in use at this moment: that of the connection or of the newest attempt, or else the first one. */
const struct sw_server *sw_client_server(const struct client *client);

/* The server that the snapshot's `ended` is about. */
const struct sw_server *sw_client_ended_server(const struct client *client, const struct sw_snapshot *snapshot);

/* Copies the causes of the snapshot's `ended`; a count of 0: they are not known. */
void sw_client_copy_causes(const struct client *client, const struct sw_snapshot *snapshot,
                           struct sw_causes_copy *copy);

/* Pushes why the snapshot's last connection or attempt ended, in the words of its event. */
void sw_client_push_cause(lua_State *L, const struct client *client, const struct sw_snapshot *snapshot);

#endif
