/* Which userdata is this?
 *
 * A script can call any function of the module with any userdata, and with the debug library it can also put another
 * value into an upvalue. Therefore every userdata of the module begins with the address of a mark that stands for its kind, and
 * nothing of it is read before that was compared. (Lua's own luaL_checkudata compares metatables, which would cost a send
 * a tenth more.)
 */
#ifndef SW_HOST_USERDATA_H
#define SW_HOST_USERDATA_H

#include <lua.h>
#include <stddef.h>

/* One for each kind: its address is the mark. */
struct sw_kind {
    const char *name; /* for error messages */
};

/* The userdata at index, if it is of this kind and size; else NULL. Its first field is the mark. */
static inline void *sw_to_kind(lua_State *L, int index, const struct sw_kind *kind, size_t size) {
    void *userdata = lua_touserdata(L, index);
    if (userdata == NULL || lua_rawlen(L, index) != size) return NULL; /* light userdata has the length 0 */
    return *(const struct sw_kind **)userdata == kind ? userdata : NULL;
}

/* Gives the table on top, a metatable, what all of the module's have: scripts get its name instead of the table itself, so
 * that without the debug library they can neither change it nor call what it holds. */
static inline void sw_seal_metatable(lua_State *L, const struct sw_kind *kind) {
    lua_pushstring(L, kind->name);
    lua_setfield(L, -2, "__name");
    lua_pushstring(L, kind->name);
    lua_setfield(L, -2, "__metatable");
}

#endif
