/* sidewire.resp.encode_value: any value. A table is on Lua's stack until all that is in it is encoded, and `levels` says
 * how far that is. So a deeply nested value needs no C stack.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/real.h"
#include "host/check.h"
#include "host/functions.h"
#include "host/luacompat.h"
#include "host/raise.h"
#include "host/resp.h"
#include "host/resp_writer.h"

static const char where[] = "sidewire.resp.encode_value";

/* A table that is not encoded to its end. Above it on the stack is the present key of a map. */
struct level {
    int index; /* of the table, on the stack */
    bool is_map;
    bool has_key;       /* of a map: the present key is encoded, and its value is not */
    size_t count, done; /* elements of a list, pairs of a map */
};

struct encoder {
    struct sw_resp_writer writer;
    int depth;
    struct level levels[SW_RESP_DEPTH];
};

/* --- single values --- */

static void add_real(struct sw_resp_writer *writer, int index) {
    char text[SW_REAL_SIZE];
    sw_resp_add_line(writer, ',', text, sw_real_write(lua_tonumber(writer->L, index), text));
}

static bool has_line_end(const char *text, size_t size) {
    return memchr(text, '\r', size) != NULL || memchr(text, '\n', size) != NULL;
}

static void add_error(struct sw_resp_writer *writer, const char *text, size_t size) {
    if (has_line_end(text, size))
        sw_resp_add_bulk(writer, '!', "", text, size);
    else
        sw_resp_add_line(writer, '-', text, size);
}

static void add_simple(struct sw_resp_writer *writer, const char *text, size_t size) {
    if (has_line_end(text, size)) sw_raise(writer->L, "%s: a simple string cannot have \\r or \\n in it", where);
    sw_resp_add_line(writer, '+', text, size);
}

static void add_big(struct sw_resp_writer *writer, const char *text, size_t size) {
    size_t sign = size > 0 && (text[0] == '-' || text[0] == '+');
    bool are_digits = size > sign;
    for (size_t i = sign; i < size; i++) are_digits = are_digits && text[i] >= '0' && text[i] <= '9';
    if (!are_digits) sw_raise(writer->L, "%s: a big number must be decimal digits", where);
    sw_resp_add_line(writer, '(', text, size);
}

/* Pushes what resp.as has put into the table on top. A script may have changed it since. */
static void push_content(lua_State *L, enum sw_resp_kind kind) {
    if (kind == SW_RESP_KIND_FAILURE) {
        lua_pushliteral(L, "message");
        lua_rawget(L, -2);
    } else
        lua_rawgeti(L, -1, 1);
    if (lua_type(L, -1) != (kind == SW_RESP_KIND_REAL ? LUA_TNUMBER : LUA_TSTRING))
        sw_raise(L, "%s: a script has changed what is in a table of sidewire.resp.as", where);
}

/* Adds the single value that the table on top stands for. */
static void add_boxed(struct sw_resp_writer *writer, enum sw_resp_kind kind) {
    size_t size = 0;
    push_content(writer->L, kind);
    const char *text = kind != SW_RESP_KIND_REAL ? lua_tolstring(writer->L, -1, &size) : NULL;
    switch (kind) {
    case SW_RESP_KIND_FAILURE: add_error(writer, text, size); break;
    case SW_RESP_KIND_PLAIN: add_simple(writer, text, size); break;
    case SW_RESP_KIND_FORMATTED: sw_resp_add_bulk(writer, '=', "txt:", text, size); break;
    case SW_RESP_KIND_DIGITS: add_big(writer, text, size); break;
    case SW_RESP_KIND_REAL: add_real(writer, -1); break;
    case SW_RESP_KIND_ARRAY:
    case SW_RESP_KIND_SET:
    case SW_RESP_KIND_MAP:
    case SW_RESP_KIND_PUSH:
    case SW_RESP_KIND_COUNT: break;
    }
    lua_pop(writer->L, 1);
}

/* Adds the value on top, which is no table. */
static void add_single(struct sw_resp_writer *writer) {
    lua_State *L = writer->L;
    size_t size;
    int type = lua_type(L, -1);
    if (type == LUA_TSTRING) {
        const char *text = lua_tolstring(L, -1, &size);
        sw_resp_add_bulk(writer, '$', "", text, size);
    } else if (type == LUA_TNUMBER) {
        if (sw_resp_is_integer(L, -1))
            sw_resp_add_head(writer, ':', sw_to_integer(L, -1, NULL));
        else
            add_real(writer, -1);
    } else if (type == LUA_TBOOLEAN)
        sw_resp_add_line(writer, '#', lua_toboolean(L, -1) ? "t" : "f", 1);
    else if (type == LUA_TLIGHTUSERDATA && lua_touserdata(L, -1) == NULL)
        sw_resp_add_line(writer, '_', "", 0);
    else
        sw_misuse(L, (struct sw_spot){where, "a value"}, -1,
                  "a string, a number, a boolean, a table or sidewire.resp.null");
}

