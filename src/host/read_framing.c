#include "host/read_framing.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "base/decimal.h"
#include "codec/codec.h"
#include "host/escape.h"
#include "host/raise.h"

enum {
    MESSAGE_MAX_MARKED = 64 * 1024,         /* default max_message of framings that do not tell a length */
    MESSAGE_MAX_COUNTED = 16 * 1024 * 1024, /* of those that do */
};

#define FRAMING_WORD(kind, word) word,
#define LENGTH_WORD(length, word, bytes, is_little) word,
static const char *const framing_words[] = {SW_FRAMINGS(FRAMING_WORD)};
static const char *const length_words[] = {SW_LENGTHS(LENGTH_WORD)};

enum {
    FRAMING_WORDS = sizeof framing_words / sizeof *framing_words,
    LENGTH_WORDS = sizeof length_words / sizeof *length_words,
};

/* Which of the words it is; -1: none. */
static int find(const char *const *words, int count, const char *wanted) {
    for (int i = 0; i < count; i++)
        if (words[i] != NULL && strcmp(words[i], wanted) == 0) return i;
    return -1;
}

/* --- tables --- */

/* What the fields of a table fill in. */
struct reading {
    struct sw_framing *framing;
    bool has_delimiter, has_fixed, has_length, has_offset, has_adjustment, has_keep;
};

static void parse_delimiter(lua_State *L, struct sw_spot spot, void *out) {
    struct reading *reading = out;
    size_t size = 0;
    const char *delimiter = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &size) : NULL;
    if (delimiter == NULL || size < 1 || size > SW_DELIMITER_MAX) sw_misuse(L, spot, -1, "a string of 1..32 bytes");
    reading->has_delimiter = true;
    reading->framing->kind = SW_FRAMING_DELIMITER;
    reading->framing->size = (uint32_t)size;
    memcpy(reading->framing->delimiter, delimiter, size);
}

static void parse_fixed(lua_State *L, struct sw_spot spot, void *out) {
    struct reading *reading = out;
    reading->has_fixed = true;
    reading->framing->kind = SW_FRAMING_FIXED;
    reading->framing->size = (uint32_t)sw_check_integer(L, spot, -1, 1, SW_MESSAGE_MAX);
}

static void parse_length(lua_State *L, struct sw_spot spot, void *out) {
    struct reading *reading = out;
    reading->has_length = true;
    reading->framing->kind = SW_FRAMING_COUNTED;
    reading->framing->length = (enum sw_length)sw_check_word(L, spot, -1, length_words, LENGTH_WORDS);
}

static void parse_offset(lua_State *L, struct sw_spot spot, void *out) {
    struct reading *reading = out;
    reading->has_offset = true;
    reading->framing->offset = (uint32_t)sw_check_integer(L, spot, -1, 0, SW_OFFSET_MAX);
}

static void parse_adjustment(lua_State *L, struct sw_spot spot, void *out) {
    struct reading *reading = out;
    reading->has_adjustment = true;
    reading->framing->adjustment = (int32_t)sw_check_integer(L, spot, -1, -SW_MESSAGE_MAX, SW_MESSAGE_MAX);
}

static void parse_keep(lua_State *L, struct sw_spot spot, void *out) {
    struct reading *reading = out;
    reading->has_keep = true;
    reading->framing->keeps = sw_check_boolean(L, spot, -1);
}

static const struct sw_option fields[] = {
    {"delimiter", parse_delimiter},
    {"fixed", parse_fixed},
    {"length", parse_length},
    {"offset", parse_offset},
    {"adjustment", parse_adjustment},
    {"keep", parse_keep},
    {NULL, NULL},
};

/* The fields that were given must be those of one kind. */
static void check_fields(lua_State *L, struct sw_spot spot, struct reading *reading) {
    struct sw_framing *framing = reading->framing;
    bool has_more = reading->has_offset || reading->has_adjustment || reading->has_keep;
    if (reading->has_delimiter + reading->has_fixed + reading->has_length != 1 || (has_more && !reading->has_length))
        sw_raise(L,
                 "%s: %s must have exactly one of the fields delimiter, fixed and length; offset, adjustment and keep "
                 "go with length",
                 spot.where, spot.field);
    if (framing->offset == 0) return;
    if (reading->has_keep && !framing->keeps)
        sw_raise(L,
                 "%s: %s.keep = false is impossible with an offset: the message would lack the bytes in front of "
                 "the length; leave keep out",
                 spot.where, spot.field);
    framing->keeps = true;
}

static void read_table(lua_State *L, struct sw_spot spot, int index, struct sw_framing *framing) {
    struct reading reading = {.framing = framing};
    sw_check_table(L, spot, index, fields, &reading);
    check_fields(L, spot, &reading);
}

/* --- reading --- */

static const char valid[] =
    "\"line\", \"raw\", \"u8\", \"u16be\", \"u16le\", \"u24be\", \"u24le\", \"u32be\", \"u32le\", \"u64be\", "
    "\"u64le\", "
    "\"varint\", \"netstring\", \"content-length\", \"resp\", { delimiter = }, { fixed = }, { length =, offset =, "
    "adjustment =, keep = }";

