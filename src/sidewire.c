/* Makes the module table of one Lua state. It is the only file that includes both src/host and src/loop.
 *
 * The module's functions share a context userdata, which is in the registry. A user value of the context is the
 * sentinel, a userdata whose finalizer stops the loop thread. The sentinel is made before all clients, and Lua runs
 * finalizers in reverse order, so at lua_close all clients are closed before the thread is joined. The context itself
 * has no finalizer, because scripts can reach it as an upvalue by the debug library.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* dladdr */
#endif

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/tunables.h"
#include "channel/engine.h"
#include "host/context.h"
#include "host/foreign.h"
#include "host/functions.h"
#include "host/luacompat.h"
#include "host/module.h"
#include "host/policy.h"
#include "host/resp.h"
#include "host/userdata.h"
#include "host/version.h"
#include "loop/loop.h"
#include "loop/reactor.h"

#define SW_VERSION "0.1.0"

#define SW_API __attribute__((visibility("default")))

SW_API int luaopen_sidewire_core(lua_State *L);

/* Prevents that the module is unloaded, because a thread may still run its code for a moment after dlclose.
 * RTLD_NODELETE has the effect of the linker option `-z nodelete`, which not every build passes. */
static void prevent_unloading(void) {
    Dl_info here;
    if (dladdr((void *)(uintptr_t)&luaopen_sidewire_core, &here) != 0 && here.dli_fname != NULL)
        (void)dlopen(here.dli_fname, RTLD_NOW | RTLD_NODELETE | RTLD_LOCAL);
}

static void prevent_unloading_once(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, prevent_unloading);
}

/* --- every function and method that scripts call; host/functions.h says where each is --- */

static const luaL_Reg module_functions[] = {
    {"new", sw_module_new},
    {"check_options", sw_module_check_options},
    {"poll", sw_module_poll},
    {"on_error", sw_module_on_error},
    {"wait", sw_module_wait},
    {"events", sw_module_events},
    {"notifier", sw_module_notifier},
    {"stop", sw_module_stop},
    {"is_ip", sw_module_is_ip},
    {"is_port", sw_module_is_port},
    {"set_policy", sw_module_set_policy},
    {"lock_policy", sw_module_lock_policy},
    {"check_file", sw_module_check_file},
    {NULL, NULL},
};

static const luaL_Reg resp_functions[] = {
    {"encode", sw_module_resp_encode}, {"encode_value", sw_module_resp_encode_value},
    {"decode", sw_module_resp_decode}, {"as", sw_module_resp_as},
    {"kind", sw_module_resp_kind},     {NULL, NULL},
};

static const luaL_Reg client_methods[] = {
    {"on", sw_method_on},
    {"set_greeting", sw_method_set_greeting},
    {"close", sw_method_close},
    {"connect", sw_method_connect},
    {"disconnect", sw_method_disconnect},
    {"shutdown", sw_method_shutdown},
    {"set_reconnect", sw_method_set_reconnect},
    {"get_reconnect", sw_method_get_reconnect},
    {"set_server", sw_method_set_server},
    {"get_server", sw_method_get_server},
    {"send", sw_method_send},
    {"send_once", sw_method_send_once},
    {"write", sw_method_write},
    {"confirm", sw_method_confirm},
    {"state", sw_method_state},
    {"is_connected", sw_method_is_connected},
    {"pending", sw_method_pending},
    {"stats", sw_method_stats},
    {"poll", sw_method_poll},
    {"wait", sw_method_wait},
    {"flush", sw_method_flush},
    {"receive", sw_method_receive},
    {"read", sw_method_read},
    {"set_framing", sw_method_set_framing},
    {"unfinished", sw_method_unfinished},
    {NULL, NULL},
};

static const luaL_Reg client_metamethods[] = {
    {"__close", sw_method_end_of_scope},
    {"__concat", sw_foreign_concat},
    {"__newindex", sw_method_set_field},
    {"__tostring", sw_method_tostring},
    {NULL, NULL},
};

/* --- the context and the sentinel --- */

static const char context_key; /* its address is the context's key in the registry */

static const struct sw_kind sentinel_kind = {"sidewire.sentinel"};