/* --- tables --- */

static const char types[] = {
    [SW_RESP_KIND_ARRAY] = '*', [SW_RESP_KIND_SET] = '~', [SW_RESP_KIND_MAP] = '%', [SW_RESP_KIND_PUSH] = '>'};

/* Begins the table on top. */
static void enter(struct encoder *encoder, enum sw_resp_kind kind) {
    lua_State *L = encoder->writer.L;
    bool is_map = kind == SW_RESP_KIND_MAP;
    if (encoder->depth == SW_RESP_DEPTH) sw_raise(L, "%s: tables are nested more than 64 levels deep", where);
    size_t fields = sw_count_fields(L, -1), count = is_map ? fields : lua_rawlen(L, -1);
    if (count != fields) {
        sw_refuse_colon(L, where);
        sw_raise(L,
                 "%s: a list has nothing but the values 1, 2, 3 and so on (a table of other keys: "
                 "sidewire.resp.as(\"map\", t); no value: sidewire.resp.null)",
                 where);
    }
    sw_resp_add_head(&encoder->writer, types[kind], (int64_t)count);
    encoder->levels[encoder->depth++] = (struct level){lua_gettop(L), is_map, false, count, 0};
}

/* Adds the value on top and pops it, or begins it and leaves it there. */
static void add_value(struct encoder *encoder) {
    lua_State *L = encoder->writer.L;
    enum sw_resp_kind kind = lua_istable(L, -1) ? sw_resp_kind(L, -1) : SW_RESP_KIND_ARRAY;
    if (!lua_istable(L, -1))
        add_single(&encoder->writer);
    else if (kind > SW_RESP_KIND_PUSH)
        add_boxed(&encoder->writer, kind);
    else {
        enter(encoder, kind);
        return;
    }
    lua_pop(L, 1);
}

/* Pushes the next element of the list. False: there is none. */
static bool push_element(lua_State *L, struct level *level) {
    if (level->done == level->count) return false;
    level->done++;
    lua_rawgeti(L, level->index, (int)level->done);
    return true;
}

/* Pushes the next key of the map, twice, or the value of that key, and leaves the key for lua_next. */
static bool push_half(lua_State *L, struct level *level) {
    level->has_key = !level->has_key;
    if (!level->has_key) {
        lua_pushvalue(L, -1);
        lua_rawget(L, level->index);
        return true;
    }
    if (level->done == 0) lua_pushnil(L);
    bool has_next = lua_next(L, level->index) != 0;
    if (has_next == (level->done == level->count)) sw_raise(L, "%s: a table changes while it is encoded", where);
    level->done++;
    if (!has_next) return false;
    lua_pop(L, 1);
    lua_pushvalue(L, -1);
    return true;
}

/***
 * @module sidewire.core
 */

/*** Makes the bytes of any RESP value: for servers, and for tests. A string becomes a bulk string, an integer an integer,
 * another number a double, a boolean a boolean, `resp.null` null, a table with the values 1 to n an array. `resp.as` says
 * what else it may be. So encode_value makes of what decode has returned the same value again; the exceptions are simple
 * and verbatim strings, which decode makes plain strings, and, where all numbers of Lua are floats, whole doubles.
 * @function resp.encode_value
 * @tparam any value
 * @treturn string its bytes
 * @raise misuse, tables that are nested more than 64 levels deep, not enough memory
 */
int sw_module_resp_encode_value(lua_State *L) {
    struct encoder encoder;
    encoder.depth = 0;
    lua_settop(L, 1);
    luaL_checkstack(L, 3 * SW_RESP_DEPTH + 20, where);
    sw_resp_begin(&encoder.writer, L);
    lua_pushvalue(L, 1);
    add_value(&encoder);
    while (encoder.depth > 0) {
        struct level *level = &encoder.levels[encoder.depth - 1];
        if (level->is_map ? push_half(L, level) : push_element(L, level))
            add_value(&encoder);
        else {
            lua_settop(L, level->index - 1);
            encoder.depth--;
        }
    }
    sw_resp_push_bytes(&encoder.writer);
    return 1;
}
