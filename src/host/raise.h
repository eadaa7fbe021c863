/* Raises errors at the line that has made the mistake.
 *
 * luaL_error gives the position of the direct caller only. A function that is called by pcall, or in a tail call, has no
 * direct caller with a line, and its error would say nothing about the place. So the position is here that of the
 * nearest function on the stack that has a line.
 */
#ifndef SW_HOST_RAISE_H
#define SW_HOST_RAISE_H

#include "host/luacompat.h"

/* Raises the formatted message (as lua_pushfstring formats it) behind "FILE:LINE: ". Marked as cold, so that the compiler
 * lays out the code of poll and send for calls without errors. */
int sw_raise(lua_State *L, const char *format, ...) __attribute__((cold));

/* Raises if the running function, `where` as "sidewire.poll", was called with a colon: then its first argument is the
 * table in which it stands. */
void sw_refuse_colon(lua_State *L, const char *where);

/* Replaces the metatable on top by the table of methods in it; nil: a script with the debug library has removed one of the
 * two. */
void sw_push_methods(lua_State *L);

/* Replaces the table on top by the name that the running function has in it, which it returns. NULL and nil: it has none,
 * or there is no table. */
const char *sw_push_name_in(lua_State *L);

#endif