static bool read_word(const char *word, struct sw_framing *framing) {
    int kind = find(framing_words, FRAMING_WORDS, word), length = find(length_words, LENGTH_WORDS, word);
    if (kind >= 0) framing->kind = (enum sw_framing_kind)kind;
    if (length >= 0) {
        framing->kind = SW_FRAMING_COUNTED;
        framing->length = (enum sw_length)length;
    }
    return kind >= 0 || length >= 0;
}

/* Raises for a string that looks like a delimiter. */
static void refuse_delimiter(lua_State *L, struct sw_spot spot, int index) {
    size_t size = 0;
    const char *bytes = lua_type(L, index) == LUA_TSTRING ? lua_tolstring(L, index, &size) : NULL;
    bool is_meant = size >= 1 && size <= SW_DELIMITER_MAX;
    for (size_t i = 0; i < size && is_meant; i++) is_meant = !isalnum((unsigned char)bytes[i]);
    if (!is_meant) return;
    const char *quoted = sw_push_quoted(L, (const unsigned char *)bytes, size, false);
    sw_misuse_with(L, spot, index, "a word as \"line\" or a table",
                   lua_pushfstring(L, ": for this delimiter, write { delimiter = %s }", quoted));
}

void sw_check_framing(lua_State *L, struct sw_spot spot, int index, struct sw_framing *framing) {
    *framing = (struct sw_framing){.kind = SW_FRAMING_LINE};
    index = lua_absindex(L, index);
    if (lua_istable(L, index) && sw_count_fields(L, index) > 0) {
        read_table(L, spot, index, framing);
    } else if (sw_to_word(L, index) == NULL || !read_word(sw_to_word(L, index), framing)) {
        refuse_delimiter(L, spot, index);
        sw_misuse(L, spot, index, valid);
    }
}

/* --- max_message --- */

static uint32_t default_max(const struct sw_framing *framing, uint64_t limit) {
    uint32_t max = sw_framing_has_length(framing) ? MESSAGE_MAX_COUNTED : MESSAGE_MAX_MARKED;
    return max < limit ? max : (uint32_t)limit;
}

void sw_framing_complete(lua_State *L, const char *where, struct sw_framing *framing, int64_t max_message,
                         uint64_t limit) {
    bool is_fixed = framing->kind == SW_FRAMING_FIXED;
    sw_framing_init(framing);
    if (is_fixed && max_message != 0 && max_message < (int64_t)framing->size)
        sw_raise(L, "%s: max_message (%s) must be at least framing.fixed (%s)", where, SW_DECIMAL(max_message),
                 SW_DECIMAL(framing->size));
    int64_t front = framing->keeps ? (int64_t)framing->offset + (framing->width > 0 ? framing->width : 1) : 0;
    if (max_message != 0 && max_message < front)
        sw_raise(L, "%s: max_message (%s) must be at least the %s bytes of framing.offset and the length", where,
                 SW_DECIMAL(max_message), SW_DECIMAL(front));
    if (is_fixed)
        framing->max = framing->size;
    else
        framing->max = max_message != 0 ? (uint32_t)max_message : default_max(framing, limit);
}

/* --- naming --- */

const char *sw_push_quoted(lua_State *L, const unsigned char *bytes, size_t size, bool is_cut) {
    luaL_Buffer buffer;
    luaL_buffinit(L, &buffer);
    luaL_addchar(&buffer, '"');
    for (size_t i = 0; i < size; i++) sw_add_escaped(&buffer, bytes[i]);
    luaL_addstring(&buffer, is_cut ? "...\"" : "\"");
    luaL_pushresult(&buffer);
    return lua_tostring(L, -1);
}

static const char *push_counted(lua_State *L, const struct sw_framing *framing) {
    const char *word = length_words[framing->length];
    if (!framing->keeps && framing->adjustment == 0) return lua_pushfstring(L, "\"%s\"", word);
    const char *offset = "", *adjustment = "", *keep = framing->keeps && framing->offset == 0 ? ", keep = true" : "";
    if (framing->offset > 0) offset = lua_pushfstring(L, ", offset = %d", (int)framing->offset);
    if (framing->adjustment != 0) adjustment = lua_pushfstring(L, ", adjustment = %d", (int)framing->adjustment);
    return lua_pushfstring(L, "{ length = \"%s\"%s%s%s }", word, offset, adjustment, keep);
}

const char *sw_push_framing(lua_State *L, const struct sw_framing *framing) {
    int top = lua_gettop(L);
    switch (framing->kind) {
    case SW_FRAMING_DELIMITER:
        lua_pushfstring(L, "{ delimiter = %s }", sw_push_quoted(L, framing->delimiter, framing->size, false));
        break;
    case SW_FRAMING_FIXED: lua_pushfstring(L, "{ fixed = %d }", (int)framing->size); break;
    case SW_FRAMING_COUNTED: push_counted(L, framing); break;
    default: lua_pushfstring(L, "\"%s\"", framing_words[framing->kind]); break;
    }
    lua_insert(L, top + 1);
    lua_settop(L, top + 1);
    return lua_tostring(L, -1);
}
