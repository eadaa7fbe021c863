#include "host/no_connection.h"

#include "host/event.h"
#include "host/getters.h"

int sw_push_inbox_full(lua_State *L) { return sw_push_refusal(L, SW_FULL, "inbox full: poll first"); }

int sw_push_connection_end(lua_State *L, const struct sw_error *error, const struct sw_server *server,
                           enum sw_state state) {
    if (error->err != SW_CLOSED) return sw_push_failure(L, error, server);
    return sw_push_refusal(L, SW_CLOSED,
                           state == SW_STATE_IDLE || state == SW_STATE_CLOSED
                               ? "not connected: client:disconnect ended the connection"
                               : "the connection before this one has ended: by client:disconnect, or by client:connect "
                                 "to another server");
}

int sw_push_no_connection(lua_State *L, const struct client *client, const struct sw_snapshot *snapshot) {
    if (snapshot->state == SW_STATE_CLOSED) return sw_push_closed(L, sw_client_server(client));
    if (snapshot->ended.err != SW_OK && snapshot->ended.err != SW_CLOSED) {
        lua_pushnil(L);
        sw_client_push_cause(L, client, snapshot);
        lua_pushstring(L, sw_error_code(&snapshot->ended));
        return 3;
    }
    if (snapshot->ended.err != SW_OK)
        return sw_push_connection_end(L, &snapshot->ended, sw_client_ended_server(client, snapshot), snapshot->state);
    return sw_push_not_connected(L, "not connected: call client:connect first");
}
