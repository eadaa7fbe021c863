/* One source for Lua 5.1 to 5.5 and LuaJIT: this header stands for lua.h and lauxlib.h. It gives the older versions those
 * functions of Lua 5.4 that src/host calls, with the names and the meaning of the reference manual of 5.4. Where one
 * meaning for all versions is impossible, it has a function of its own, with the prefix sw_:
 *
 * - Numbers. Lua 5.1, 5.2 and LuaJIT have only floats, and their lua_Integer has 32 bits on 32-bit machines. So whole
 *   numbers are int64_t here, and lua_Integer occurs nowhere else. Floats hold whole numbers up to 2^53 exactly.
 * - Yields. A handler can yield where Lua has lua_callk as 5.3 defines it. Elsewhere sw_callk and sw_pcallk are lua_call
 *   and lua_pcall, and a handler that yields gets an error from Lua.
 *
 * LuaJIT is taken for Lua 5.1, whose C interface it has. None of its own functions is called, so a module that was built
 * for one of the two also runs in the other.
 *
 * Every function of Lua is a weak symbol of the module, so that the linker loads the module into any Lua, and
 * host/version.c can say that it is the wrong one.
 */
#ifndef SW_HOST_LUACOMPAT_H
#define SW_HOST_LUACOMPAT_H

#include <luaconf.h>
#undef LUA_API
#define LUA_API extern __attribute__((weak))
#undef LUALIB_API
#define LUALIB_API LUA_API

#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* --- all versions --- */

/* Pushes a whole number. */
static inline void sw_push_integer(lua_State *L, int64_t integer) {
#if LUA_VERSION_NUM >= 503
    lua_pushinteger(L, (lua_Integer)integer);
#else
    lua_pushnumber(L, (lua_Number)integer);
#endif
}

/* The value at index as a whole number, as lua_tointegerx of Lua 5.3 has it: a number or a numeric string without a
 * fraction. *is_whole (may be NULL): whether it is one. Where all numbers are floats, 2^63 stands for INT64_MAX, which
 * sw_push_integer has rounded. */
static inline int64_t sw_to_integer(lua_State *L, int index, int *is_whole) {
#if LUA_VERSION_NUM >= 503
    return lua_tointegerx(L, index, is_whole);
#else
    const lua_Number limit = 9223372036854775808.0; /* 2^63 */
    lua_Number number = lua_tonumber(L, index);
    bool is_in_range = number >= -limit && number <= limit; /* not NaN */
    int64_t integer = !is_in_range ? 0 : number == limit ? INT64_MAX : (int64_t)number;
    bool is_found = is_in_range && lua_isnumber(L, index) && (number == limit || (lua_Number)integer == number);
    if (is_whole != NULL) *is_whole = is_found;
    return is_found ? integer : 0;
#endif
}

/* Is the value at index a number that tostring writes with nothing but digits and a minus? Where all numbers are floats,
 * it writes 14 digits (LUA_NUMBER_FMT), and more with an exponent; and it writes -0 with the minus. */
static inline bool sw_is_integer(lua_State *L, int index) {
#if LUA_VERSION_NUM >= 503
    return lua_isinteger(L, index);
#else
    if (lua_type(L, index) != LUA_TNUMBER) return false;
    lua_Number number = lua_tonumber(L, index);
    if (!(number > -1e14 && number < 1e14) || (lua_Number)(int64_t)number != number) return false;
    return number != 0 || 1 / number > 0;
#endif
}

/* 1: lua_pushlstring copies its bytes before it lets the collector run, whose finalizers may free them. Lua 5.1, 5.2, 5.3.0
 * and LuaJIT let the collector run first. There, bytes that a finalizer may free are copied into a luaL_Buffer, after a
 * check that they still exist. */
#define SW_PUSH_COPIES_FIRST (LUA_VERSION_NUM >= 504)

/* 1: a finalizer that runs while the state closes can run the collector, and so finalizers of what was made meanwhile. */
#define SW_COLLECTS_AT_CLOSE (LUA_VERSION_NUM < 504)

