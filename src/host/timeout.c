#include "host/timeout.h"

#include <math.h>
#include <stdbool.h>

#include "base/clock.h"
#include "base/decimal.h"
#include "base/error.h"
#include "base/server.h"
#include "base/state.h"
#include "host/event.h"
#include "host/getters.h"

/* --- parts of sentences, each a string that may be empty --- */

/* False also for an end that the script asked for, which is no news. */
static bool has_cause(const struct sw_snapshot *snapshot) {
    return snapshot->ended.err != SW_OK && snapshot->ended.err != SW_CLOSED;
}

static bool was_open(const struct sw_snapshot *snapshot) {
    return snapshot->ended.stage == SW_STAGE_SEND || snapshot->ended.stage == SW_STAGE_RECEIVE;
}

static void push_cause(lua_State *L, const struct client *client, const struct sw_snapshot *snapshot) {
    if (!has_cause(snapshot)) {
        lua_pushliteral(L, "");
        return;
    }
    char text[160];
    struct sw_causes_copy causes;
    sw_client_copy_causes(client, snapshot, &causes);
    const struct sw_cause *detailed = &causes.list[causes.detailed];
    bool has_details = causes.details[0] != '\0' && detailed->error.sys == snapshot->ended.sys;
    const char *what = has_details ? causes.details : sw_error_text(&snapshot->ended, text, sizeof text);
    lua_pushfstring(L, "; last %s: %s", was_open(snapshot) ? "connection" : "attempt", what);
}

static void push_lookup(lua_State *L, const struct sw_endpoint *server, int ahead) {
    lua_pushfstring(L, "; still looking up %s", server->hostname);
    if (ahead == 0) return;
    lua_pushfstring(L, ", which has no turn yet, because %d other lookups hang", ahead);
    lua_concat(L, 2);
}

static void push_next(lua_State *L, const struct client *client, const struct sw_snapshot *snapshot) {
    const struct sw_endpoint server = sw_server_endpoint(sw_client_server(client));
    switch (snapshot->state) {
    case SW_STATE_RESOLVING: push_lookup(L, &server, (int)snapshot->lookups_ahead); break;
    case SW_STATE_CONNECTING:
        lua_pushstring(L, has_cause(snapshot) ? "; this one: no answer yet" : "; it has not answered");
        break;
    case SW_STATE_HANDSHAKING: lua_pushliteral(L, "; its TLS handshake has not ended"); break;
    case SW_STATE_WAITING: sw_push_next_attempt(L, fmax(snapshot->attempt_due - sw_clock(), 0)); break;
    case SW_STATE_CLOSING: lua_pushliteral(L, "; still closing"); break;
    case SW_STATE_IDLE:
    case SW_STATE_CONNECTED:
    case SW_STATE_CLOSED: lua_pushliteral(L, ""); break;
    }
}

/* Appends to the sentence on top why there is no connection, and what the client does about that. */
static void add_plan(lua_State *L, const struct client *client, const struct sw_snapshot *snapshot) {
    if (snapshot->state == SW_STATE_CONNECTED) return;
    push_cause(L, client, snapshot);
    push_next(L, client, snapshot);
    lua_concat(L, 3);
}

/* The same for a sentence that does not say yet that there is no connection. */
static void add_connection(lua_State *L, const struct client *client, const struct sw_snapshot *snapshot) {
    bool may_be_open = snapshot->state == SW_STATE_CONNECTED || snapshot->state == SW_STATE_CLOSING;
    if (!may_be_open) {
        lua_pushliteral(L, ": not connected");
        lua_concat(L, 2);
    }
    add_plan(L, client, snapshot);
}

static void push_messages(lua_State *L, uint64_t count) {
    lua_pushfstring(L, count == 1 ? "%s message is" : "%s messages are", SW_DECIMAL(count));
}

/* --- sentences --- */

void sw_timeout_push_connected(lua_State *L, const struct client *client, const struct sw_snapshot *snapshot) {
    lua_pushfstring(L, "timed out: not connected to %s yet", sw_push_place(L, sw_client_server(client)));
    lua_remove(L, -2);
    add_plan(L, client, snapshot);
}

/* There is no connection, but the client goes on with attempts. */
static void push_reconnecting(lua_State *L, const char *place, const struct sw_snapshot *snapshot) {
    if (snapshot->gauges.connects > 0)
        lua_pushfstring(L, "timed out: the connection to %s has ended, and the client connects again: ", place);
    else
        lua_pushfstring(L, "timed out: there is no connection to %s, and the client goes on connecting: ", place);
    lua_pushliteral(L, "call client:disconnect first");
    lua_concat(L, 2);
}

/* The connection ends, or a disconnect or close command is carried out without one. */
static void push_ending(lua_State *L, const struct client *client, const char *place,
                        const struct sw_snapshot *snapshot) {
    uint64_t queued = sw_snapshot_queued(snapshot);
    if (snapshot->ended.err == SW_CLOSED) {
        lua_pushfstring(L,
                        "timed out: the connection to %s has not ended yet: the other side has not acknowledged "
                        "everything, or not ended it",
                        place);
        return;
    }
    lua_pushfstring(L, "timed out: not disconnected from %s yet", place);
    push_cause(L, client, snapshot);
    lua_concat(L, 2);
    if (queued == 0) return;
    push_messages(L, queued);
    lua_pushfstring(L, "%s; %s not sent", lua_tostring(L, -2), lua_tostring(L, -1));
    lua_replace(L, -3);
    lua_pop(L, 1);
}

void sw_timeout_push_disconnected(lua_State *L, const struct client *client, const struct sw_snapshot *snapshot) {
    const char *place = sw_push_place(L, sw_client_server(client));
    switch (snapshot->state) {
    case SW_STATE_RESOLVING:
    case SW_STATE_CONNECTING:
    case SW_STATE_HANDSHAKING:
    case SW_STATE_WAITING:
        push_reconnecting(L, place, snapshot);
        add_plan(L, client, snapshot);
        break;
    case SW_STATE_CONNECTED:
        lua_pushfstring(
            L,
            "timed out: the connection to %s has not ended yet: neither client:disconnect nor the other side "
            "ended it",
            place);
        break;
    case SW_STATE_IDLE:
    case SW_STATE_CLOSING:
    case SW_STATE_CLOSED: push_ending(L, client, place, snapshot); break;
    }
    lua_remove(L, -2);
}

void sw_timeout_push_unsent(lua_State *L, const struct client *client, const struct sw_snapshot *snapshot,
                            uint64_t messages) {
    const char *place = sw_push_place(L, sw_client_server(client));
    push_messages(L, messages);
    lua_pushfstring(L, "timed out: %s not sent to %s yet", lua_tostring(L, -1), place);
    lua_replace(L, -3);
    lua_pop(L, 1);
    add_connection(L, client, snapshot);
}

void sw_timeout_push_message(lua_State *L, const struct client *client, const struct sw_snapshot *snapshot) {
    lua_pushfstring(L, "no message from %s yet", sw_push_place(L, sw_client_server(client)));
    lua_remove(L, -2);
    add_connection(L, client, snapshot);
}

void sw_timeout_push_bytes(lua_State *L, const struct client *client, const struct sw_snapshot *snapshot,
                           const char *what, size_t unread) {
    const char *place = sw_push_place(L, sw_client_server(client));
    lua_pushfstring(L,
                    unread == 1 ? "not yet %s from %s, %s byte is unread" : "not yet %s from %s, %s bytes are unread",
                    what, place, SW_DECIMAL(unread));
    lua_remove(L, -2);
    add_connection(L, client, snapshot);
}
