/* The top: makes the module table of one Lua state, and is the only file that sees both the host and the loop room.
 *
 * The module table belongs to a host userdata, kept in the registry, whose finalizer stops the loop thread. It is made
 * before any client, and finalizers run in reverse order, so at lua_close all clients have been closed when the thread
 * is joined.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* dladdr */
#endif

#include <dlfcn.h>
#include <lauxlib.h>
#include <lua.h>
#include <pthread.h>
#include <string.h>

#include "host/faults.h"
#include "host/host.h"
#include "loop/loop.h"

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

static int collect_host(lua_State *L) {
    sw_host_close(lua_touserdata(L, 1));
    return 0;
}

static const char host_key; /* its address is the registry's key */

/* Pushes a table with weak keys or values. */
static void push_weak(lua_State *L, const char *mode) {
    lua_newtable(L);
    lua_createtable(L, 0, 1);
    lua_pushstring(L, mode);
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
}

/* Pushes the host userdata, complete: from its metatable on, it is finalized. */
static void push_host(lua_State *L) {
    struct host *host = lua_newuserdatauv(L, sizeof *host, HOST_VALUES);
    memset(host, 0, sizeof *host);
    push_weak(L, "v");
    lua_setiuservalue(L, -2, HOST_CLIENTS);
    lua_newtable(L);
    lua_setiuservalue(L, -2, HOST_ANCHORS);
    push_weak(L, "k");
    lua_setiuservalue(L, -2, HOST_THREADS);
    lua_newtable(L);
    lua_setiuservalue(L, -2, HOST_LOANS);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, collect_host);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    host->engine = sw_engine_new(sw_loop_main);
    if (host->engine == NULL) luaL_error(L, "sidewire: not enough memory");
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &host_key);
}

/* Adds the functions to the table below host and metatable, which are their upvalues and stay. */
static void add(lua_State *L, int table, int host, int meta, const luaL_Reg *functions) {
    lua_pushvalue(L, table);
    lua_pushvalue(L, host);
    lua_pushvalue(L, meta);
    luaL_setfuncs(L, functions, UPVALUES);
    lua_pop(L, 1);
}

static void push_client_meta(lua_State *L, int host) {
    lua_newtable(L);
    int meta = lua_gettop(L);
    lua_newtable(L);
    int methods = lua_gettop(L);
    add(L, meta, host, meta, sw_client_metamethods);
    add(L, methods, host, meta, sw_client_methods);
    add(L, methods, host, meta, sw_command_methods);
    add(L, methods, host, meta, sw_send_methods);
    add(L, methods, host, meta, sw_inspect_methods);
    add(L, methods, host, meta, sw_poll_methods);
    add(L, methods, host, meta, sw_wait_methods);
    add(L, methods, host, meta, sw_unfinished_methods);
    lua_setfield(L, meta, "__index");
    lua_pushliteral(L, CLIENT_TYPE);
    lua_setfield(L, meta, "__name");
}

static void push_module(lua_State *L, int host, int meta) {
    lua_newtable(L);
    int module = lua_gettop(L);
    add(L, module, host, meta, sw_client_functions);
    add(L, module, host, meta, sw_poll_functions);
    add(L, module, host, meta, sw_events_functions);
    add(L, module, host, meta, sw_wait_functions);
    add(L, module, host, meta, sw_module_functions);
#ifdef SW_FAULTS
    add(L, module, host, meta, sw_fault_functions);
#endif
    lua_pushliteral(L, "sidewire");
    lua_setfield(L, module, "_NAME");
    lua_pushliteral(L, SW_VERSION);
    lua_setfield(L, module, "_VERSION");
}

/* The module; a second call in the same state gives the same one. */
int luaopen_sidewire_core(lua_State *L) {
    luaL_checkversion(L);
    const char *problem = sw_loop_check_library();
    if (problem != NULL) return luaL_error(L, "%s", problem);
    lua_settop(L, 0);
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &host_key) == LUA_TTABLE) return 1;
    pin_once();
    lua_settop(L, 0);
#ifdef SW_FAULTS
    sw_faults_read_environment(L);
#endif
    push_host(L);
    push_client_meta(L, 1);
    push_module(L, 1, 2);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &host_key);
    return 1;
}
