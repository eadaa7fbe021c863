#include "host/tls_info.h"

#include <string.h>

static void set_text(lua_State *L, const char *field, const char *text) {
    if (text[0] == '\0') return;
    lua_pushstring(L, text);
    lua_setfield(L, -2, field);
}

static void set_flag(lua_State *L, const char *field, bool flag) {
    lua_pushboolean(L, flag);
    lua_setfield(L, -2, field);
}

/* The names stand with ", " between them. */
static void set_names(lua_State *L, const char *names) {
    lua_createtable(L, 1, 0);
    for (int i = 1; names[0] != '\0'; i++) {
        const char *end = strstr(names, ", ");
        size_t size = end != NULL ? (size_t)(end - names) : strlen(names);
        lua_pushlstring(L, names, size);
        lua_rawseti(L, -2, i);
        names += end != NULL ? size + 2 : size;
    }
    lua_setfield(L, -2, "names");
}

void sw_push_tls_info(lua_State *L, const struct sw_tls_info *info) {
    lua_createtable(L, 0, 7);
    set_text(L, "version", info->version);
    set_text(L, "cipher", info->cipher);
    set_text(L, "alpn", info->alpn);
    set_names(L, info->names);
    if (info->expiry != 0) {
        sw_push_integer(L, info->expiry);
        lua_setfield(L, -2, "expires");
    }
    set_flag(L, "verified", info->is_verified);
    set_flag(L, "resumed", info->is_resumed);
}
