#include "host/raise.h"

#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

static void push_position(lua_State *L) {
    lua_Debug frame;
    for (int level = 1; lua_getstack(L, level, &frame); level++) {
        lua_getinfo(L, "Sl", &frame);
        if (frame.currentline <= 0) continue;
        lua_pushfstring(L, "%s:%d: ", frame.short_src, frame.currentline);
        return;
    }
    lua_pushliteral(L, "");
}

int sw_raise(lua_State *L, const char *format, ...) {
    va_list arguments;
    push_position(L);
    va_start(arguments, format);
    lua_pushvfstring(L, format, arguments);
    va_end(arguments);
    lua_concat(L, 2);
    return lua_error(L);
}

/* Pushes the running function. */
static void push_running(lua_State *L) {
    lua_Debug frame;
    if (lua_getstack(L, 0, &frame))
        lua_getinfo(L, "f", &frame);
    else
        lua_pushnil(L);
}

void sw_push_methods(lua_State *L) {
    if (lua_istable(L, -1)) {
        lua_pushliteral(L, "__index");
        lua_rawget(L, -2);
    } else
        lua_pushnil(L);
    lua_remove(L, -2);
}

const char *sw_push_name_in(lua_State *L) {
    int table = lua_gettop(L);
    const char *name = NULL;
    push_running(L);
    if (lua_istable(L, table)) {
        for (lua_pushnil(L); name == NULL && lua_next(L, table) != 0; lua_pop(L, 1))
            if (lua_rawequal(L, -1, table + 1) && lua_type(L, -2) == LUA_TSTRING) name = lua_tostring(L, -2);
    }
    lua_pushstring(L, name);
    lua_replace(L, table);
    lua_settop(L, table);
    return lua_tostring(L, table);
}

void sw_refuse_colon(lua_State *L, const char *where) {
    if (!lua_istable(L, 1)) return;
    const char *dot = strrchr(where, '.');
    lua_pushstring(L, dot != NULL ? dot + 1 : where);
    lua_rawget(L, 1);
    push_running(L);
    bool is_module = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    if (is_module) sw_raise(L, "%s: call it with a dot, %s(...), not with a colon", where, where);
}