struct sentinel {
    const struct sw_kind *kind;
    struct context *context;
};

/* May the running function be called within another function of the module? Before Lua 5.4, a finalizer that runs while
 * the state closes can run the collector, and so the sentinel's finalizer within a poll of its own. lua_close itself
 * calls from an empty stack, which is that of a thread of its own in LuaJIT (since November 2025). On another thread's
 * stack the function may be missing: it is then in a coroutine, or in what resumed this one. */
static bool is_nested(lua_State *L) {
    lua_Debug frame;
    Dl_info here, other;
    if (!lua_checkstack(L, 1)) return true;
    if (!lua_getstack(L, 1, &frame)) return false;
    bool is_main = lua_pushthread(L) != 0;
    lua_pop(L, 1);
    if (!is_main || dladdr((void *)(uintptr_t)&luaopen_sidewire_core, &here) == 0) return true;
    for (int level = 1; lua_getstack(L, level, &frame); level++) {
        if (level == SW_FRAMES_MAX) return true;
        lua_getinfo(L, "f", &frame);
        lua_CFunction function = lua_tocfunction(L, -1);
        lua_pop(L, 1);
        if (function != NULL && dladdr((void *)(uintptr_t)function, &other) != 0 && other.dli_fbase == here.dli_fbase)
            return true;
    }
    return false;
}

/* The sentinel's finalizer. It runs at the end of the Lua state, because before that the registry refers to the
 * sentinel. It finds the context in the registry; a reference from the sentinel to the context would be a cycle. */
static int collect_sentinel(lua_State *L) {
    const struct sentinel *sentinel = sw_to_kind(L, 1, &sentinel_kind, sizeof *sentinel);
    if (sentinel == NULL || lua_rawgetp(L, LUA_REGISTRYINDEX, &context_key) != LUA_TUSERDATA) return 0;
    sw_host_close(L, -1, sentinel->context, is_nested(L));
    return 0;
}

/* Sets a user value of the userdata at index to a new table. mode: "k" or "v" for weak keys or values; NULL: strong. */
static void set_table(lua_State *L, int index, int value, const char *mode) {
    lua_newtable(L);
    if (mode != NULL) {
        lua_createtable(L, 0, 1);
        lua_pushstring(L, mode);
        lua_setfield(L, -2, "__mode");
        lua_setmetatable(L, -2);
    }
    lua_setiuservalue(L, index, value);
}

static void push_sentinel(lua_State *L, struct context *context) {
    struct sentinel *sentinel = lua_newuserdatauv(L, sizeof *sentinel, 0);
    *sentinel = (struct sentinel){&sentinel_kind, context};
    lua_createtable(L, 0, 3);
    lua_pushcfunction(L, collect_sentinel);
    lua_setfield(L, -2, "__gc");
    sw_seal_metatable(L, &sentinel_kind);
    lua_setmetatable(L, -2);
}

/* Pushes a new context userdata and puts it into the registry. */
static void push_context(lua_State *L) {
    struct context *context = lua_newuserdatauv(L, sizeof *context, CONTEXT_VALUES);
    *context = (struct context){.kind = &sw_context_kind, .policy = sw_policy_unlimited()};
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &context_key);
}

/* Sets the metatable of the context, and the tables among its user values. */
static void set_tables(lua_State *L, int context) {
    set_table(L, context, CONTEXT_CLIENTS, "v");
    set_table(L, context, CONTEXT_ANCHORS, NULL);
    set_table(L, context, CONTEXT_THREADS, "k");
    set_table(L, context, CONTEXT_PINS, NULL);
    set_table(L, context, CONTEXT_SAVERS, "k");
    lua_newtable(L);
    sw_seal_metatable(L, &sw_context_kind);
    lua_setmetatable(L, context);
}

/* Adds the functions to the table on top, each with the context userdata as its upvalue. */
static void add_functions(lua_State *L, int context, const luaL_Reg *functions) {
    lua_pushvalue(L, context);
    luaL_setfuncs(L, functions, 1);
}

