#include "host/read_tls.h"

#include <string.h>

#include "host/foreign.h"
#include "host/raise.h"

static const char valid[] =
    "true, false or a table { ca =, cert =, key =, server_name =, alpn =, min_version =, verify =, pin = }";

/* --- texts --- */

/* A path or PEM text. */
static void read_pem(lua_State *L, struct sw_spot spot, struct sw_slice *out) {
    size_t size = 0;
    const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &size) : NULL;
    if (text == NULL || size == 0) sw_misuse(L, spot, -1, "the path of a PEM file, or PEM text, not empty");
    if (strlen(text) != size) sw_raise(L, "%s: %s must not contain a zero byte", spot.where, spot.field);
    if (size > SW_TLS_PEM_MAX)
        sw_raise(L, "%s: %s must be at most 1 MiB, got %d bytes", spot.where, spot.field, (int)size);
    *out = (struct sw_slice){text, size};
}

#define PEM_PARSER(name)                                                     \
    static void parse_##name(lua_State *L, struct sw_spot spot, void *out) { \
        read_pem(L, spot, &((struct sw_tls_reading *)out)->values.name);     \
    }
PEM_PARSER(ca)
PEM_PARSER(cert)
PEM_PARSER(key)

static void parse_server_name(lua_State *L, struct sw_spot spot, void *out) {
    size_t size = 0;
    const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &size) : NULL;
    if (text == NULL) sw_misuse(L, spot, -1, "a host name or a numeric address");
    const char *problem = sw_host_problem(text, size);
    if (problem != NULL) sw_raise(L, "%s: invalid %s '%s': %s", spot.where, spot.field, sw_to_text(L, -1), problem);
    ((struct sw_tls_reading *)out)->values.server_name = (struct sw_slice){text, size};
}

/* --- alpn --- */

static const char protocols[] = "a list of protocol names of 1..255 bytes, together at most 255 with one more for each";

static void parse_alpn(lua_State *L, struct sw_spot spot, void *out) {
    struct sw_tls_reading *reading = out;
    size_t used = 0, count = lua_istable(L, -1) ? sw_count_fields(L, -1) : 0;
    if (count == 0) sw_misuse(L, spot, -1, protocols);
    for (int i = 1; i <= (int)count; i++) {
        size_t size = 0;
        lua_rawgeti(L, -1, i);
        const char *name = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &size) : NULL;
        if (name == NULL || size == 0 || used + 1 + size > sizeof reading->alpn) {
            const char *field = lua_pushfstring(L, "%s[%d]", spot.field, i);
            sw_raise(L, "%s: %s does not fit: %s must be %s", spot.where, field, spot.field, protocols);
            return;
        }
        reading->alpn[used++] = (unsigned char)size;
        memcpy(reading->alpn + used, name, size);
        used += size;
        lua_pop(L, 1);
    }
    reading->values.alpn = (struct sw_slice){reading->alpn, used};
}

/* --- pin --- */

static const char pin[] = "\"sha256//\" and the base64 of a public key's SHA-256, 44 characters, or a list of up to 8";

static void read_pin(lua_State *L, struct sw_spot spot, struct sw_tls_values *values) {
    struct sw_slice text = {NULL, 0};
    if (lua_type(L, -1) == LUA_TSTRING) text.data = lua_tolstring(L, -1, &text.size);
    if (text.data == NULL || !sw_tls_read_pin(text, values->pins[values->pin_count])) sw_misuse(L, spot, -1, pin);
    values->pin_count++;
}

static void parse_pin(lua_State *L, struct sw_spot spot, void *out) {
    struct sw_tls_values *values = &((struct sw_tls_reading *)out)->values;
    if (!lua_istable(L, -1)) {
        read_pin(L, spot, values);
        return;
    }
    size_t count = sw_count_fields(L, -1);
    if (count == 0 || count > SW_TLS_PINS_MAX) sw_misuse(L, spot, -1, pin);
    for (int i = 1; i <= (int)count; i++) {
        lua_rawgeti(L, -1, i);
        read_pin(L, spot, values);
        lua_pop(L, 1);
    }
}

/* --- the rest --- */

static void parse_min_version(lua_State *L, struct sw_spot spot, void *out) {
#define WORD(name, word) word,
    static const char *const words[] = {SW_TLS_VERSIONS(WORD)};
#undef WORD
    ((struct sw_tls_reading *)out)->values.min_version =
        (enum sw_tls_version)sw_check_word(L, spot, -1, words, sizeof words / sizeof *words);
}

static void parse_verify(lua_State *L, struct sw_spot spot, void *out) {
    ((struct sw_tls_reading *)out)->values.verify = sw_check_boolean(L, spot, -1);
}

/* Raises for a field that other libraries have. */
static void parse_unknown(lua_State *L, struct sw_spot spot, void *out) {
    (void)out;
    const char *instead = sw_foreign_tls_field(spot.field);
    if (instead != NULL) sw_raise(L, "%s: unknown tls field '%s': write %s", spot.where, spot.field, instead);
}

static const struct sw_option options[] = {
    {"ca", parse_ca},         {"cert", parse_cert},
    {"key", parse_key},       {"server_name", parse_server_name},
    {"alpn", parse_alpn},     {"min_version", parse_min_version},
    {"verify", parse_verify}, {"pin", parse_pin},
    {NULL, parse_unknown},
};

static void copy_field(lua_State *L, int table, const char *name) {
    lua_getfield(L, table, name);
    if (lua_istable(L, -1)) {
        sw_push_copy(L, -1);
        lua_setfield(L, table, name);
    }
    lua_pop(L, 1);
}

void sw_tls_isolate(lua_State *L, int index) {
    index = lua_absindex(L, index);
    copy_field(L, index, "tls");
    lua_getfield(L, index, "tls");
    if (lua_istable(L, -1)) {
        copy_field(L, lua_gettop(L), "alpn");
        copy_field(L, lua_gettop(L), "pin");
    }
    lua_pop(L, 1);
}

void sw_tls_reading_init(struct sw_tls_reading *reading) {
    reading->values = sw_tls_defaults();
    reading->is_on = false;
}

void sw_check_tls(lua_State *L, struct sw_spot spot, int index, struct sw_tls_reading *reading) {
    struct sw_tls_values *values = &reading->values;
    if (lua_isboolean(L, index)) {
        reading->is_on = lua_toboolean(L, index);
        return;
    }
    if (!lua_istable(L, index)) sw_misuse(L, spot, index, valid);
    reading->is_on = true;
    sw_check_table(L, (struct sw_spot){spot.where, "tls"}, index, options, reading);
    if ((values->cert.size > 0) != (values->key.size > 0))
        sw_raise(L, "%s: tls.cert and tls.key belong together: give both or neither", spot.where);
}
