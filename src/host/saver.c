#include "host/saver.h"

#include <lauxlib.h>

#include "host/check.h"

void sw_check_saver(lua_State *L, int index) {
    if (!lua_isnoneornil(L, index) && !lua_isfunction(L, index))
        sw_misuse(L, (struct sw_spot){"sidewire.new", "the second argument"}, index, "a function that saves settings");
}

void sw_set_saver(lua_State *L, int index, struct client *client, int saver) {
    index = lua_absindex(L, index);
    if (lua_isnoneornil(L, saver)) return;
    sw_push_host_value(L, HOST_SAVERS);
    lua_pushvalue(L, index);
    lua_pushvalue(L, saver);
    lua_rawset(L, -3);
    lua_pop(L, 1);
    client->has_saver = true;
}

int sw_save(lua_State *L, int index, const struct client *client) {
    index = lua_absindex(L, index);
    if (!client->has_saver) {
        lua_pop(L, 1);
        lua_pushboolean(L, true);
        return 1;
    }
    sw_push_host_value(L, HOST_SAVERS);
    lua_pushvalue(L, index);
    lua_rawget(L, -2);
    lua_pushvalue(L, index);
    lua_pushvalue(L, -4);
    lua_call(L, 2, 3);
    if (lua_toboolean(L, -3)) return lua_pop(L, 2), 1;
    if (lua_type(L, -2) == LUA_TSTRING && lua_type(L, -1) == LUA_TSTRING) return 3;
    lua_pushnil(L);
    lua_pushliteral(L, "the settings were not saved, and the function that saves them does not say why");
    lua_pushliteral(L, "ESETTINGS");
    return 3;
}

int sw_save_server(lua_State *L, int index, const struct client *client, int host, int port) {
    lua_createtable(L, 0, 2);
    lua_pushvalue(L, host);
    lua_setfield(L, -2, "host");
    lua_pushvalue(L, port);
    lua_setfield(L, -2, "port");
    return sw_save(L, index, client);
}
