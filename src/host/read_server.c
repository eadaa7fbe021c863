#include "host/read_server.h"

#include <string.h>

#include "base/url.h"
#include "host/raise.h"

static const char valid[] = "a URL such as \"tcp://example.org:4000\", or a list of 1..16 of them";

bool sw_is_server(lua_State *L, int index) {
    if (lua_type(L, index) != LUA_TSTRING || !lua_isnoneornil(L, index + 1)) return lua_istable(L, index);
    size_t size;
    const char *text = lua_tolstring(L, index, &size);
    return sw_url_is_meant(text, size);
}

static void read_url(lua_State *L, struct sw_spot spot, int index, struct sw_endpoint *endpoint) {
    size_t size = 0, at = 0;
    const char *text = lua_type(L, index) == LUA_TSTRING ? lua_tolstring(L, index, &size) : NULL;
    if (text == NULL) {
        sw_misuse(L, spot, index, valid);
        return;
    }
    struct sw_url url;
    const char *problem = sw_url_parse(text, size, &url, &at);
    if (problem != NULL && sw_url_lacks_scheme(text, size))
        sw_raise(L, "%s: invalid %s '%s', at character 1: %s; write tcp://%s", spot.where, spot.field, text, problem,
                 text);
    if (problem != NULL)
        sw_raise(L, "%s: invalid %s '%s', at character %d: %s", spot.where, spot.field,
                 sw_push_without_password(L, index), (int)at, problem);
    if (url.scheme == SW_SCHEME_WS || url.scheme == SW_SCHEME_WSS)
        sw_raise(L, "%s: %s '%s': %s is not supported yet (valid: tcp, tls, unix)", spot.where, spot.field,
                 sw_push_without_password(L, index), sw_scheme_text(url.scheme));
    endpoint->scheme = url.scheme;
    memcpy(endpoint->hostname, url.host.data, url.host.size);
    endpoint->hostname[url.host.size] = '\0';
    endpoint->port = url.port;
}

static void read_list(lua_State *L, struct sw_spot spot, int index, struct sw_choice *choice) {
    sw_push_copy(L, index);
    int list = lua_gettop(L);
    size_t count = sw_count_fields(L, list);
    if (count < 1 || count > SW_SERVERS_MAX)
        sw_raise(L, "%s: %s must be %s, got a list of %d", spot.where, spot.field, valid, (int)count);
    choice->count = (unsigned)count;
    for (unsigned i = 0; i < choice->count; i++) {
        lua_rawgeti(L, list, (int)i + 1);
        const char *field = lua_pushfstring(L, "%s[%d]", spot.field, (int)i + 1);
        read_url(L, (struct sw_spot){spot.where, field}, -2, &choice->list[i]);
        lua_settop(L, list);
    }
    lua_pop(L, 1);
}

void sw_check_server(lua_State *L, struct sw_spot spot, int index, struct sw_choice *choice) {
    index = lua_absindex(L, index);
    if (lua_istable(L, index)) {
        read_list(L, spot, index, choice);
        return;
    }
    choice->count = 1;
    read_url(L, spot, index, &choice->list[0]);
}

void sw_push_url(lua_State *L, const struct sw_endpoint *server) {
    bool is_ipv6 = strchr(server->hostname, ':') != NULL;
    if (server->scheme == SW_SCHEME_UNIX)
        lua_pushfstring(L, "unix:%s", server->hostname);
    else if (server->hostname[0] == '\0' || server->port == 0)
        lua_pushnil(L);
    else
        lua_pushfstring(L, is_ipv6 ? "%s://[%s]:%d" : "%s://%s:%d", sw_scheme_text(server->scheme), server->hostname,
                        (int)server->port);
}

void sw_push_urls(lua_State *L, const struct sw_choice *servers) {
    lua_createtable(L, (int)servers->count, 0);
    for (unsigned i = 0; i < servers->count; i++) {
        sw_push_url(L, &servers->list[i]);
        if (lua_isnil(L, -1)) {
            lua_replace(L, -2);
            return;
        }
        lua_rawseti(L, -2, (int)i + 1);
    }
}
