#include "host/read_options.h"

#include <lauxlib.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/framing.h"
#include "base/retain.h"
#include "codec/codec.h"
#include "host/check.h"

enum {
    MESSAGE_MAX_MARKED = 64 * 1024,         /* default max_message for line, delimiter, raw */
    MESSAGE_MAX_COUNTED = 16 * 1024 * 1024, /* default max_message for length prefixes */
    MESSAGE_MAX = 1024 * 1024 * 1024,       /* largest valid max_message and framing.fixed */
};

/* What the parsers of the options fill in. */
struct reading {
    struct sw_options *options;
    struct sw_start *start;
    lua_Integer max_message; /* bytes; 0 = not given */
};

static void read_host(lua_State *L, struct sw_spot spot, void *out) {
    sw_check_host(L, spot, -1, &((struct reading *)out)->start->server);
}

static void read_port(lua_State *L, struct sw_spot spot, void *out) {
    sw_check_port(L, spot, -1, &((struct reading *)out)->start->server);
}

/* --- framing --- */

static const char *const framing_names[] = {
    [SW_FRAMING_LINE] = "line",   [SW_FRAMING_RAW] = "raw",     [SW_FRAMING_DELIMITER] = "",
    [SW_FRAMING_FIXED] = "",      [SW_FRAMING_U8] = "u8",       [SW_FRAMING_U16BE] = "u16be",
    [SW_FRAMING_U16LE] = "u16le", [SW_FRAMING_U32BE] = "u32be", [SW_FRAMING_U32LE] = "u32le",
};

static void read_delimiter(lua_State *L, struct sw_spot spot, void *out) {
    struct sw_framing *framing = out;
    size_t size = 0;
    const char *delimiter = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &size) : NULL;
    if (delimiter == NULL || size < 1 || size > SW_DELIMITER_MAX) sw_misuse(L, spot, -1, "a string of 1..32 bytes");
    framing->kind = SW_FRAMING_DELIMITER;
    framing->size = (uint32_t)size;
    memcpy(framing->delimiter, delimiter, size);
}

static void read_fixed(lua_State *L, struct sw_spot spot, void *out) {
    struct sw_framing *framing = out;
    framing->size = (uint32_t)sw_check_integer(L, spot, -1, 1, MESSAGE_MAX);
    framing->kind = SW_FRAMING_FIXED;
}

static const struct sw_option framing_tables[] = {{"delimiter", read_delimiter}, {"fixed", read_fixed}, {NULL, NULL}};

static const char framings[] = "\"line\", \"raw\", \"u8\", \"u16be\", \"u16le\", \"u32be\", \"u32le\", { delimiter = "
                               "\"...\" } or { fixed = size }";

static bool find_framing(const char *name, struct sw_framing *framing) {
    for (size_t kind = 0; kind < sizeof framing_names / sizeof *framing_names; kind++) {
        if (*name == '\0' || strcmp(framing_names[kind], name) != 0) continue;
        framing->kind = (enum sw_framing_kind)kind;
        return true;
    }
    return false;
}

static size_t count_fields(lua_State *L, int index) {
    size_t count = 0;
    index = lua_absindex(L, index);
    for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1)) count++;
    return count;
}

static void read_framing(lua_State *L, struct sw_spot spot, void *out) {
    struct sw_framing *framing = &((struct reading *)out)->options->framing;
    if (lua_istable(L, -1) && count_fields(L, -1) == 1)
        sw_check_table(L, (struct sw_spot){spot.where, "framing"}, -1, framing_tables, framing);
    else if (sw_to_word(L, -1) == NULL || !find_framing(sw_to_word(L, -1), framing))
        sw_misuse(L, spot, -1, framings);
}

static void read_max_message(lua_State *L, struct sw_spot spot, void *out) {
    ((struct reading *)out)->max_message = sw_check_integer(L, spot, -1, 1, MESSAGE_MAX);
}

