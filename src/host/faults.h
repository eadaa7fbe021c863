/* Rules for faults (base/faults.h) from Lua and from the environment: in builds with FAULTS=1 only. */
#ifndef SW_HOST_FAULTS_H
#define SW_HOST_FAULTS_H

#ifdef SW_FAULTS

#include <lauxlib.h>
#include <lua.h>

extern const luaL_Reg sw_fault_functions[];

/* Sets the rules that SIDEWIRE_FAULTS holds, if there is such a variable; raises if they cannot be read. */
void sw_faults_read_environment(lua_State *L);

#endif

#endif
