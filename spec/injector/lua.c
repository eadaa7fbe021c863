/* Rules from Lua (spec/support/faults.lua) and from the environment. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* secure_getenv: getenv is not thread-safe on every system */
#endif

#include <lauxlib.h>
#include <lua.h>
#include <stdio.h>
#include <stdlib.h>

#include "rules.h"

static const char *const variable = "SIDEWIRE_FAULTS";

__attribute__((visibility("default"))) int luaopen_sidewire_faults(lua_State *L);

static void push_counts(lua_State *L) {
    lua_createtable(L, 0, CALLS);
    for (int call = 0; call < CALLS; call++) {
        struct call_count count = rules_count((enum call)call);
        lua_createtable(L, 0, 2);
        lua_pushinteger(L, (lua_Integer)count.calls);
        lua_setfield(L, -2, "calls");
        lua_pushinteger(L, (lua_Integer)count.faults);
        lua_setfield(L, -2, "faults");
        lua_setfield(L, -2, rules_call_name((enum call)call));
    }
}

/* faults([rules]): replaces all rules of this process (rules.h); absent: leaves them. Returns what the ones before did:
 * { sendmsg = { calls = n, faults = n }, ... }. */
static int faults(lua_State *L) {
    const char *rules = luaL_optstring(L, 1, NULL);
    push_counts(L);
    if (rules != NULL && !rules_set(rules)) return luaL_error(L, "cannot read these rules: %s", rules);
    return 1;
}

/* The function above. */
int luaopen_sidewire_faults(lua_State *L) {
    lua_pushcfunction(L, faults);
    return 1;
}

/* Runs when the module is loaded. */
__attribute__((constructor)) static void read_environment(void) {
    const char *rules = secure_getenv(variable);
    if (rules == NULL || rules_set(rules)) return;
    fprintf(stderr, "%s: cannot read these rules: %s\n", variable, rules);
    _Exit(EXIT_FAILURE);
}
