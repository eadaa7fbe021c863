#include "host/read_options.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/decimal.h"
#include "base/platform.h"
#include "base/retain.h"
#include "host/check.h"
#include "host/event.h"
#include "host/foreign.h"
#include "host/luacompat.h"
#include "host/raise.h"
#include "host/read_framing.h"
#include "host/read_server.h"

/* What the parsers of the options fill in. */
struct reading {
    const char *where; /* the called function */
    struct sw_options *options;
    struct sw_start *start;
    struct sw_endpoint single; /* host and port */
    int64_t max_message;       /* bytes; 0 = not given */
    size_t preamble_size;
    bool has_server; /* the option server is given */
    bool is_tls_off; /* tls = false is given */
};

static void parse_host(lua_State *L, struct sw_spot spot, void *out) {
    sw_check_host(L, spot, -1, &((struct reading *)out)->single, true);
}

static void parse_port(lua_State *L, struct sw_spot spot, void *out) {
    sw_check_port(L, spot, -1, &((struct reading *)out)->single);
}

static void parse_server(lua_State *L, struct sw_spot spot, void *out) {
    struct reading *reading = out;
    sw_check_server(L, spot, -1, &reading->start->servers);
    reading->has_server = true;
}

static void parse_order(lua_State *L, struct sw_spot spot, void *out) {
#define WORD(name, word) word,
    static const char *const words[] = {SW_ORDERS(WORD)};
#undef WORD
    ((struct reading *)out)->start->servers.order =
        (enum sw_order)sw_check_word(L, spot, -1, words, sizeof words / sizeof *words);
}

static void complete_server(lua_State *L, const struct reading *reading) {
    const struct sw_endpoint *single = &reading->single;
    bool has_single = single->hostname[0] != '\0' || single->port != 0;
    if (reading->has_server && has_single) sw_raise(L, "%s: give server, or host and port, not both", reading->where);
    if (!reading->has_server) reading->start->servers.list[0] = *single;
}

static bool has_scheme(const struct sw_choice *servers, enum sw_scheme scheme) {
    for (unsigned i = 0; i < servers->count; i++)
        if (servers->list[i].scheme == scheme) return true;
    return false;
}

/* A URL says whether its server has TLS, so the option must not say the contrary. It holds for hosts and unix sockets. */
static void complete_tls(lua_State *L, const struct reading *reading) {
    const struct sw_choice *servers = &reading->start->servers;
    bool has_tls = has_scheme(servers, SW_SCHEME_TLS), has_unix = has_scheme(servers, SW_SCHEME_UNIX);
    if (reading->is_tls_off && has_tls) sw_raise(L, "%s: server has a tls:// URL, and tls is false", reading->where);
    if (!reading->has_server) return;
    if (reading->start->tls.is_on && !has_tls && !has_unix)
        sw_raise(L, "%s: tls is given, and server has no tls:// URL: write tls:// where TLS is wanted", reading->where);
    reading->options->uses_tls = reading->start->tls.is_on && has_unix;
}

/* --- framing --- */

static void parse_framing(lua_State *L, struct sw_spot spot, void *out) {
    sw_check_framing(L, spot, -1, &((struct reading *)out)->options->framing);
}

static void parse_max_message(lua_State *L, struct sw_spot spot, void *out) {
    ((struct reading *)out)->max_message = sw_check_integer(L, spot, -1, 1, SW_MESSAGE_MAX);
}

static void complete_framing(lua_State *L, const struct reading *reading, const struct sw_policy *policy) {
    sw_framing_complete(L, reading->where, &reading->options->framing, reading->max_message, policy->max_inbox);
}

static void parse_tls(lua_State *L, struct sw_spot spot, void *out) {
    struct reading *reading = out;
    sw_check_tls(L, spot, -1, &reading->start->tls);
    reading->options->uses_tls = reading->start->tls.is_on;
    reading->is_tls_off = !reading->start->tls.is_on;
}

/* --- bind --- */

static const char bind_hosts[] = "a numeric address of this machine, as \"192.0.2.7\" or \"2001:db8::7\"";

static void parse_bind_host(lua_State *L, struct sw_spot spot, void *out) {
    size_t size = 0;
    const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &size) : NULL;
    if (text == NULL || sw_ip_kind(text, size) == NULL) sw_misuse(L, spot, -1, bind_hosts);
    if (!sw_ip_read(text, size, &((struct sw_bind *)out)->address))
        sw_raise(L, "%s: %s '%s': there is no network interface of that name", spot.where, spot.field, text);
}

static void parse_bind_port(lua_State *L, struct sw_spot spot, void *out) {
    struct sw_endpoint local;
    sw_check_port(L, spot, -1, &local);
    ((struct sw_bind *)out)->port = local.port;
}

static const struct sw_option bind_options[] = {{"host", parse_bind_host}, {"port", parse_bind_port}, {NULL, NULL}};

static void parse_bind(lua_State *L, struct sw_spot spot, void *out) {
    struct sw_bind *local = &((struct reading *)out)->options->bind;
    if (lua_type(L, -1) == LUA_TSTRING)
        parse_bind_host(L, spot, local);
    else if (lua_istable(L, -1) && sw_count_fields(L, -1) > 0)
        sw_check_table(L, (struct sw_spot){spot.where, "bind"}, -1, bind_options, local);
    else
        sw_misuse(L, spot, -1, "a numeric address of this machine or a table { host =, port = }");
}

