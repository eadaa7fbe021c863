#include "host/check.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/address.h"
#include "base/decimal.h"
#include "base/url.h"
#include "host/escape.h"
#include "host/luacompat.h"
#include "host/raise.h"

enum { SHOWN_MAX = 60 }; /* bytes of a string that an error message shows */

/* Pushes the string at index for an error message: shortened, and on one line. */
static const char *push_shown(lua_State *L, int index) {
    size_t size;
    const char *bytes = lua_tolstring(L, index, &size);
    size_t length = size < SHOWN_MAX ? size : SHOWN_MAX;
    luaL_Buffer shown;
    luaL_buffinit(L, &shown);
    for (size_t i = 0; i < length; i++) {
        bool is_control = (unsigned char)bytes[i] < 0x20 || bytes[i] == 0x7f;
        if (is_control)
            sw_add_escaped(&shown, (unsigned char)bytes[i]);
        else
            luaL_addchar(&shown, bytes[i]);
    }
    if (size > SHOWN_MAX) luaL_addstring(&shown, "...");
    luaL_pushresult(&shown);
    return lua_tostring(L, -1);
}

const char *sw_to_text(lua_State *L, int index) {
    switch (lua_type(L, index)) {
    case LUA_TNONE: lua_pushliteral(L, "no value"); return "no value";
    case LUA_TSTRING: return push_shown(L, index);
    case LUA_TNIL:
    case LUA_TBOOLEAN:
    case LUA_TNUMBER: return luaL_tolstring(L, index, NULL);
    default: return lua_pushfstring(L, "a %s", luaL_typename(L, index));
    }
}

int sw_misuse_with(lua_State *L, struct sw_spot spot, int index, const char *valid, const char *hint) {
    index = lua_absindex(L, index);
    if (index == 1) sw_refuse_colon(L, spot.where);
    const char *quote = lua_type(L, index) == LUA_TSTRING ? "'" : "";
    const char *got = sw_to_text(L, index);
    return sw_raise(L, "%s: %s must be %s, got %s%s%s%s", spot.where, spot.field, valid, quote, got, quote, hint);
}

int sw_misuse(lua_State *L, struct sw_spot spot, int index, const char *valid) {
    return sw_misuse_with(L, spot, index, valid, "");
}

int sw_misuse_number(lua_State *L, struct sw_spot spot, int index, const char *valid) {
    bool is_numeric = lua_type(L, index) == LUA_TSTRING && lua_isnumber(L, index);
    return sw_misuse_with(L, spot, index, valid, is_numeric ? ", a string: tonumber makes a number of it" : "");
}

int sw_refuse_self(lua_State *L, int index, const char *type, const char *object, void (*push_methods)(lua_State *L)) {
    const char *given = luaL_typename(L, index), *quote = lua_type(L, index) == LUA_TSTRING ? "'" : "";
    const char *got = sw_to_text(L, index);
    push_methods(L);
    const char *method = sw_push_name_in(L);
    if (method == NULL) return sw_raise(L, "%s expected, got %s", type, given);
    return sw_raise(L, "%s:%s: call it with a colon, %s:%s(...): the first argument must be the %s, got %s%s%s", object,
                    method, object, method, object, quote, got, quote);
}

bool sw_is_text(lua_State *L, int index) {
    return lua_type(L, index) == LUA_TSTRING || lua_type(L, index) == LUA_TNUMBER;
}

const char *sw_to_word(lua_State *L, int index) {
    size_t size = 0;
    const char *word = lua_type(L, index) == LUA_TSTRING ? lua_tolstring(L, index, &size) : NULL;
    return word != NULL && strlen(word) == size ? word : NULL;
}

static bool is_number(lua_State *L, int index) { return lua_type(L, index) == LUA_TNUMBER; }

double sw_check_number(lua_State *L, struct sw_spot spot, int index, double least, double most, const char *valid) {
    double value = is_number(L, index) ? lua_tonumber(L, index) : NAN;
    if (!(value >= least && value <= most)) sw_misuse_number(L, spot, index, valid); /* also NaN */
    return value;
}

double sw_check_seconds(lua_State *L, struct sw_spot spot, int index) {
    return sw_check_number(L, spot, index, 0, 1e8, "a number of seconds, 0..1e8");
}

int64_t sw_check_whole(lua_State *L, struct sw_spot spot, int index, int64_t least, int64_t most, const char *unit) {
    int is_whole = 0;
    int64_t value = is_number(L, index) ? sw_to_integer(L, index, &is_whole) : 0;
    if (is_whole && value >= least && value <= most) return value;
    index = lua_absindex(L, index);
    const char *valid = most < (int64_t)SW_SIZE_MAX
                            ? lua_pushfstring(L, "a whole number%s, %s..%s", unit, SW_DECIMAL(least), SW_DECIMAL(most))
                            : lua_pushfstring(L, "a whole number%s, %s or more", unit, SW_DECIMAL(least));
    sw_misuse_number(L, spot, index, valid);
    return 0;
}

