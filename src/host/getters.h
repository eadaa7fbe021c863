/* The state of a client, for other methods that depend on it. */
#ifndef SW_HOST_GETTERS_H
#define SW_HOST_GETTERS_H

#include "base/server.h"
#include "base/state.h"
#include "channel/snapshot.h"
#include "host/context.h"

/* The state at this moment. */
enum sw_state sw_client_state(const struct client *client);

/* The server in use at this moment: that of the connection or of the newest attempt, or else the first one. */
const struct sw_server *sw_client_server(const struct client *client);

/* The server that the snapshot's `ended` is about. */
const struct sw_server *sw_client_ended_server(const struct client *client, const struct sw_snapshot *snapshot);

#endif
