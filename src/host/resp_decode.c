/* sidewire.resp.decode. It puts together the items that codec/resp_item.h reads: a table is on Lua's stack until all
 * that belongs into it is there, and `levels` says how much that is. So a deeply nested value needs no C stack.
 */
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/decimal.h"
#include "base/real.h"
#include "codec/resp_item.h"
#include "host/check.h"
#include "host/functions.h"
#include "host/luacompat.h"
#include "host/read_framing.h"
#include "host/resp.h"

enum {
    INPUT = 1,      /* the bytes; they stay on the stack, so the collector does not free them */
    ATTRIBUTES = 2, /* those of the whole value, or nil */
};

/* A table that is not complete. Of a map, the key whose value is still missing lies above it on the stack. */
struct level {
    enum sw_resp_type type;
    uint64_t missing; /* items */
    int next;         /* the index of the next value of a list */
};

struct decoder {
    lua_State *L;
    const char *bytes;
    size_t size, at;
    uint64_t missing; /* items that must follow: at least so many times ITEM_MIN bytes */
    int depth;
    struct level levels[SW_RESP_DEPTH];
    struct sw_resp_fault fault;
};

static bool refuse(struct decoder *decoder, size_t at, const char *expected, uint64_t needed) {
    decoder->fault = (struct sw_resp_fault){at, expected, needed};
    return false;
}

/* --- numbers --- */

static void push_integer(lua_State *L, const struct sw_resp_item *item) {
    int64_t integer = item->integer;
    bool is_exact = LUA_VERSION_NUM >= 503 || (integer >= -SW_RESP_EXACT && integer <= SW_RESP_EXACT);
    if (is_exact)
        sw_push_integer(L, integer);
    else
        lua_pushstring(L, SW_DECIMAL(integer));
}

/* Pushes the number as strtod wants it in this locale: with its point. */
static const char *push_localized(lua_State *L, const char *text, size_t size, const char *point) {
    const char *dot = memchr(text, '.', size);
    size_t whole = dot != NULL ? (size_t)(dot - text) : size;
    lua_pushlstring(L, text, whole);
    lua_pushstring(L, dot != NULL ? point : "");
    lua_pushlstring(L, text + whole + (dot != NULL), size - whole - (dot != NULL));
    lua_concat(L, 3);
    return lua_tostring(L, -1);
}

/* strtod ends at the "\r" behind the number. */
static void push_double(lua_State *L, struct sw_slice slice) {
    const char *text = slice.data;
    bool is_signed = text[0] == '-' || text[0] == '+';
    double sign = text[0] == '-' ? -1 : 1;
    char point[16];
    if (text[is_signed] == 'i')
        lua_pushnumber(L, sign * INFINITY);
    else if (text[is_signed] == 'n')
        lua_pushnumber(L, NAN);
    else if (strcmp(sw_real_point(point, sizeof point), ".") == 0)
        lua_pushnumber(L, strtod(text, NULL));
    else {
        lua_pushnumber(L, strtod(push_localized(L, text, slice.size, point), NULL));
        lua_remove(L, -2);
    }
}

/* --- values --- */

static void push_text(lua_State *L, struct sw_slice text) { lua_pushlstring(L, text.data, text.size); }

static enum sw_resp_kind kind_of(enum sw_resp_type type) {
    return type == SW_RESP_SET    ? SW_RESP_KIND_SET
           : type == SW_RESP_PUSH ? SW_RESP_KIND_PUSH
           : type == SW_RESP_MAP  ? SW_RESP_KIND_MAP
                                  : SW_RESP_KIND_ARRAY;
}

static bool has_keys(enum sw_resp_type type) { return type == SW_RESP_MAP || type == SW_RESP_ATTRIBUTE; }

