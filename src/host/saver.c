#include "host/saver.h"

#include <stdbool.h>

#include "channel/channel.h"
#include "channel/host_end.h"
#include "host/check.h"
#include "host/handle.h"
#include "host/luacompat.h"
#include "host/read_server.h"

void sw_check_saver(lua_State *L, int index) {
    if (!lua_isnoneornil(L, index) && !lua_isfunction(L, index))
        sw_misuse(L, (struct sw_spot){"sidewire.new", "the second argument"}, index, "a function that saves settings");
}

static void set_saver(lua_State *L, int index, struct client *client, int saver) {
    sw_push_context_value(L, CONTEXT_SAVERS);
    lua_pushvalue(L, index);
    lua_pushvalue(L, saver);
    lua_rawset(L, -3);
    lua_pop(L, 1);
    client->has_saver = true;
}

/* Calls the saver, which is on top, with the handle at index and the table (or nil) below the saver. Returns 1 with
 * true pushed, 3 with nil, message, code pushed, or -1 with the error pushed. */
static int call_saver(lua_State *L, int index) {
    lua_pushvalue(L, index);
    lua_pushvalue(L, -3);
    if (lua_pcall(L, 2, 3, 0) != LUA_OK) return -1;
    if (lua_toboolean(L, -3)) return lua_pop(L, 2), 1;
    if (lua_type(L, -2) == LUA_TSTRING && lua_type(L, -1) == LUA_TSTRING) return 3;
    lua_pushnil(L);
    lua_pushliteral(L, "the settings were not saved, and the function that saves them does not say why");
    lua_pushliteral(L, "ESETTINGS");
    return 3;
}

int sw_save_new(lua_State *L, int index, struct client *client, int saver) {
    int results = 1;
    if (!lua_isnil(L, saver)) {
        set_saver(L, index, client, saver);
        lua_pushnil(L);
        lua_pushvalue(L, saver);
        results = call_saver(L, index);
    }
    if (results == 1) return lua_pushvalue(L, index), 1;
    sw_client_retire(L, index);
    return results > 0 ? results : lua_error(L);
}

/* Calls the client's saver, if it has one, with the table on top. */
static int save(lua_State *L, int index, const struct client *client) {
    if (!client->has_saver) return lua_pushboolean(L, true), 1;
    sw_push_context_value(L, CONTEXT_SAVERS);
    lua_pushvalue(L, index);
    lua_rawget(L, -2);
    lua_remove(L, -2);
    int results = call_saver(L, index);
    return results > 0 ? results : lua_error(L);
}

int sw_save_reconnect(lua_State *L, int index, const struct client *client) {
    lua_createtable(L, 0, 1);
    sw_push_reconnect(L, sw_channel_reconnect(client->channel));
    lua_setfield(L, -2, "reconnect");
    return save(L, index, client);
}

int sw_save_server(lua_State *L, int index, const struct client *client) {
    /* A copy, because to push a value may run a finalizer that sets another server. */
    const struct sw_choice servers = sw_servers_choice(client->servers);
    lua_createtable(L, 0, 2);
    if (servers.count > 1 || servers.list[0].scheme != SW_SCHEME_TCP) {
        sw_push_urls(L, &servers);
        lua_setfield(L, -2, "server");
    } else {
        sw_push_endpoint(L, &servers.list[0]);
        lua_setfield(L, -3, "port");
        lua_setfield(L, -2, "host");
    }
    return save(L, index, client);
}
