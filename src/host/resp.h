/* What Lua values stand for the values of RESP2 and RESP3: what sidewire.resp.decode makes and encode_value takes.
 *
 * Strings, numbers, booleans and plain tables stand for themselves. null is a light userdata, so that it can be an
 * element of a table. What Lua has no type for is a table with one of the metatables that the context keeps. A script
 * cannot reach these without the debug library, and nothing that the C code does depends on what is in them.
 */
#ifndef SW_HOST_RESP_H
#define SW_HOST_RESP_H

#include <stdbool.h>

#include "host/luacompat.h"

/* Kinds of tables, with the name that scripts use:
 *   X(name, text) */
#define SW_RESP_KINDS(X)                            \
    X(SET, "set")            /* a list */           \
    X(MAP, "map")            /* keys and values */  \
    X(PUSH, "push")          /* a list */           \
    X(FAILURE, "error")      /* message and code */ \
    X(PLAIN, "simple")       /* [1]: the string */  \
    X(FORMATTED, "verbatim") /* [1]: the string */  \
    X(DIGITS, "big")         /* [1]: the digits */  \
    X(REAL, "double")        /* [1]: the number */

enum sw_resp_kind {
    SW_RESP_KIND_ARRAY, /* a table without one of the metatables */
#define SW_RESP_KIND_ENUM(name, text) SW_RESP_KIND_##name,
    SW_RESP_KINDS(SW_RESP_KIND_ENUM)
#undef SW_RESP_KIND_ENUM
        SW_RESP_KIND_COUNT
};

enum { SW_RESP_DEPTH = 64 }; /* so many arrays, sets, maps and pushes may be in one another */

/* Pushes the table of the metatables, for CONTEXT_RESP. */
void sw_resp_push_kinds(lua_State *L);

/* The kind of the table at index. */
enum sw_resp_kind sw_resp_kind(lua_State *L, int index);

/* Gives the table on top the metatable of this kind; none for an array. */
void sw_resp_mark(lua_State *L, enum sw_resp_kind kind);

/* Replaces the string on top by the table of an error with this message. */
void sw_resp_make_error(lua_State *L);

void sw_resp_push_null(lua_State *L);

/* Where all numbers of Lua are floats, they are integers up to this one, 2^53, which floats hold exactly. */
#define SW_RESP_EXACT 9007199254740992

/* Is the number at index an integer of Lua; where there are only floats, a whole one that is exact? */
bool sw_resp_is_integer(lua_State *L, int index);

#endif