static uint32_t default_max_message(const struct sw_framing *framing, const struct sw_policy *policy) {
    uint32_t max = sw_framing_prefix(framing->kind) > 0 ? MESSAGE_MAX_COUNTED : MESSAGE_MAX_MARKED;
    return max < policy->max_inbox ? max : (uint32_t)policy->max_inbox;
}

static void complete_framing(lua_State *L, const struct reading *reading, const struct sw_policy *policy) {
    struct sw_framing *framing = &reading->options->framing;
    if (framing->kind == SW_FRAMING_FIXED) {
        if (reading->max_message != 0 && reading->max_message < (lua_Integer)framing->size)
            luaL_error(L, "sidewire.new: max_message (%I) must be at least framing.fixed (%I)",
                       (LUAI_UACINT)reading->max_message, (LUAI_UACINT)framing->size);
        framing->max = framing->size;
    } else if (reading->max_message != 0) {
        framing->max = (uint32_t)reading->max_message;
    } else {
        framing->max = default_max_message(framing, policy);
    }
    sw_framing_init(framing);
}

/* --- limits and times --- */

static void read_connect_timeout(lua_State *L, struct sw_spot spot, void *out) {
    ((struct reading *)out)->options->connect_timeout = sw_check_seconds(L, spot, -1, 0.001);
}

static void read_reconnect(lua_State *L, struct sw_spot spot, void *out) {
    struct sw_reconnect standard = sw_reconnect_default();
    sw_check_reconnect(L, spot, -1, &standard, &((struct reading *)out)->start->reconnect);
}

static size_t read_limit(lua_State *L, struct sw_spot spot) {
    return (size_t)sw_check_integer(L, spot, -1, 1, (lua_Integer)(PTRDIFF_MAX / 2));
}

static void read_queue_limit(lua_State *L, struct sw_spot spot, void *out) {
    ((struct reading *)out)->options->queue_limit = read_limit(L, spot);
}

static void read_inbox_limit(lua_State *L, struct sw_spot spot, void *out) {
    ((struct reading *)out)->options->inbox_limit = read_limit(L, spot);
}

static void read_retain(lua_State *L, struct sw_spot spot, void *out) {
    static const char *const names[] = {
        [SW_RETAIN_NONE] = "none",
        [SW_RETAIN_UNSENT] = "unsent",
        [SW_RETAIN_UNACKED] = "unacked",
        [SW_RETAIN_UNCONFIRMED] = "unconfirmed",
    };
    const char *name = sw_to_word(L, -1);
    for (int retain = SW_RETAIN_NONE; name != NULL && retain <= SW_RETAIN_UNCONFIRMED; retain++) {
        if (strcmp(names[retain], name) != 0) continue;
        ((struct reading *)out)->options->retain = (enum sw_retain)retain;
        return;
    }
    sw_misuse(L, spot, -1, "\"none\", \"unsent\", \"unacked\" or \"unconfirmed\"");
}

static void read_linger(lua_State *L, struct sw_spot spot, void *out) {
    ((struct reading *)out)->options->linger = sw_check_seconds(L, spot, -1, 0);
}

static void read_nodelay(lua_State *L, struct sw_spot spot, void *out) {
    ((struct reading *)out)->options->nodelay = sw_check_boolean(L, spot, -1);
}

static void read_stall_timeout(lua_State *L, struct sw_spot spot, void *out) {
    double seconds = sw_check_seconds(L, spot, -1, 0);
    if (seconds > 2e6) sw_misuse(L, spot, -1, "a number of seconds, 0..2e6"); /* milliseconds in an int: tcp(7) */
    ((struct reading *)out)->options->stall_timeout = seconds;
}

/* In microseconds, as the system's busy polling is (SO_BUSY_POLL, socket(7)). */
static void read_spin(lua_State *L, struct sw_spot spot, void *out) {
    int is_whole = 0;
    lua_Integer microseconds = lua_type(L, -1) == LUA_TNUMBER ? lua_tointegerx(L, -1, &is_whole) : 0;
    if (!is_whole || microseconds < 0 || microseconds > 1000000)
        sw_misuse(L, spot, -1, "a whole number of microseconds, 0..1000000");
    ((struct reading *)out)->options->spin = (double)microseconds * 1e-6;
}

