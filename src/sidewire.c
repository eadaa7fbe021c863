/* The top: makes the module table of one Lua state, and is the only file that sees both the host and the loop room.
 *
 * The module's functions share a context userdata, kept in the registry, and it keeps a sentinel, a userdata whose finalizer
 * stops the loop thread. The sentinel is made before any client, and finalizers run in reverse order, so at lua_close all
 * clients have been closed when the thread is joined. The context userdata itself has no finalizer: scripts can reach it as
 * an upvalue, with the debug library.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* dladdr */
#endif

#include <dlfcn.h>
#include <lauxlib.h>
#include <lua.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "channel/engine.h"
#include "host/context.h"
#include "host/functions.h"
#include "host/module.h"
#include "host/policy.h"
#include "host/userdata.h"
#include "loop/loop.h"
#include "loop/reactor.h"

#define SW_VERSION "0.1.0"

#define SW_API __attribute__((visibility("default")))

SW_API int luaopen_sidewire_core(lua_State *L);

/* A thread may be in the module's code for a moment after the host has unloaded it: so it never is. RTLD_NODELETE on
 * the module's own file does what `-z nodelete` would, which not every build passes. */
static void pin(void) {
    Dl_info here;
    if (dladdr((void *)(uintptr_t)&luaopen_sidewire_core, &here) != 0 && here.dli_fname != NULL)
        (void)dlopen(here.dli_fname, RTLD_NOW | RTLD_NODELETE | RTLD_LOCAL);
}

static void pin_once(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, pin);
}

/* --- every function and method that scripts call; host/functions.h says where each is --- */

static const luaL_Reg module_functions[] = {
    {"new", sw_module_new},
    {"check_options", sw_module_check_options},
    {"poll", sw_module_poll},
    {"on_error", sw_module_on_error},
    {"wait", sw_module_wait},
    {"events", sw_module_events},
    {"stop", sw_module_stop},
    {"is_ip", sw_module_is_ip},
    {"is_port", sw_module_is_port},
    {"set_policy", sw_module_set_policy},
    {"lock_policy", sw_module_lock_policy},
    {"check_file", sw_module_check_file},
    {NULL, NULL},
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
    {"unfinished", sw_method_unfinished},
    {NULL, NULL},
};

static const luaL_Reg client_metamethods[] = {
    {"__close", sw_method_end_of_scope},
    {"__tostring", sw_method_tostring},
    {NULL, NULL},
};

/* --- what they share --- */

static const char context_key; /* its address is the registry's key */

static const struct sw_kind sentinel_kind = {"sidewire.sentinel"};

struct sentinel {
    const struct sw_kind *kind;
    struct context *context;
};

/* The Lua state ends: nothing else collects what the registry keeps. The context userdata is no garbage yet, and no user
 * value of the sentinel's, which would make a circle. */
static int collect_sentinel(lua_State *L) {
    const struct sentinel *sentinel = sw_to_kind(L, 1, &sentinel_kind, sizeof *sentinel);
    if (sentinel == NULL || lua_rawgetp(L, LUA_REGISTRYINDEX, &context_key) != LUA_TUSERDATA) return 0;
    sw_host_close(L, -1, sentinel->context);
    return 0;
}

/* Sets a user value of the userdata at index to a table with weak keys or values; with mode NULL, to an ordinary one. */
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

/* Pushes a context userdata, which the registry keeps from now on. */
static void push_context(lua_State *L) {
    struct context *context = lua_newuserdatauv(L, sizeof *context, CONTEXT_VALUES);
    *context = (struct context){.kind = &sw_context_kind, .policy = sw_policy_open()};
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &context_key);
}

/* Sets the user values of the context at index that are tables of their own, and its metatable. */
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

/* Adds the functions, whose upvalue is the context userdata, to the table on top. */
static void add(lua_State *L, int context, const luaL_Reg *functions) {
    lua_pushvalue(L, context);
    luaL_setfuncs(L, functions, 1);
}

static void set_client_meta(lua_State *L, int context) {
    lua_newtable(L);
    add(L, context, sw_handle_metamethods);
    add(L, context, client_metamethods);
    lua_newtable(L);
    add(L, context, client_methods);
    lua_setfield(L, -2, "__index");
    sw_seal_metatable(L, &sw_client_kind);
    lua_setiuservalue(L, context, CONTEXT_CLIENT_META);
}

static void set_keeper_meta(lua_State *L, int context) {
    lua_newtable(L);
    add(L, context, sw_keeper_metamethods);
    sw_seal_metatable(L, &sw_keeper_kind);
    lua_setiuservalue(L, context, CONTEXT_KEEPER_META);
}

static void push_module(lua_State *L, int context) {
    lua_newtable(L);
    add(L, context, module_functions);
    lua_pushliteral(L, "sidewire");
    lua_setfield(L, -2, "_NAME");
    lua_pushliteral(L, SW_VERSION);
    lua_setfield(L, -2, "_VERSION");
}

/* Puts back into the module's table, without metamethods, whatever a script replaced in it: what loads the module anew
 * relies on that. */
static void restore_module(lua_State *L, int context) {
    lua_getiuservalue(L, context, CONTEXT_FUNCTIONS);
    lua_getiuservalue(L, context, CONTEXT_MODULE);
    for (lua_pushnil(L); lua_next(L, -3) != 0;) {
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, -4);
    }
}

/* Completes the context at index 1, which may be left half made by an earlier call for which there was not enough memory: the
 * module's table comes last. */
static void complete(lua_State *L) {
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
    set_table(L, 1, CONTEXT_MODULE, NULL);
}

/* The module; a second call in the same state gives the same one. */
int luaopen_sidewire_core(lua_State *L) {
    luaL_checkversion(L);
    const char *problem = sw_reactor_check_library();
    if (problem != NULL) return luaL_error(L, "%s", problem);
    pin_once();
    lua_settop(L, 0);
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &context_key) != LUA_TUSERDATA) {
        lua_settop(L, 0);
        push_context(L);
    }
    if (lua_getiuservalue(L, 1, CONTEXT_MODULE) != LUA_TTABLE) complete(L);
    restore_module(L, 1);
    return 1;
}