/* Sets what is called for a name that the table on top does not have. */
static void set_fallback(lua_State *L, int context, lua_CFunction function) {
    lua_createtable(L, 0, 1);
    lua_pushvalue(L, context);
    lua_pushcclosure(L, function, 1);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
}

static void set_client_meta(lua_State *L, int context) {
    lua_newtable(L);
    add_functions(L, context, sw_handle_metamethods);
    add_functions(L, context, client_metamethods);
    lua_newtable(L);
    add_functions(L, context, client_methods);
    set_fallback(L, context, sw_foreign_method);
    lua_setfield(L, -2, "__index");
    sw_seal_metatable(L, &sw_client_kind);
    lua_setiuservalue(L, context, CONTEXT_CLIENT_META);
}

static void set_keeper_meta(lua_State *L, int context) {
    lua_newtable(L);
    add_functions(L, context, sw_keeper_metamethods);
    sw_seal_metatable(L, &sw_keeper_kind);
    lua_setiuservalue(L, context, CONTEXT_KEEPER_META);
}

/* Adds the table `resp` to the module's on top. */
static void set_resp(lua_State *L, int context) {
    sw_resp_push_kinds(L);
    lua_setiuservalue(L, context, CONTEXT_RESP);
    lua_newtable(L);
    add_functions(L, context, resp_functions);
    sw_resp_push_null(L);
    lua_setfield(L, -2, "null");
    lua_setfield(L, -2, "resp");
}

static void push_module(lua_State *L, int context) {
    lua_newtable(L);
    add_functions(L, context, module_functions);
    set_resp(L, context);
    lua_pushliteral(L, "sidewire");
    lua_setfield(L, -2, "_NAME");
    lua_pushliteral(L, SW_VERSION);
    lua_setfield(L, -2, "_VERSION");
}

/* Restores the functions in the module's table that a script has replaced, without metamethods. Code that loads the
 * module again relies on this (lua/sidewire/settings.lua). */
static void restore_module(lua_State *L, int context) {
    lua_getiuservalue(L, context, CONTEXT_FUNCTIONS);
    lua_getiuservalue(L, context, CONTEXT_MODULE);
    for (lua_pushnil(L); lua_next(L, -3) != 0;) {
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, -4);
    }
}

/* Completes the context at index 1. An earlier call may have failed halfway for lack of memory; so CONTEXT_MODULE,
 * which shows that the context is complete, is set last. */
static void complete_context(lua_State *L) {
    struct context *context = lua_touserdata(L, 1);
    set_tables(L, 1);
    if (context->engine == NULL) {
        push_sentinel(L, context);
        lua_setiuservalue(L, 1, CONTEXT_SENTINEL);
        context->engine = sw_engine_new(sw_loop_main);
        if (context->engine == NULL) luaL_error(L, "sidewire: not enough memory");
    }
    set_client_meta(L, 1);
    set_keeper_meta(L, 1);
    push_module(L, 1);
    lua_setiuservalue(L, 1, CONTEXT_FUNCTIONS);
    lua_newtable(L);
    set_fallback(L, 1, sw_foreign_function);
    lua_setiuservalue(L, 1, CONTEXT_MODULE);
}

/* Raises if calls of libev reach another one than ours, as in Tarantool, which exports its own. */
static void check_libev(lua_State *L) {
    char problem[128];
    if (sw_reactor_check_library(problem, sizeof problem)) return;
    const char *lua = sw_version_push(L);
    luaL_error(
        L,
        "sidewire: %s: use the file that `make bundle LUA=%s` builds, build/bundle-%s/sidewire/core.so, which has its "
        "own libev inside",
        problem, lua, lua);
}

/* Pushes the module's table. Every call in the same Lua state pushes the same table. */
int luaopen_sidewire_core(lua_State *L) {
    sw_version_check(L);
    luaL_checkversion(L);
    check_libev(L);
    prevent_unloading_once();
    lua_settop(L, 0);
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &context_key) != LUA_TUSERDATA) {
        lua_settop(L, 0);
        push_context(L);
    }
    if (lua_getiuservalue(L, 1, CONTEXT_MODULE) != LUA_TTABLE) complete_context(L);
    restore_module(L, 1);
    return 1;
}