#if LUA_VERSION_NUM >= 503
#define SW_CAN_YIELD(L) lua_isyieldable(L)
#define sw_callk(L, arguments, results, k) lua_callk(L, arguments, results, 0, k)
#define sw_pcallk(L, arguments, results, handler, k) lua_pcallk(L, arguments, results, handler, 0, k)
#else
typedef ptrdiff_t lua_KContext;
#define SW_CAN_YIELD(L) false
#define sw_callk(L, arguments, results, k) ((void)(k), lua_call(L, arguments, results))
#define sw_pcallk(L, arguments, results, handler, k) ((void)(k), lua_pcall(L, arguments, results, handler))
#endif

/* The status that a continuation (sw_callk) gets when a function has returned after a yield. */
#ifndef LUA_OK
#define LUA_OK 0
#endif

/* --- before 5.4: userdata with several user values --- */

#if LUA_VERSION_NUM < 504

/* Lua 5.2 and 5.3 have one user value, and 5.1 has the environment. It is a table that holds the values. Scripts can
 * replace it by the debug library, as they can replace each user value in 5.4. The table has room for all from the
 * beginning, so that to set one needs no memory. */
void *sw_compat_newuserdatauv(lua_State *L, size_t size, int values);
int sw_compat_getiuservalue(lua_State *L, int index, int value);
int sw_compat_setiuservalue(lua_State *L, int index, int value);
#define lua_newuserdatauv sw_compat_newuserdatauv
#define lua_getiuservalue sw_compat_getiuservalue
#define lua_setiuservalue sw_compat_setiuservalue

#endif

/* --- before 5.3: functions that tell the type of what they push --- */

#if LUA_VERSION_NUM < 503

int sw_compat_rawgetp(lua_State *L, int index, const void *key);
#undef lua_rawgetp
#define lua_rawgetp sw_compat_rawgetp

#endif

/* --- 5.1 and LuaJIT --- */

#if LUA_VERSION_NUM < 502

static inline int sw_compat_absindex(lua_State *L, int index) {
    return index > 0 || index <= LUA_REGISTRYINDEX ? index : lua_gettop(L) + index + 1;
}

/* The bytes of a buffer that luaL_buffinitsize has begun, which is then filled at once. */
static inline char *sw_compat_buffinitsize(lua_State *L, luaL_Buffer *buffer, size_t size) {
    buffer->L = L;
    buffer->lvl = size > sizeof buffer->buffer;
    return buffer->lvl ? lua_newuserdata(L, size) : buffer->buffer;
}

static inline void sw_compat_pushresultsize(luaL_Buffer *buffer, size_t size) {
    lua_State *L = buffer->L;
    lua_pushlstring(L, buffer->lvl ? lua_touserdata(L, -1) : buffer->buffer, size);
    if (buffer->lvl) lua_remove(L, -2);
}

void sw_compat_rawsetp(lua_State *L, int index, const void *key);
void sw_compat_setfuncs(lua_State *L, const luaL_Reg *functions, int upvalues);
const char *sw_compat_tolstring(lua_State *L, int index, size_t *size);
void sw_compat_traceback(lua_State *L, lua_State *thread, const char *message, int level);
/* LuaJIT declares some of these itself. */
#undef lua_absindex
#undef lua_rawlen
#undef lua_rawsetp
#undef luaL_buffinitsize
#undef luaL_pushresultsize
#undef luaL_setfuncs
#undef luaL_tolstring
#undef luaL_traceback
#undef luaL_checkversion
#define lua_absindex sw_compat_absindex
#define lua_rawlen lua_objlen
#define lua_rawsetp sw_compat_rawsetp
#define luaL_buffinitsize sw_compat_buffinitsize
#define luaL_pushresultsize sw_compat_pushresultsize
#define luaL_setfuncs sw_compat_setfuncs
#define luaL_tolstring sw_compat_tolstring
#define luaL_traceback sw_compat_traceback
#define luaL_checkversion(L) ((void)(L))

#endif

#endif