/* Pushes the value of an item; the table of an aggregate is still empty. */
static void push_value(lua_State *L, const struct sw_resp_item *item) {
    switch (item->type) {
    case SW_RESP_SIMPLE:
    case SW_RESP_BULK:
    case SW_RESP_VERBATIM:
    case SW_RESP_BIG: push_text(L, item->text); break;
    case SW_RESP_ERROR:
    case SW_RESP_BULK_ERROR:
        push_text(L, item->text);
        sw_resp_make_error(L);
        break;
    case SW_RESP_INTEGER: push_integer(L, item); break;
    case SW_RESP_BOOLEAN: lua_pushboolean(L, (int)item->integer); break;
    case SW_RESP_DOUBLE: push_double(L, item->text); break;
    case SW_RESP_NULL: sw_resp_push_null(L); break;
    case SW_RESP_ARRAY:
    case SW_RESP_SET:
    case SW_RESP_PUSH:
    case SW_RESP_MAP:
    case SW_RESP_ATTRIBUTE:
        lua_newtable(L);
        sw_resp_mark(L, kind_of(item->type));
        break;
    }
}

/* The key on top cannot be one of a table if it is NaN: "nan" stands for it. */
static void make_key(lua_State *L) {
    if (lua_type(L, -1) != LUA_TNUMBER || lua_tonumber(L, -1) == lua_tonumber(L, -1)) return;
    lua_pop(L, 1);
    lua_pushliteral(L, "nan");
}

/* Puts the value on top into the table of the innermost level. */
static void store(struct decoder *decoder, struct level *level) {
    lua_State *L = decoder->L;
    if (!has_keys(level->type))
        lua_rawseti(L, -2, level->next++);
    else if (level->missing % 2 == 0)
        make_key(L);
    else
        lua_rawset(L, -3);
    level->missing--;
}

/* The attributes on top are complete. Only those of the whole value are kept. */
static void end_attributes(struct decoder *decoder) {
    if (decoder->depth == 0)
        lua_replace(decoder->L, ATTRIBUTES);
    else
        lua_pop(decoder->L, 1);
}

/* The value on top is complete, and so may be those that it belongs to. True: the whole value is. */
static bool complete(struct decoder *decoder) {
    while (decoder->depth > 0) {
        struct level *level = &decoder->levels[decoder->depth - 1];
        store(decoder, level);
        if (level->missing > 0) return false;
        decoder->depth--;
        if (level->type != SW_RESP_ATTRIBUTE) continue;
        end_attributes(decoder);
        return false;
    }
    return true;
}

/* --- items --- */

/* There are at least as many bytes as the missing items need; so the levels claim no more than there is. */
static bool check_missing(struct decoder *decoder) {
    bool is_there = decoder->missing <= (decoder->size - decoder->at) / SW_RESP_ITEM_MIN;
    return is_there || refuse(decoder, decoder->at, "value(s)", decoder->missing);
}

/* Reads the next item. */
static bool read_item(struct decoder *decoder, struct sw_resp_item *item) {
    size_t size = sw_resp_read(decoder->bytes + decoder->at, decoder->size - decoder->at, item, &decoder->fault);
    decoder->fault.at += decoder->at;
    if (size == 0) return false;
    if (item->count > 0 && decoder->depth == SW_RESP_DEPTH)
        return refuse(decoder, decoder->at, "values that are nested at most 64 levels deep", 0);
    decoder->at += size;
    decoder->missing += item->count - (item->type != SW_RESP_ATTRIBUTE);
    return check_missing(decoder);
}

/* Makes the value of an item. True: the whole value is on top. */
static bool build(struct decoder *decoder, const struct sw_resp_item *item) {
    push_value(decoder->L, item);
    if (item->count > 0)
        decoder->levels[decoder->depth++] = (struct level){item->type, item->count, 1};
    else if (item->type == SW_RESP_ATTRIBUTE)
        end_attributes(decoder);
    else
        return complete(decoder);
    return false;
}

/* Reads the whole value, which is on top then. *type: its own. */
static bool read_value(struct decoder *decoder, enum sw_resp_type *type) {
    struct sw_resp_item item;
    do {
        bool is_outermost = decoder->depth == 0;
        if (!read_item(decoder, &item)) return false;
        if (is_outermost) *type = item.type;
    } while (!build(decoder, &item));
    return decoder->at == decoder->size || refuse(decoder, decoder->at, "the end", 0);
}

/* --- the result --- */

