/* Methods that only read. Each takes one consistent snapshot, and works in every state. */
#include "host/getters.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/options.h"
#include "base/retain.h"
#include "channel/channel.h"
#include "channel/host_end.h"
#include "channel/snapshot.h"
#include "host/event.h"
#include "host/functions.h"
#include "host/luacompat.h"
#include "host/usable.h"

enum sw_state sw_client_state(const struct client *client) {
    struct sw_snapshot snapshot;
    sw_channel_snapshot(client->channel, &snapshot);
    return snapshot.state;
}

const struct sw_server *sw_client_server(const struct client *client) {
    struct sw_snapshot snapshot;
    sw_channel_snapshot(client->channel, &snapshot);
    return sw_servers_at(client->servers, client->has_new_server ? 0 : snapshot.server);
}

const struct sw_server *sw_client_ended_server(const struct client *client, const struct sw_snapshot *snapshot) {
    return sw_servers_at(client->servers, client->has_new_server ? 0 : snapshot->ended_server);
}

void sw_client_copy_causes(const struct client *client, const struct sw_snapshot *snapshot,
                           struct sw_causes_copy *copy) {
    struct sw_causes *causes = sw_channel_causes(client->channel, &snapshot->ended);
    sw_causes_copy(causes, copy);
    sw_causes_unref(causes);
}

void sw_client_push_cause(lua_State *L, const struct client *client, const struct sw_snapshot *snapshot) {
    struct sw_end_copy end = {.wanted = &client->channel->options->tls->values};
    sw_client_copy_causes(client, snapshot, &end.causes);
    sw_push_cause(L, &snapshot->ended, &end, sw_client_ended_server(client, snapshot));
}

/***
 * @module sidewire.core
 */

/* Pushes why the last connection or attempt ended, or nil. */
static void push_cause(lua_State *L, const struct client *client, const struct sw_snapshot *snapshot) {
    if (snapshot->state == SW_STATE_CONNECTED || snapshot->ended.err == SW_OK)
        lua_pushnil(L);
    else
        sw_client_push_cause(L, client, snapshot);
}

/* Pushes the seconds until the next attempt, or nil. */
static void push_delay(lua_State *L, const struct sw_snapshot *snapshot) {
    if (snapshot->state == SW_STATE_WAITING)
        lua_pushnumber(L, fmax(snapshot->attempt_due - sw_clock(), 0));
    else
        lua_pushnil(L);
}

/*** Returns the state at this moment: idle, resolving, connecting, handshaking, connected, waiting, closing, closed
 * ([States](stats.md#states)). Also returns why there is no connection, and when the next attempt begins.
 * @function client:state
 * @treturn[1] string
 * @treturn[1] string|nil why the last connection or attempt ended, in the words of its event; nil if there was none,
 * and while connected
 * @treturn[1] number|nil while waiting: seconds until the next attempt
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: EFORKED
 */
int sw_method_state(lua_State *L) {
    struct client *client = sw_check_usable(L, 1);
    if (client == NULL) return 3;
    struct sw_snapshot snapshot;
    sw_channel_snapshot(client->channel, &snapshot);
    lua_pushstring(L, sw_state_name(snapshot.state));
    push_cause(L, client, &snapshot);
    push_delay(L, &snapshot);
    return 3;
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

/*** Returns what counts against queue_limit: accepted messages that the system has not taken; with retain = "unacked",
 * that the other side's TCP has not acknowledged; with "unconfirmed", that the script has not confirmed.
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
    sw_push_integer(L, (int64_t)snapshot.queue_bytes);
    sw_push_integer(L, (int64_t)snapshot.queue_messages);
    return 2;
}

static void set_count(lua_State *L, const char *name, uint64_t count) {
    sw_push_integer(L, (int64_t)count);
    lua_setfield(L, -2, name);
}

/*** Returns counters and gauges of one moment. In messages, accepted = queued + in_flight + finished + lost.
 * @function client:stats
 * @treturn[1] table state; accepted, queued, in_flight, finished, lost (of which lost_unsent, lost_unknown);
 * once (accepted by send_once, in none of these groups); queue_bytes, inbox_bytes, sent_bytes, received_bytes, received
 * (messages delivered), connects, failures (in a row), paused (true: reading waits until events are delivered):
 * [Fields of stats](stats.md#fields-of-stats)
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
