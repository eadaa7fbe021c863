#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* secure_getenv: getenv is not thread-safe on every system */
#endif

#include "host/faults.h"

#include <stdlib.h>

#include "base/faults.h"

static const char *const variable = "SIDEWIRE_FAULTS";

static void push_counts(lua_State *L) {
    lua_createtable(L, 0, SW_CALLS);
    for (int call = 0; call < SW_CALLS; call++) {
        struct sw_call_count count = sw_faults_count((enum sw_call)call);
        lua_createtable(L, 0, 2);
        lua_pushinteger(L, (lua_Integer)count.calls);
        lua_setfield(L, -2, "calls");
        lua_pushinteger(L, (lua_Integer)count.faults);
        lua_setfield(L, -2, "faults");
        lua_setfield(L, -2, sw_call_name((enum sw_call)call));
    }
}

/* faults([rules]): replaces all rules of this process (base/faults.h); absent: leaves them. Returns what the ones
 * before did: { sendmsg = { calls = n, faults = n }, ... }. */
static int faults(lua_State *L) {
    const char *rules = luaL_optstring(L, 1, NULL);
    push_counts(L);
    if (rules != NULL && !sw_faults_set(rules)) return luaL_error(L, "cannot read these rules: %s", rules);
    return 1;
}

const luaL_Reg sw_fault_functions[] = {
    {"faults", faults},
    {NULL, NULL},
};

void sw_faults_read_environment(lua_State *L) {
    const char *rules = secure_getenv(variable);
    if (rules != NULL && !sw_faults_set(rules)) luaL_error(L, "%s: cannot read these rules: %s", variable, rules);
}