int64_t sw_check_integer(lua_State *L, struct sw_spot spot, int index, int64_t least, int64_t most) {
    return sw_check_whole(L, spot, index, least, most, "");
}

/* Pushes "a", "b" or "c", in quotes. */
static const char *push_list(lua_State *L, const char *const *words, size_t count) {
    luaL_Buffer list;
    luaL_buffinit(L, &list);
    for (size_t i = 0; i < count; i++) {
        if (i > 0) luaL_addstring(&list, i + 1 < count ? ", " : " or ");
        luaL_addchar(&list, '"');
        luaL_addstring(&list, words[i]);
        luaL_addchar(&list, '"');
    }
    luaL_pushresult(&list);
    return lua_tostring(L, -1);
}

size_t sw_check_word(lua_State *L, struct sw_spot spot, int index, const char *const *words, size_t count) {
    const char *word = sw_to_word(L, index);
    for (size_t i = 0; word != NULL && i < count; i++) {
        if (strcmp(words[i], word) == 0) return i;
    }
    index = lua_absindex(L, index);
    sw_misuse(L, spot, index, push_list(L, words, count));
    return 0;
}

bool sw_check_boolean(lua_State *L, struct sw_spot spot, int index) {
    if (!lua_isboolean(L, index)) sw_misuse(L, spot, index, "true or false");
    return lua_toboolean(L, index);
}

static bool is_callable(lua_State *L, int index) {
    if (lua_isfunction(L, index)) return true;
    if (luaL_getmetafield(L, index, "__call") == LUA_TNIL) return false;
    lua_pop(L, 1);
    return true;
}

void sw_check_handler(lua_State *L, struct sw_spot spot, int index, bool may_be_false) {
    if (lua_isnoneornil(L, index) || is_callable(L, index)) return;
    if (may_be_false && lua_isboolean(L, index) && !lua_toboolean(L, index)) return;
    sw_misuse(L, spot, index, may_be_false ? "a function (false: discard messages)" : "a function");
}

/* --- servers --- */

const char *sw_push_without_password(lua_State *L, int index) {
    size_t size;
    const char *text = lua_tolstring(L, index, &size);
    struct sw_slice user = sw_url_user(text, size);
    const char *colon = memchr(user.data, ':', user.size);
    if (colon == NULL) return sw_to_text(L, index);
    const char *end = (const char *)user.data + user.size;
    luaL_Buffer shown;
    luaL_buffinit(L, &shown);
    luaL_addlstring(&shown, text, (size_t)(colon - text));
    luaL_addstring(&shown, ":***");
    luaL_addlstring(&shown, end, size - (size_t)(end - text));
    luaL_pushresult(&shown);
    return sw_to_text(L, -1);
}

/* Where a host's name stands as an option: what to write instead of this text, or "". */
static const char *push_option_hint(lua_State *L, const char *text, size_t size) {
    if (sw_url_is_meant(text, size)) return "; the option server takes a URL";
    const char *colon = memchr(text, ':', size);
    if (colon == NULL || colon[1] == '\0' || strspn(colon + 1, "0123456789") != size - (size_t)(colon + 1 - text))
        return "";
    if (sw_host_problem(text, (size_t)(colon - text)) != NULL) return "";
    return lua_pushfstring(L, ", and port = %s", colon + 1);
}

void sw_check_host(lua_State *L, struct sw_spot spot, int index, struct sw_endpoint *endpoint, bool is_option) {
    size_t size = 0;
    const char *hostname = lua_type(L, index) == LUA_TSTRING ? lua_tolstring(L, index, &size) : NULL;
    if (hostname == NULL) sw_misuse(L, spot, index, "a string, a host name or an IP address");
    const char *problem = sw_host_problem(hostname, size);
    if (problem == NULL) {
        endpoint->scheme = SW_SCHEME_TCP;
        memcpy(endpoint->hostname, hostname, size + 1);
        return;
    }
    index = lua_absindex(L, index);
    const char *hint = is_option ? push_option_hint(L, hostname, size) : "";
    sw_raise(L, "%s: invalid host name '%s': %s%s", spot.where, sw_push_without_password(L, index), problem, hint);
}

void sw_check_port(lua_State *L, struct sw_spot spot, int index, struct sw_endpoint *endpoint) {
    int is_whole = 0;
    int64_t port = is_number(L, index) ? sw_to_integer(L, index, &is_whole) : 0;
    if (!is_whole || port < 1 || port > 65535) sw_misuse_number(L, spot, index, "a whole number, 1..65535");
    endpoint->port = (uint16_t)port;
}

void sw_push_endpoint(lua_State *L, const struct sw_endpoint *endpoint) {
    if (endpoint->hostname[0] != '\0' && endpoint->scheme != SW_SCHEME_UNIX)
        lua_pushstring(L, endpoint->hostname);
    else
        lua_pushnil(L);
    if (endpoint->port != 0)
        sw_push_integer(L, endpoint->port);
    else
        lua_pushnil(L);
}

