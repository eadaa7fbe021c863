/* Methods that only read. Each takes one consistent snapshot, and works in every state. */
#include "host/getters.h"

#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/options.h"
#include "base/retain.h"
#include "channel/channel.h"
#include "channel/host_end.h"
#include "host/functions.h"
#include "host/usable.h"

enum sw_state sw_client_state(const struct client *client) {
    struct sw_snapshot snapshot;
    sw_channel_snapshot(client->channel, &snapshot);
    return snapshot.state;
}

/***
 * @module sidewire.core
 */

/*** Returns the state at this moment: idle, resolving, connecting, connected, waiting, closing, closed.
 * @function client:state
 * @treturn[1] string
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: EFORKED
 */
int sw_method_state(lua_State *L) {
    struct client *client = sw_check_usable(L, 1);
    if (client == NULL) return 3;
    lua_pushstring(L, sw_state_name(sw_client_state(client)));
    return 1;
}

/*** Tells whether the client is connected at this moment.
 * @function client:is_connected
 * @treturn[1] boolean
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: EFORKED
 */
int sw_method_is_connected(lua_State *L) {
    struct client *client = sw_check_usable(L, 1);
    if (client == NULL) return 3;
    lua_pushboolean(L, sw_client_state(client) == SW_STATE_CONNECTED);
    return 1;
}

/*** Returns what counts against queue_limit: accepted messages that the kernel has not taken; with retain = "unacked",
 * that the peer's TCP has not acknowledged; with "unconfirmed", that the script has not confirmed.
 * @function client:pending
 * @treturn[1] integer bytes, framing included
 * @treturn[1] integer messages
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: EFORKED
 */
int sw_method_pending(lua_State *L) {
    struct client *client = sw_check_usable(L, 1);
    if (client == NULL) return 3;
    struct sw_snapshot snapshot;
    sw_channel_snapshot(client->channel, &snapshot);
    lua_pushinteger(L, (lua_Integer)snapshot.queue_bytes);
    lua_pushinteger(L, (lua_Integer)snapshot.queue_messages);
    return 2;
}

static void set_count(lua_State *L, const char *name, uint64_t count) {
    lua_pushinteger(L, (lua_Integer)count);
    lua_setfield(L, -2, name);
}

/*** Returns counters and gauges of one moment. In messages, accepted = queued + in_flight + finished + lost.
 * @function client:stats
 * @treturn[1] table state; accepted, queued, in_flight, finished, lost (of which lost_unsent, lost_unknown);
 * once (accepted by send_once, in none of these groups); queue_bytes, inbox_bytes, sent_bytes, received_bytes, received (messages delivered), connects, failures (in a row),
 * paused (true: reading waits until events are delivered)
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: EFORKED
 */
int sw_method_stats(lua_State *L) {
    struct client *client = sw_check_usable(L, 1);
    if (client == NULL) return 3;
    struct sw_snapshot snapshot;
    sw_channel_snapshot(client->channel, &snapshot);
    const struct sw_gauges *gauges = &snapshot.gauges;
    lua_createtable(L, 0, 17);
    lua_pushstring(L, sw_state_name(snapshot.state));
    lua_setfield(L, -2, "state");
    set_count(L, "accepted", snapshot.accepted);
    set_count(L, "queued", sw_snapshot_queued(&snapshot));
    set_count(L, "in_flight", gauges->in_flight);
    set_count(L, "finished", gauges->finished);
    set_count(L, "lost", gauges->lost_unsent + gauges->lost_unknown);
    set_count(L, "lost_unsent", gauges->lost_unsent);
    set_count(L, "lost_unknown", gauges->lost_unknown);
    set_count(L, "once", client->once);
    set_count(L, "queue_bytes", snapshot.queue_bytes);
    set_count(L, "inbox_bytes", snapshot.inbox_bytes);
    set_count(L, "sent_bytes", gauges->sent_bytes);
    set_count(L, "received_bytes", gauges->received_bytes);
    set_count(L, "received", client->consumed);
    set_count(L, "connects", gauges->connects);
    set_count(L, "failures", gauges->failures);
    lua_pushboolean(L, snapshot.paused);
    lua_setfield(L, -2, "paused");
    return 1;
}