/* --- keepalive: Linux takes 1..32767 seconds and 1..127 probes (tcp(7)) --- */

static void read_idle(lua_State *L, struct sw_spot spot, void *out) {
    ((struct sw_keepalive *)out)->idle = (int)sw_check_integer(L, spot, -1, 1, 32767);
}

static void read_interval(lua_State *L, struct sw_spot spot, void *out) {
    ((struct sw_keepalive *)out)->interval = (int)sw_check_integer(L, spot, -1, 1, 32767);
}

static void read_count(lua_State *L, struct sw_spot spot, void *out) {
    ((struct sw_keepalive *)out)->count = (int)sw_check_integer(L, spot, -1, 1, 127);
}

static const struct sw_option keepalive_options[] = {
    {"idle", read_idle}, {"interval", read_interval}, {"count", read_count}, {NULL, NULL}};

static void read_keepalive(lua_State *L, struct sw_spot spot, void *out) {
    struct sw_keepalive *keepalive = &((struct reading *)out)->options->keepalive;
    if (lua_isboolean(L, -1) && !lua_toboolean(L, -1))
        keepalive->idle = 0;
    else if (lua_istable(L, -1))
        sw_check_table(L, (struct sw_spot){spot.where, "keepalive"}, -1, keepalive_options, keepalive);
    else
        sw_misuse(L, spot, -1, "false or a table { idle =, interval =, count = }");
}

/* sidewire.new (client.c) reads these options itself: the greeting needs the framing, `on` needs the handle. */
static void pass_over(lua_State *L, struct sw_spot spot, void *out) { (void)L, (void)spot, (void)out; }

static const struct sw_option all_options[] = {
    {"host", read_host},
    {"port", read_port},
    {"framing", read_framing},
    {"max_message", read_max_message},
    {"connect_timeout", read_connect_timeout},
    {"reconnect", read_reconnect},
    {"queue_limit", read_queue_limit},
    {"inbox_limit", read_inbox_limit},
    {"retain", read_retain},
    {"greeting", pass_over},
    {"linger", read_linger},
    {"nodelay", read_nodelay},
    {"keepalive", read_keepalive},
    {"stall_timeout", read_stall_timeout},
    {"spin", read_spin},
    {"on", pass_over},
    {NULL, NULL},
};

static size_t at_most(size_t size, size_t limit) { return size < limit ? size : limit; }

static void set_defaults(struct sw_options *options, const struct sw_policy *policy) {
    *options = (struct sw_options){
        .framing = {.kind = SW_FRAMING_LINE},
        .retain = SW_RETAIN_UNSENT,
        .queue_limit = at_most((size_t)16 * 1024 * 1024, policy->max_queue),
        .inbox_limit = at_most((size_t)8 * 1024 * 1024, policy->max_inbox),
        .connect_timeout = 10,
        .linger = fmin(1, policy->max_linger),
        .stall_timeout = 30,
        .keepalive = {.idle = 15, .interval = 5, .count = 3},
        .nodelay = true,
    };
}

void sw_options_read(lua_State *L, int index, const struct sw_policy *policy, struct sw_options *options,
                     struct sw_start *start) {
    struct reading reading = {options, start, 0};
    *start = (struct sw_start){.reconnect = sw_reconnect_default()};
    set_defaults(options, policy);
    if (lua_isnoneornil(L, index)) {
        complete_framing(L, &reading, policy);
        return;
    }
    if (!lua_istable(L, index))
        sw_misuse(L, (struct sw_spot){"sidewire.new", "options"}, index, "a table { host =, port =, ... }");
    sw_check_table(L, (struct sw_spot){"sidewire.new", NULL}, index, all_options, &reading);
    complete_framing(L, &reading, policy);
}
