/* Is this the Lua for which the module was built? The C interfaces of two versions differ in functions, in structs and in
 * the numbers of pseudo-indices. So this runs before any other function of Lua is called, and calls only functions that
 * are the same in all versions. It does not include host/luacompat.h, whose weak symbols would let the module crash, instead
 * of not being loaded, in a process whose Lua the linker cannot find.
 */
#ifndef SW_HOST_VERSION_H
#define SW_HOST_VERSION_H

#include <lua.h>

/* Raises if the module was built for another Lua. The error names both, the file, and the file to use instead. */
void sw_version_check(lua_State *L);

/* Pushes the name of this Lua as the value of LUA= in make: "5.4", "luajit". Returns it. */
const char *sw_version_push(lua_State *L);

#endif