/* --- options of their own kinds --- */

/* Only the check; sidewire.new (client.c) reads the bytes, when nothing can run before they are copied. */
static void parse_preamble(lua_State *L, struct sw_spot spot, void *out) {
    if (lua_type(L, -1) != LUA_TSTRING) sw_misuse(L, spot, -1, "a string of bytes");
    ((struct reading *)out)->preamble_size = lua_rawlen(L, -1);
}

static void check_preamble(lua_State *L, const struct reading *reading) {
    if (reading->preamble_size <= reading->options->queue_limit) return;
    sw_raise(L, "%s: preamble must fit into queue_limit (%s), and has %s bytes", reading->where,
             SW_DECIMAL(reading->options->queue_limit), SW_DECIMAL(reading->preamble_size));
}

static void parse_reconnect(lua_State *L, struct sw_spot spot, void *out) {
    struct sw_reconnect standard = sw_reconnect_default();
    sw_check_reconnect(L, spot, -1, &standard, &((struct reading *)out)->start->reconnect);
}

static void parse_retain(lua_State *L, struct sw_spot spot, void *out) {
#define WORD(name, word) word,
    static const char *const words[] = {SW_RETAINS(WORD)};
    enum sw_retain retain = (enum sw_retain)sw_check_word(L, spot, -1, words, sizeof words / sizeof *words);
    if (retain == SW_RETAIN_UNACKED && !SW_COUNTS_UNACKED)
        sw_raise(L,
                 "%s: retain = \"unacked\" is impossible here: this system does not tell how many bytes the other "
                 "side's TCP has acknowledged; use \"unconfirmed\", with client:confirm, or \"unsent\"",
                 spot.where);
    ((struct reading *)out)->options->retain = retain;
}

#define KEEPALIVE_PARSER(name, kind, standard, least, most) \
    SW_OPTION_PARSER((struct sw_keepalive *)out, name, kind, least, most)
SW_KEEPALIVE_OPTIONS(KEEPALIVE_PARSER)

static const struct sw_option keepalive_options[] = {SW_KEEPALIVE_OPTIONS(SW_OPTION_ENTRY){NULL, NULL}};

static void parse_keepalive(lua_State *L, struct sw_spot spot, void *out) {
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
#define parse_greeting pass_over
#define parse_on pass_over

/* Raises for a handler that stands among the options, as in `on_message = f`, and for an option of other libraries. */
static void parse_unknown(lua_State *L, struct sw_spot spot, void *out) {
    (void)out;
    const char *event = spot.field != NULL ? sw_event_meant(spot.field) : NULL;
    if (event != NULL)
        sw_raise(L, "%s: unknown option '%s': handlers stand in the table on, as in on = { %s = f }", spot.where,
                 spot.field, event);
    const char *instead = sw_foreign_option(spot.field);
    if (instead != NULL) sw_raise(L, "%s: unknown option '%s': write %s", spot.where, spot.field, instead);
}

#define PARSER(name, kind, standard, least, most) \
    SW_OPTION_PARSER(((struct reading *)out)->options, name, kind, least, most)
SW_OPTIONS(PARSER, SW_OPTION_NONE)

static const struct sw_option all_options[] = {SW_OPTIONS(SW_OPTION_ENTRY, SW_OPTION_OTHER_ENTRY){NULL, parse_unknown}};

static size_t at_most(size_t size, size_t limit) { return size < limit ? size : limit; }

static void set_defaults(struct sw_options *options, const struct sw_policy *policy) {
    *options = (struct sw_options){.framing = {.kind = SW_FRAMING_LINE},
                                   .retain = SW_RETAIN_UNSENT,
                                   .keepalive = {SW_KEEPALIVE_OPTIONS(SW_OPTION_DEFAULT)},
                                   SW_OPTIONS(SW_OPTION_DEFAULT, SW_OPTION_NONE)};
    options->queue_limit = at_most(options->queue_limit, policy->max_queue);
    options->inbox_limit = at_most(options->inbox_limit, policy->max_inbox);
    options->max_read = at_most(options->max_read, policy->max_inbox);
    options->linger = fmin(options->linger, policy->max_linger);
}

void sw_options_read(lua_State *L, const char *where, int index, const struct sw_policy *policy,
                     struct sw_options *options, struct sw_start *start) {
    struct reading reading = {.where = where, .options = options, .start = start};
    *start = (struct sw_start){.reconnect = sw_reconnect_default(), .servers = {.count = 1}};
    sw_tls_reading_init(&start->tls);
    start->tls.values.library = (struct sw_slice){policy->tls_library, strlen(policy->tls_library)};
    set_defaults(options, policy);
    if (lua_isnoneornil(L, index)) {
        complete_framing(L, &reading, policy);
        return;
    }
    if (!lua_istable(L, index))
        sw_misuse(L, (struct sw_spot){where, "options"}, index, "a table { host =, port =, ... }");
    sw_check_table(L, (struct sw_spot){where, NULL}, index, all_options, &reading);
    complete_server(L, &reading);
    complete_tls(L, &reading);
    complete_framing(L, &reading, policy);
    check_preamble(L, &reading);
}
