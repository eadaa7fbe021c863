/* The top: makes the module table of one Lua state, and is the only file that sees both the host and the loop room.
 *
 * The module table belongs to a host userdata, kept in the registry, whose finalizer stops the loop thread. It is made
 * before any client, and finalizers run in reverse order, so at lua_close all clients have been closed when the thread
 * is joined.
 *
 * A script with the debug library can call that finalizer by hand, while methods that need the host stand on the C
 * stack. Then it only stops the loop, as sidewire.stop does. It knows the state's end by the sentinel, a userdata that is
 * made right after the host's and that nothing but the state's end collects: its finalizer runs right before.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* dladdr */
#endif

#include <dlfcn.h>
#include <lauxlib.h>
#include <lua.h>
#include <pthread.h>

#include "host/faults.h"
#include "host/handle.h"
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

static const struct sw_kind sentinel_kind = {"sidewire.sentinel"};

struct sentinel {
    const struct sw_kind *kind;
    struct host *host;
};

static int collect_sentinel(lua_State *L) {
    const struct sentinel *sentinel = sw_to_kind(L, 1, &sentinel_kind, sizeof *sentinel);
    if (sentinel != NULL) sentinel->host->is_ending = true;
    return 0;
}

static int collect_host(lua_State *L) {
    struct host *host = sw_to_kind(L, 1, &sw_host_kind, sizeof *host);
    if (host == NULL) return luaL_argerror(L, 1, "the module's own userdata expected");
    if (host->is_ending)
        sw_host_close(L, 1, host);
    else if (host->engine != NULL && !sw_engine_forked(host->engine))
        sw_host_stop(host, -1);
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

/* Gives the userdata on top a finalizer. */
static void set_finalizer(lua_State *L, const struct sw_kind *kind, lua_CFunction collect) {
    lua_createtable(L, 0, 3);
    lua_pushcfunction(L, collect);
    lua_setfield(L, -2, "__gc");
    sw_seal_metatable(L, kind);
    lua_setmetatable(L, -2);
}

static void push_sentinel(lua_State *L, struct host *host) {
    struct sentinel *sentinel = lua_newuserdatauv(L, sizeof *sentinel, 0);
    *sentinel = (struct sentinel){&sentinel_kind, host};
    set_finalizer(L, &sentinel_kind, collect_sentinel);
}

/* Pushes the host userdata, complete: from its metatable on, it is finalized. */
static void push_host(lua_State *L) {
    struct host *host = lua_newuserdatauv(L, sizeof *host, HOST_VALUES);
    *host = (struct host){.kind = &sw_host_kind, .policy = sw_policy_open()};
    push_weak(L, "v");
    lua_setiuservalue(L, -2, HOST_CLIENTS);
    lua_newtable(L);
    lua_setiuservalue(L, -2, HOST_ANCHORS);
    push_weak(L, "k");
    lua_setiuservalue(L, -2, HOST_THREADS);
    lua_newtable(L);
    lua_setiuservalue(L, -2, HOST_LOANS);
    push_weak(L, "k");
    lua_setiuservalue(L, -2, HOST_SAVERS);
    set_finalizer(L, &sw_host_kind, collect_host);
    push_sentinel(L, host);
    lua_setiuservalue(L, -2, HOST_SENTINEL);
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
    add(L, meta, host, meta, sw_handle_metamethods);
    add(L, meta, host, meta, sw_client_metamethods);
    add(L, methods, host, meta, sw_client_methods);
    add(L, methods, host, meta, sw_command_methods);
    add(L, methods, host, meta, sw_send_methods);
    add(L, methods, host, meta, sw_inspect_methods);
    add(L, methods, host, meta, sw_poll_methods);
    add(L, methods, host, meta, sw_wait_methods);
    add(L, methods, host, meta, sw_unfinished_methods);
    lua_setfield(L, meta, "__index");
    sw_seal_metatable(L, &sw_client_kind);
}

static void push_module(lua_State *L, int host, int meta) {
    lua_newtable(L);
    int module = lua_gettop(L);
    add(L, module, host, meta, sw_client_functions);
    add(L, module, host, meta, sw_poll_functions);
    add(L, module, host, meta, sw_events_functions);
    add(L, module, host, meta, sw_wait_functions);
    add(L, module, host, meta, sw_module_functions);
    add(L, module, host, meta, sw_policy_functions);
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