static const char *kind_name(enum sw_resp_type type) {
    switch (type) {
    case SW_RESP_SIMPLE:
    case SW_RESP_BULK:
    case SW_RESP_VERBATIM: return "string";
    case SW_RESP_ERROR:
    case SW_RESP_BULK_ERROR: return "error";
    case SW_RESP_INTEGER: return "integer";
    case SW_RESP_BOOLEAN: return "boolean";
    case SW_RESP_DOUBLE: return "double";
    case SW_RESP_BIG: return "big";
    case SW_RESP_NULL: return "null";
    case SW_RESP_ARRAY: return "array";
    case SW_RESP_SET: return "set";
    case SW_RESP_PUSH: return "push";
    case SW_RESP_MAP: return "map";
    case SW_RESP_ATTRIBUTE: break;
    }
    return NULL;
}

/* Pushes the first bytes in quotes. */
static const char *push_start(lua_State *L, const char *bytes, size_t size) {
    enum { SHOWN = 12 };
    return sw_push_quoted(L, (const unsigned char *)bytes, size < SHOWN ? size : SHOWN, size > SHOWN);
}

static int push_fault(lua_State *L, const struct decoder *decoder) {
    const struct sw_resp_fault *fault = &decoder->fault;
    size_t rest = decoder->size - fault->at;
    const char *got = rest == 0 ? "the end" : push_start(L, decoder->bytes + fault->at, rest);
    const char *place = SW_DECIMAL(fault->at + 1);
    lua_pushnil(L);
    if (fault->needed > 0)
        lua_pushfstring(L, "not a RESP value: expected %s %s at byte %s, got only %s bytes", SW_DECIMAL(fault->needed),
                        fault->expected, place, SW_DECIMAL(rest));
    else
        lua_pushfstring(L, "not a RESP value: expected %s at byte %s, got %s", fault->expected, place, got);
    lua_pushliteral(L, "EFRAME");
    return 3;
}

/***
 * @module sidewire.core
 */

/*** Reads one whole RESP2 or RESP3 value, as a message of `framing = "resp"` has it.
 *
 * - Strings, also verbatim ones (without their format), become strings; doubles numbers; booleans booleans; big numbers
 *   strings of digits. Integers have 64 bits; where all numbers of Lua are floats, those beyond 2^53 become strings of
 *   digits.
 * - null, also as an element, is `resp.null`, a light userdata that is true as a condition.
 * - Arrays, sets and pushes become lists, maps tables of keys and values. Of a map, a key that is NaN is "nan".
 * - An error becomes a table with the fields message and code (the first word of it), which tostring turns into the
 *   message.
 * - Attributes of the value are the third result. Those of values inside of it are left out.
 *
 * `resp.kind` tells the kinds of the values inside. Values may be nested 64 levels deep. What is malformed or cut, or
 * has bytes behind it, is refused; the message says at which byte, counted from 1, and what was expected.
 * @function resp.decode
 * @tparam string bytes
 * @treturn[1] any value never nil
 * @treturn[1] string kind "string", "integer", "double", "boolean", "null", "big", "array", "set", "map", "push" or "error"
 * @treturn[1] table|nil attributes a map
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: EFRAME
 * @raise misuse
 */
int sw_module_resp_decode(lua_State *L) {
    if (lua_type(L, INPUT) != LUA_TSTRING)
        sw_misuse(L, (struct sw_spot){"sidewire.resp.decode", "bytes"}, INPUT, "a string");
    lua_settop(L, INPUT);
    lua_pushnil(L); /* ATTRIBUTES */
    luaL_checkstack(L, 2 * SW_RESP_DEPTH + 10, "sidewire.resp.decode");
    struct decoder decoder = {.L = L, .missing = 1};
    enum sw_resp_type type = SW_RESP_NULL;
    decoder.bytes = lua_tolstring(L, INPUT, &decoder.size);
    if (!read_value(&decoder, &type)) return push_fault(L, &decoder);
    lua_pushstring(L, kind_name(type));
    lua_pushvalue(L, ATTRIBUTES);
    return 3;
}
