/* Lua for the C hosts of this folder: they are written for 5.4, and this gives Lua 5.1 and LuaJIT what they call of it. It is
 * not src/host/luacompat.h, which is made for the module and part of what is tested. */
#ifndef SPEC_SUPPORT_HOSTLUA_H
#define SPEC_SUPPORT_HOSTLUA_H

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stddef.h>

#if LUA_VERSION_NUM >= 505
/* A state's hashes begin with a number that was a constant of the library before. */
#define lua_newstate(allocate, userdata) lua_newstate(allocate, userdata, 1)
#endif

#if LUA_VERSION_NUM < 502

#ifndef LUA_OK
#define LUA_OK 0
#endif

/* Calls a global function, or one of a library, with the value at index, an absolute one: the result is pushed. */
static inline void host_call_with(lua_State *L, const char *library, const char *name, int index) {
    lua_getglobal(L, library != NULL ? library : name);
    if (library != NULL) {
        lua_getfield(L, -1, name);
        lua_remove(L, -2);
    }
    lua_pushvalue(L, index);
    lua_call(L, 1, 1);
}

static inline const char *host_tolstring(lua_State *L, int index) {
    host_call_with(L, NULL, "tostring", index > 0 ? index : lua_gettop(L) + index + 1);
    return lua_tostring(L, -1);
}
#undef luaL_tolstring
#define luaL_tolstring(L, index, size) host_tolstring(L, index)

static inline void host_traceback(lua_State *L, const char *message) {
    lua_pushstring(L, message);
    host_call_with(L, "debug", "traceback", lua_gettop(L));
    lua_remove(L, -2);
}
#undef luaL_traceback
#define luaL_traceback(L, thread, message, level) host_traceback(L, message)

static inline void host_newlib(lua_State *L, const luaL_Reg *functions) {
    lua_newtable(L);
    luaL_register(L, NULL, functions);
}
#undef luaL_newlib
#define luaL_newlib host_newlib

static inline void host_requiref(lua_State *L, const char *name, lua_CFunction open) {
    lua_pushcfunction(L, open);
    lua_pushstring(L, name);
    lua_call(L, 1, 1);
    luaL_getmetatable(L, "_LOADED"); /* the registry's field of that name */
    lua_pushvalue(L, -2);
    lua_setfield(L, -2, name);
    lua_pop(L, 1);
    lua_pushvalue(L, -1);
    lua_setglobal(L, name);
}
#undef luaL_requiref
#define luaL_requiref(L, name, open, is_global) host_requiref(L, name, open)

#endif

#endif
