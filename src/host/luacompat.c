#include "host/luacompat.h"

#include <string.h>

#if LUA_VERSION_NUM < 504

/* The table of user values, which each version keeps in its own place. */
#if LUA_VERSION_NUM >= 502
#define push_values lua_getuservalue
#define set_values lua_setuservalue
#else
#define push_values lua_getfenv
#define set_values lua_setfenv
#endif

void *sw_compat_newuserdatauv(lua_State *L, size_t size, int values) {
    void *userdata = lua_newuserdata(L, size);
    /* In 5.1, a userdata without a table of its own would show scripts the environment of the running function. */
    lua_createtable(L, values, 0);
    set_values(L, -2);
    return userdata;
}

int sw_compat_getiuservalue(lua_State *L, int index, int value) {
    push_values(L, index);
    if (lua_istable(L, -1))
        lua_rawgeti(L, -1, value);
    else
        lua_pushnil(L); /* a script has replaced the table */
    lua_replace(L, -2);
    return lua_type(L, -1);
}

int sw_compat_setiuservalue(lua_State *L, int index, int value) {
    index = lua_absindex(L, index);
    push_values(L, index);
    if (!lua_istable(L, -1)) {
        lua_pop(L, 1);
        lua_createtable(L, value, 0);
        lua_pushvalue(L, -1);
        set_values(L, index);
    }
    lua_insert(L, -2);
    lua_rawseti(L, -2, value);
    lua_pop(L, 1);
    return 1;
}

#endif

#if LUA_VERSION_NUM < 503

int sw_compat_rawgetp(lua_State *L, int index, const void *key) {
    index = lua_absindex(L, index);
    lua_pushlightuserdata(L, (void *)(uintptr_t)key);
    lua_rawget(L, index);
    return lua_type(L, -1);
}

#endif

#if LUA_VERSION_NUM < 502

void sw_compat_rawsetp(lua_State *L, int index, const void *key) {
    index = lua_absindex(L, index);
    lua_pushlightuserdata(L, (void *)(uintptr_t)key);
    lua_insert(L, -2);
    lua_rawset(L, index);
}

void sw_compat_setfuncs(lua_State *L, const luaL_Reg *functions, int upvalues) {
    luaL_checkstack(L, upvalues + 1, "too many upvalues");
    for (; functions->name != NULL; functions++) {
        for (int i = 0; i < upvalues; i++) lua_pushvalue(L, -upvalues);
        lua_pushcclosure(L, functions->func, upvalues);
        lua_setfield(L, -(upvalues + 2), functions->name);
    }
    lua_pop(L, upvalues);
}

const char *sw_compat_tolstring(lua_State *L, int index, size_t *size) {
    if (luaL_callmeta(L, index, "__tostring")) {
        if (!lua_isstring(L, -1)) luaL_error(L, "'__tostring' must return a string");
        return lua_tolstring(L, -1, size);
    }
    switch (lua_type(L, index)) {
    case LUA_TNUMBER:
    case LUA_TSTRING: lua_pushvalue(L, index); break;
    case LUA_TBOOLEAN: lua_pushstring(L, lua_toboolean(L, index) ? "true" : "false"); break;
    case LUA_TNIL: lua_pushliteral(L, "nil"); break;
    default: lua_pushfstring(L, "%s: %p", luaL_typename(L, index), lua_topointer(L, index));
    }
    return lua_tolstring(L, -1, size);
}

/* Pushes what the traceback says of one active function. */
static void push_frame(lua_State *L, lua_State *thread, lua_Debug *frame) {
    lua_getinfo(thread, "Sln", frame);
    lua_pushfstring(L, "\n\t%s:", frame->short_src);
    if (frame->currentline > 0) lua_pushfstring(L, "%d:", frame->currentline);
    if (*frame->namewhat != '\0')
        lua_pushfstring(L, " in function '%s'", frame->name);
    else if (*frame->what == 'm')
        lua_pushliteral(L, " in main chunk");
    else if (*frame->what == 'C' || *frame->what == 't')
        lua_pushliteral(L, " ?");
    else
        lua_pushfstring(L, " in function <%s:%d>", frame->short_src, frame->linedefined);
    lua_concat(L, frame->currentline > 0 ? 3 : 2);
}

/* Functions at the two ends of a long call stack that are shown. */
enum { SHOWN_FIRST = 10, SHOWN_LAST = 11 };

void sw_compat_traceback(lua_State *L, lua_State *thread, const char *message, int level) {
    lua_Debug frame;
    int depth = level;
    while (lua_getstack(thread, depth, &frame)) depth++;
    int top = lua_gettop(L);
    if (message != NULL) lua_pushfstring(L, "%s\n", message);
    lua_pushliteral(L, "stack traceback:");
    for (int i = level; lua_getstack(thread, i, &frame); i++) {
        if (i == level + SHOWN_FIRST && depth - i > SHOWN_LAST) {
            lua_pushliteral(L, "\n\t...");
            i = depth - SHOWN_LAST - 1;
        } else {
            push_frame(L, thread, &frame);
        }
        lua_concat(L, lua_gettop(L) - top);
    }
    lua_concat(L, lua_gettop(L) - top);
}

#endif