/* --- tables of options --- */

void sw_push_copy(lua_State *L, int index) {
    index = lua_absindex(L, index);
    lua_newtable(L);
    for (lua_pushnil(L); lua_next(L, index) != 0;) {
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, -4);
    }
}

size_t sw_count_fields(lua_State *L, int index) {
    size_t count = 0;
    index = lua_absindex(L, index);
    for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1)) count++;
    return count;
}

/* The option of that name, or the entry that ends the table. */
static const struct sw_option *find(const struct sw_option *options, const char *name) {
    while (options->name != NULL && (name == NULL || strcmp(options->name, name) != 0)) options++;
    return options;
}

static void raise_unknown(lua_State *L, struct sw_spot spot, const struct sw_option *options) {
    const char *name = sw_to_text(L, -2);
    const char *kind = spot.field != NULL ? lua_pushfstring(L, "%s field", spot.field) : "option";
    luaL_Buffer valid;
    luaL_buffinit(L, &valid);
    for (const struct sw_option *option = options; option->name != NULL; option++) {
        if (option != options) luaL_addstring(&valid, ", ");
        luaL_addstring(&valid, option->name);
    }
    luaL_pushresult(&valid);
    sw_raise(L, "%s: unknown %s '%s' (valid: %s)", spot.where, kind, name, lua_tostring(L, -1));
}

/* Calls the option's parser with the value on top. Error messages name the option NAME or, in a group, GROUP.NAME. */
static void parse_field(lua_State *L, struct sw_spot spot, const struct sw_option *option, void *out) {
    if (spot.field == NULL) {
        option->parse(L, (struct sw_spot){spot.where, option->name}, out);
        return;
    }
    const char *name = lua_pushfstring(L, "%s.%s", spot.field, option->name);
    lua_insert(L, -2);
    option->parse(L, (struct sw_spot){spot.where, name}, out);
    lua_remove(L, -2);
}

void sw_check_table(lua_State *L, struct sw_spot spot, int index, const struct sw_option *options, void *out) {
    if (!lua_checkstack(L, 12)) sw_raise(L, "not enough memory");
    sw_push_copy(L, index);
    for (lua_pushnil(L); lua_next(L, -2) != 0; lua_pop(L, 1)) {
        const char *name = sw_to_word(L, -2);
        const struct sw_option *option = find(options, name);
        if (option->name == NULL) {
            if (option->parse != NULL) option->parse(L, (struct sw_spot){spot.where, name}, out);
            raise_unknown(L, spot, options);
            return;
        }
        parse_field(L, spot, option, out);
    }
    lua_pop(L, 1);
}

/* --- reconnect --- */

#define PARSER(name, kind, standard, least, most) SW_OPTION_PARSER((struct sw_reconnect *)out, name, kind, least, most)
SW_RECONNECT_OPTIONS(PARSER)

static const struct sw_option reconnect_options[] = {SW_RECONNECT_OPTIONS(SW_OPTION_ENTRY){NULL, NULL}};

static struct sw_reconnect fixed_delay(double seconds) {
    return (struct sw_reconnect){.enabled = true, .delay = seconds, .max = seconds, .factor = 1};
}

void sw_check_reconnect(lua_State *L, struct sw_spot spot, int index, const struct sw_reconnect *last,
                        struct sw_reconnect *policy) {
    switch (lua_type(L, index)) {
    case LUA_TBOOLEAN:
        *policy = *last;
        policy->enabled = lua_toboolean(L, index);
        return;
    case LUA_TNUMBER: parse_delay(L, spot, policy), *policy = fixed_delay(policy->delay); return;
    case LUA_TTABLE:
        *policy = sw_reconnect_default();
        sw_check_table(L, (struct sw_spot){spot.where, "reconnect"}, index, reconnect_options, policy);
        if (policy->max < policy->delay) policy->max = policy->delay;
        return;
    default:
        sw_misuse_number(
            L, spot, index,
            "false, true, a number of seconds or a table { delay =, max =, factor =, attempts =, jitter = }");
    }
}

void sw_push_reconnect(lua_State *L, const struct sw_reconnect *policy) {
    if (!policy->enabled) {
        lua_pushboolean(L, false);
        return;
    }
    lua_createtable(L, 0, 5);
    lua_pushnumber(L, policy->delay);
    lua_setfield(L, -2, "delay");
    lua_pushnumber(L, policy->max);
    lua_setfield(L, -2, "max");
    lua_pushnumber(L, policy->factor);
    lua_setfield(L, -2, "factor");
    lua_pushboolean(L, policy->jitter);
    lua_setfield(L, -2, "jitter");
    if (policy->attempts == 0) return;
    sw_push_integer(L, policy->attempts);
    lua_setfield(L, -2, "attempts");
}
