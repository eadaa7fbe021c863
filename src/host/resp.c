#include "host/resp.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "host/check.h"
#include "host/context.h"
#include "host/functions.h"
#include "host/raise.h"
#include "host/userdata.h"

static const struct sw_kind kinds[SW_RESP_KIND_COUNT] = {[SW_RESP_KIND_ARRAY] = {"array"},
#define ROW(name, text) [SW_RESP_KIND_##name] = {text},
                                                         SW_RESP_KINDS(ROW)
#undef ROW
};

static int error_tostring(lua_State *L) {
    if (lua_istable(L, 1)) {
        lua_pushliteral(L, "message");
        lua_rawget(L, 1);
        if (lua_type(L, -1) == LUA_TSTRING) return 1;
    }
    lua_pushliteral(L, "error");
    return 1;
}

/* The table has each metatable twice: kind -> metatable, and metatable -> kind. */
void sw_resp_push_kinds(lua_State *L) {
    lua_createtable(L, SW_RESP_KIND_COUNT, SW_RESP_KIND_COUNT);
    for (int kind = SW_RESP_KIND_ARRAY + 1; kind < SW_RESP_KIND_COUNT; kind++) {
        lua_createtable(L, 0, 3);
        sw_seal_metatable(L, &kinds[kind]);
        if (kind == SW_RESP_KIND_FAILURE) {
            lua_pushcfunction(L, error_tostring);
            lua_setfield(L, -2, "__tostring");
        }
        lua_pushvalue(L, -1);
        lua_rawseti(L, -3, kind);
        sw_push_integer(L, kind);
        lua_rawset(L, -3);
    }
}

enum sw_resp_kind sw_resp_kind(lua_State *L, int index) {
    if (!lua_getmetatable(L, index)) return SW_RESP_KIND_ARRAY;
    sw_push_context_value(L, CONTEXT_RESP);
    lua_insert(L, -2);
    lua_rawget(L, -2);
    int64_t kind = sw_to_integer(L, -1, NULL); /* 0 for a metatable that is none of these */
    lua_pop(L, 2);
    return (enum sw_resp_kind)kind;
}

void sw_resp_mark(lua_State *L, enum sw_resp_kind kind) {
    if (kind == SW_RESP_KIND_ARRAY) return;
    sw_push_context_value(L, CONTEXT_RESP);
    lua_rawgeti(L, -1, kind);
    lua_setmetatable(L, -3);
    lua_pop(L, 1);
}

void sw_resp_make_error(lua_State *L) {
    size_t size;
    const char *message = lua_tolstring(L, -1, &size), *space = memchr(message, ' ', size);
    lua_createtable(L, 0, 2);
    lua_pushlstring(L, message, space != NULL ? (size_t)(space - message) : size);
    lua_setfield(L, -2, "code");
    lua_insert(L, -2);
    lua_setfield(L, -2, "message");
    sw_resp_mark(L, SW_RESP_KIND_FAILURE);
}

void sw_resp_push_null(lua_State *L) { lua_pushlightuserdata(L, NULL); }

bool sw_resp_is_integer(lua_State *L, int index) {
#if LUA_VERSION_NUM >= 503
    return lua_isinteger(L, index);
#else
    lua_Number number = lua_tonumber(L, index);
    return lua_type(L, index) == LUA_TNUMBER && fabs(number) <= SW_RESP_EXACT && floor(number) == number;
#endif
}

/* --- as, kind --- */

/* The value at index 2 in a new table. */
static void box(lua_State *L, enum sw_resp_kind kind) {
    lua_createtable(L, 1, 0);
    lua_pushvalue(L, 2);
    lua_rawseti(L, -2, 1);
    sw_resp_mark(L, kind);
}

static void check_own_table(lua_State *L, struct sw_spot spot) {
    bool is_foreign = false;
    if (lua_istable(L, 2) && sw_resp_kind(L, 2) == SW_RESP_KIND_ARRAY && lua_getmetatable(L, 2)) {
        is_foreign = true;
        lua_pop(L, 1);
    }
    if (!lua_istable(L, 2) || is_foreign) sw_misuse(L, spot, 2, "a table without a metatable of its own");
}

static void check_type(lua_State *L, struct sw_spot spot, int type, const char *valid) {
    if (lua_type(L, 2) != type) sw_misuse(L, spot, 2, valid);
}

/***
 * @module sidewire.core
 */

/*** Says as what kind of RESP value `resp.encode_value` encodes a Lua value, where its Lua type does not say it.
 *
 * - "set", "push": a list; "map": a table of keys and values. Returns the table itself, which has a metatable then.
 * - "error": a string. Returns a table with the fields message (the string) and code (its first word), which tostring
 *   turns into the message.
 * - "simple", "verbatim": a string. "big": a string of decimal digits. "double": a number. Returns a new table.
 * @function resp.as
 * @tparam string kind
 * @tparam table|string|number value
 * @treturn table
 * @raise misuse
 */
int sw_module_resp_as(lua_State *L) {
    static const char *const words[] = {
#define ROW(name, text) text,
        SW_RESP_KINDS(ROW)
#undef ROW
    };
    const char *where = "sidewire.resp.as";
    const struct sw_spot spot = {where, "value"};
    lua_settop(L, 2);
    size_t word = sw_check_word(L, (struct sw_spot){where, "kind"}, 1, words, sizeof words / sizeof words[0]);
    enum sw_resp_kind kind = (enum sw_resp_kind)(word + 1);
    switch (kind) {
    case SW_RESP_KIND_ARRAY:
    case SW_RESP_KIND_COUNT: break;
    case SW_RESP_KIND_SET:
    case SW_RESP_KIND_MAP:
    case SW_RESP_KIND_PUSH:
        check_own_table(L, spot);
        sw_resp_mark(L, kind);
        break;
    case SW_RESP_KIND_FAILURE:
        check_type(L, spot, LUA_TSTRING, "a string");
        sw_resp_make_error(L);
        break;
    case SW_RESP_KIND_PLAIN:
    case SW_RESP_KIND_FORMATTED:
        check_type(L, spot, LUA_TSTRING, "a string");
        box(L, kind);
        break;
    case SW_RESP_KIND_DIGITS:
        check_type(L, spot, LUA_TSTRING, "a string of digits");
        box(L, kind);
        break;
    case SW_RESP_KIND_REAL:
        check_type(L, spot, LUA_TNUMBER, "a number");
        box(L, kind);
        break;
    }
    return 1;
}

/*** Tells which kind of RESP value a Lua value stands for: what decode has made, or encode_value would make. It tells
 * the errors, sets, maps and pushes in an array from other tables.
 * @function resp.kind
 * @tparam any value
 * @treturn string|nil "string", "integer", "double", "boolean", "null", "array", "set", "map", "push", "error"; what `resp.as`
 * has made: also "simple", "verbatim" or "big"; nil: none
 */
int sw_module_resp_kind(lua_State *L) {
    sw_refuse_colon(L, "sidewire.resp.kind");
    const char *kind = NULL;
    switch (lua_type(L, 1)) {
    case LUA_TSTRING: kind = "string"; break;
    case LUA_TBOOLEAN: kind = "boolean"; break;
    case LUA_TNUMBER: kind = sw_resp_is_integer(L, 1) ? "integer" : "double"; break;
    case LUA_TTABLE: kind = kinds[sw_resp_kind(L, 1)].name; break;
    case LUA_TLIGHTUSERDATA: kind = lua_touserdata(L, 1) == NULL ? "null" : NULL; break;
    default: break;
    }
    lua_pushstring(L, kind);
    return 1;
}
