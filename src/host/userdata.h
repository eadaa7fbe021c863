/* Checks the type of a userdata.
 *
 * A script can call any function of the module with any userdata, and with the debug library it can also replace an
 * upvalue. So every userdata of the module begins with a pointer to the struct sw_kind of its type, and every function
 * compares that first. Lua's luaL_checkudata compares metatables, which would make a send a tenth slower.
 */
#ifndef SW_HOST_USERDATA_H
#define SW_HOST_USERDATA_H

#include <stddef.h>

#include "host/luacompat.h"

/* A type of userdata. Its address identifies it. */
struct sw_kind {
    const char *name; /* for error messages */
};

/* The userdata at index if it has this kind and size, else NULL. Its first field is a pointer to its kind. */
static inline void *sw_to_kind(lua_State *L, int index, const struct sw_kind *kind, size_t size) {
    void *userdata = lua_touserdata(L, index);
    if (userdata == NULL || lua_rawlen(L, index) != size) return NULL; /* light userdata has the length 0 */
    return *(const struct sw_kind **)userdata == kind ? userdata : NULL;
}

/* Sets __name and __metatable of the metatable on top. getmetatable then returns the name, so a script without the
 * debug library can neither change the metatable nor call its functions. */
static inline void sw_seal_metatable(lua_State *L, const struct sw_kind *kind) {
    lua_pushstring(L, kind->name);
    lua_setfield(L, -2, "__name");
    lua_pushstring(L, kind->name);
    lua_setfield(L, -2, "__metatable");
}

#endif
