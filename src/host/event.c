#include "host/event.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/address.h"
#include "base/error.h"
#include "base/platform.h"
#include "base/retain.h"
#include "base/tls_settings.h"
#include "host/check.h"
#include "host/luacompat.h"
#include "host/raise.h"
#include "host/tls_info.h"
#include "host/unix_failure.h"

static const char *const names[SW_EVENTS + 1] = {
#define ROW(name, text) [SW_EVENT_##name] = (text),
    SW_EVENT_TABLE(ROW)
#undef ROW
};

const char *sw_event_name(enum sw_event event) { return names[event]; }

static void list_events(lua_State *L) {
    luaL_Buffer list;
    luaL_buffinit(L, &list);
    for (int event = 0; event < SW_EVENTS; event++) {
        if (event > 0) luaL_addstring(&list, ", ");
        luaL_addstring(&list, names[event]);
    }
    luaL_pushresult(&list);
}

const char *sw_event_meant(const char *field) {
    const char *name = strncasecmp(field, "on", 2) == 0 ? field + 2 : field;
    if (name != field && *name == '_') name++;
    for (int event = 0; event < SW_EVENTS; event++)
        if (strcasecmp(names[event], name) == 0) return names[event];
    return NULL;
}

enum sw_event sw_check_event(lua_State *L, const char *where, int index) {
    index = lua_absindex(L, index);
    const char *name = sw_to_word(L, index);
    for (int event = 0; name != NULL && event < SW_EVENTS; event++)
        if (strcmp(names[event], name) == 0) return (enum sw_event)event;
    const char *given = sw_to_text(L, index);
    list_events(L);
    sw_raise(L, "%s: unknown event '%s' (valid: %s)", where, given, lua_tostring(L, -1));
    return SW_EVENT_CLOSE;
}

void sw_check_event_handler(lua_State *L, const char *where, enum sw_event event, int index) {
    index = lua_absindex(L, index);
    const char *field = lua_pushfstring(L, "the handler of %s", names[event]);
    sw_check_handler(L, (struct sw_spot){where, field}, index, event == SW_EVENT_MESSAGE);
    lua_pop(L, 1);
    if (event == SW_EVENT_ACKED && !SW_COUNTS_UNACKED && !lua_isnil(L, index))
        sw_raise(L,
                 "%s: there are no acked events here: this system does not tell how many bytes the other side's TCP "
                 "has acknowledged; let the other program answer, and use client:confirm",
                 where);
}

void sw_check_handlers(lua_State *L, const char *where, int index) {
    index = lua_absindex(L, index);
    if (!lua_istable(L, index)) sw_misuse(L, (struct sw_spot){where, "on"}, index, "a table of handlers by event name");
    for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1)) {
        enum sw_event event = sw_check_event(L, where, -2);
        sw_check_event_handler(L, where, event, -1);
    }
}

/* --- sentences ---
 *
 * To push a value may run a finalizer, which may change the client's server and so free it. Functions that push several
 * values therefore use a copy of host and port.
 */

static const struct sw_ip no_address;

/* Pushes "HOST port PORT"; if HOST is a name, followed by the address in parentheses. A unix socket: "unix:PATH". */
static const char *push_place(lua_State *L, const struct sw_ip *ip, const struct sw_endpoint *server) {
    char address[SW_IP_TEXT];
    if (server->scheme == SW_SCHEME_UNIX) return lua_pushfstring(L, "unix:%s", server->hostname);
    sw_ip_text(ip, address);
    if (address[0] == '\0' || strcmp(address, server->hostname) == 0)
        return lua_pushfstring(L, "%s port %d", server->hostname, (int)server->port);
    return lua_pushfstring(L, "%s port %d (%s)", server->hostname, (int)server->port, address);
}

const char *sw_push_place(lua_State *L, const struct sw_server *server) {
    const struct sw_endpoint copy = sw_server_endpoint(server);
    return push_place(L, &no_address, &copy);
}

/* Pushes the sentence for an error; `details`: what is to be said instead of the error's own text; NULL: nothing. */
static void push_sentence(lua_State *L, const struct sw_error *error, const char *details, const struct sw_ip *address,
                          const struct sw_endpoint *server) {
    char text[160];
    const char *what = details != NULL ? details : sw_error_text(error, text, sizeof text);
    if (server->scheme == SW_SCHEME_UNIX && error->stage == SW_STAGE_CONNECT) {
        const char *meaning = sw_unix_failure(error, server->hostname);
        if (meaning != NULL) what = meaning;
    }
    const char *place = push_place(L, address, server);
    switch (error->stage) {
    case SW_STAGE_RESOLVE: lua_pushfstring(L, "cannot resolve %s: %s", server->hostname, what); break;
    case SW_STAGE_CONNECT: lua_pushfstring(L, "cannot connect to %s: %s", place, what); break;
    case SW_STAGE_TLS: lua_pushfstring(L, "cannot connect to %s by TLS: %s", place, what); break;
    case SW_STAGE_SEND: lua_pushfstring(L, "sending to %s failed: %s", place, what); break;
    case SW_STAGE_RECEIVE: lua_pushfstring(L, "connection to %s ended: %s", place, what); break;
    case SW_STAGE_START: lua_pushfstring(L, "sidewire's background thread failed: %s", what); break;
    case SW_STAGE_CLOSE:
    case SW_STAGE_NONE: lua_pushstring(L, what); break;
    }
    lua_remove(L, -2);
}

/* Pushes "tls.ca", with the file that it names. */
static const char *push_ca(lua_State *L, struct sw_slice ca) {
    if (sw_tls_is_pem(ca)) return lua_pushfstring(L, "tls.ca");
    lua_pushlstring(L, ca.data, ca.size);
    lua_pushfstring(L, "tls.ca ('%s')", sw_to_text(L, -1));
    lua_replace(L, -3);
    lua_pop(L, 1);
    return lua_tostring(L, -1);
}

/* Appends to the sentence on top what to do about a certificate that nothing vouches for. */
static void add_trust(lua_State *L, const struct sw_error *error, const struct sw_tls_values *wanted) {
    bool is_own = error->sys == SW_TLS_REASON_SELF_SIGNED;
    bool is_untrusted = is_own || error->sys == SW_TLS_REASON_UNTRUSTED || error->sys == SW_TLS_REASON_INCOMPLETE;
    const char *what = is_own ? "it" : "that authority";
    if (error->err != SW_TLS || !is_untrusted) return;
    if (wanted->ca.size == 0) {
        lua_pushfstring(L, "; if you trust %s, give %s as tls.ca", what, is_own ? "it" : "its certificate");
    } else {
        lua_pushfstring(L, "; %s is not in %s", what, push_ca(L, wanted->ca));
        lua_remove(L, -2);
    }
    lua_concat(L, 2);
}

/* The same with what the report knows of a bad frame. */
static void push_end_of(lua_State *L, const struct sw_report *report, const struct sw_end_copy *end,
                        const struct sw_endpoint *server) {
    const char *details = sw_cause_details(&end->causes, &report->address);
    bool is_frame = end->frame.framing != NULL;
    if (is_frame) details = sw_push_bad_frame(L, &end->frame);
    push_sentence(L, &report->error, details, &report->address, server);
    if (is_frame) lua_remove(L, -2);
    add_trust(L, &report->error, end->wanted);
}

/* The same for the end of an attempt: if several addresses failed, the sentence gives the reason of each. */
static void push_failure_of(lua_State *L, const struct sw_report *report, const struct sw_end_copy *end,
                            const struct sw_endpoint *server) {
    if (end->causes.count < 2) {
        push_end_of(L, report, end, server);
        return;
    }
    const char *reasons = sw_push_reasons(L, &end->causes);
    lua_pushfstring(L, "cannot connect to %s: %s", push_place(L, &no_address, server), reasons);
    lua_replace(L, -3);
    lua_pop(L, 1);
    add_trust(L, &report->error, end->wanted);
}

void sw_push_cause(lua_State *L, const struct sw_error *error, const struct sw_end_copy *end,
                   const struct sw_server *server) {
    const struct sw_endpoint copy = sw_server_endpoint(server);
    const struct sw_report report = {.error = *error,
                                     .address = end->causes.count == 1 ? end->causes.list[0].address : no_address};
    push_failure_of(L, &report, end, &copy);
}

void sw_push_next_attempt(lua_State *L, double seconds) {
    char text[64];
    seconds = seconds > 10 ? ceil(seconds) : ceil(seconds * 10) / 10;
    (void)snprintf(text, sizeof text, "; next attempt in %.10g s", seconds);
    lua_pushstring(L, seconds > 0 ? text : "; next attempt now");
}

int sw_push_failure(lua_State *L, const struct sw_error *error, const struct sw_server *server) {
    const struct sw_endpoint copy = sw_server_endpoint(server);
    lua_pushnil(L);
    push_sentence(L, error, NULL, &no_address, &copy);
    lua_pushstring(L, sw_error_code(error));
    return 3;
}

int sw_push_frame_failure(lua_State *L, const struct sw_bad_frame_copy *frame, const struct sw_server *server) {
    const struct sw_error error = sw_error_make(SW_FRAME, SW_STAGE_RECEIVE);
    const struct sw_endpoint copy = sw_server_endpoint(server);
    lua_pushnil(L);
    push_sentence(L, &error, sw_push_bad_frame(L, frame), &no_address, &copy);
    lua_remove(L, -2);
    lua_pushstring(L, sw_error_code(&error));
    return 3;
}

int sw_push_refusal(lua_State *L, enum sw_err err, const char *sentence) {
    const struct sw_error error = sw_error_make(err, SW_STAGE_NONE);
    lua_pushnil(L);
    lua_pushstring(L, sentence);
    lua_pushstring(L, sw_error_code(&error));
    return 3;
}

int sw_push_closed(lua_State *L, const struct sw_server *server) {
    if (server->hostname[0] == '\0') return sw_push_refusal(L, SW_CLOSED, "this client is closed: make a new one");
    lua_pushfstring(L, "the client of %s is closed: make a new one", sw_push_place(L, server));
    return sw_push_refusal(L, SW_CLOSED, lua_tostring(L, -1));
}

int sw_push_system_failure(lua_State *L, const char *what, int sys) {
    const struct sw_error error = sw_error_system(sys, SW_STAGE_NONE);
    char text[160];
    lua_pushnil(L);
    lua_pushfstring(L, "%s: %s", what, sw_error_text(&error, text, sizeof text));
    lua_pushstring(L, sw_error_code(&error));
    return 3;
}

int sw_push_not_connected(lua_State *L, const char *sentence) {
    lua_pushnil(L);
    lua_pushstring(L, sentence);
    lua_pushliteral(L, "ENOTCONN");
    return 3;
}

int sw_push_no_memory(lua_State *L) {
    lua_pushnil(L);
    lua_pushliteral(L, "not enough memory");
    lua_pushliteral(L, "ENOMEM");
    return 3;
}

/* --- arguments of handlers --- */

static void set_integer(lua_State *L, const char *name, uint64_t value) {
    sw_push_integer(L, (int64_t)value);
    lua_setfield(L, -2, name);
}

static void set_number(lua_State *L, const char *name, double value) {
    lua_pushnumber(L, value);
    lua_setfield(L, -2, name);
}

/* Pushes the parts of the attempt's seconds; `stages` is the rest, so that the sum of dns, tcp and stages is exact but for
 * rounding. Of the rest, `tls` is the handshake's part. */
static void push_timeline(lua_State *L, const struct sw_report *report, const struct sw_end_copy *end) {
    double dns = (double)report->dns, tcp = (double)report->tcp;
    lua_createtable(L, 0, 5);
    if (end->has_tls) set_number(L, "tls", (double)end->tls.seconds);
    set_number(L, "dns", dns);
    set_number(L, "turn", (double)report->turn);
    set_number(L, "tcp", tcp);
    set_number(L, "stages", fmax(report->seconds - dns - tcp, 0));
}

/* A unix socket has neither address nor port. */
static void set_address(lua_State *L, const struct sw_report *report) {
    char address[SW_IP_TEXT];
    if (report->address.version == 0) return;
    sw_ip_text(&report->address, address);
    lua_pushstring(L, address);
    lua_setfield(L, -2, "address");
    set_integer(L, "port", report->port);
}

/* Where there was no room to keep what the handshake has agreed on, `tls` is empty. */
static void set_tls(lua_State *L, const struct sw_report *report, const struct sw_end_copy *end) {
    if (end->has_tls)
        sw_push_tls_info(L, &end->tls);
    else if (report->lacks_partial)
        lua_createtable(L, 0, 0);
    else
        return;
    lua_setfield(L, -2, "tls");
}

static int push_connect(lua_State *L, const struct sw_report *report, const struct sw_end_copy *end) {
    lua_createtable(L, 0, 7);
    set_address(L, report);
    set_integer(L, "attempt", report->attempt);
    set_integer(L, "first", report->first);
    set_integer(L, "merged", report->merged);
    lua_pushnumber(L, report->seconds);
    lua_setfield(L, -2, "seconds");
    push_timeline(L, report, end);
    lua_setfield(L, -2, "timeline");
    set_tls(L, report, end);
    return 1;
}

/* Without memory for the causes, the field stays nil. */
static void set_causes(lua_State *L, const struct sw_report *report, const struct sw_causes_copy *causes) {
    if (report->lacks_causes) return;
    sw_push_causes(L, causes, report->port);
    lua_setfield(L, -2, "causes");
}

/* The unfinished message is on top. */
static int push_end(lua_State *L, const struct sw_report *report, const struct sw_end_copy *end,
                    const struct sw_endpoint *server) {
    int partial = lua_gettop(L);
    push_failure_of(L, report, end, server);
    lua_pushstring(L, sw_error_code(&report->error));
    lua_createtable(L, 0, 8);
    if (report->event == SW_EVENT_ERROR) set_causes(L, report, &end->causes);
    lua_pushstring(L, sw_stage_name(report->error.stage));
    lua_setfield(L, -2, "stage");
    set_integer(L, "unsent", report->unsent);
    set_integer(L, "unacked", report->unacked);
    lua_pushvalue(L, partial);
    lua_setfield(L, -2, "partial");
    set_integer(L, "once_lost", report->once_lost);
    set_integer(L, "merged", report->merged);
    lua_pushboolean(L, report->will_retry);
    lua_setfield(L, -2, "will_retry");
    lua_remove(L, partial);
    return 3;
}

static int push_retry(lua_State *L, const struct sw_report *report, const struct sw_end_copy *end,
                      const struct sw_endpoint *server) {
    sw_push_integer(L, report->attempt);
    lua_pushnumber(L, report->seconds);
    push_failure_of(L, report, end, server);
    lua_pushstring(L, sw_error_code(&report->error));
    lua_createtable(L, 0, 1);
    set_causes(L, report, &end->causes);
    return 5;
}

static int push_log(lua_State *L, const struct sw_report *report, const struct sw_end_copy *end,
                    const struct sw_endpoint *server) {
    const char *place = push_place(L, &report->address, server);
    const char *level = "info";
    switch (report->log) {
    case SW_LOG_CONNECTING: lua_pushfstring(L, "connecting to %s", place); break;
    case SW_LOG_CONNECTED: lua_pushfstring(L, "connected to %s", place); break;
    case SW_LOG_RECONNECTED: lua_pushfstring(L, "reconnected to %s", place); break;
    case SW_LOG_RETRYING:
        lua_pushfstring(L, "retrying: attempt %d to connect to %s", (int)report->attempt, place);
        break;
    case SW_LOG_WILL_RETRY:
        push_end_of(L, report, end, server);
        sw_push_next_attempt(L, report->seconds);
        lua_concat(L, 2);
        break;
    case SW_LOG_STOPPED: lua_pushfstring(L, "stopped connecting to %s: client:disconnect was called", place); break;
    case SW_LOG_SUPERSEDED:
        lua_pushliteral(L, "stopped connecting: another call took the place of client:connect");
        break;
    case SW_LOG_DISCONNECTED:
        push_end_of(L, report, end, server);
        lua_pushfstring(L, "disconnected: %s", lua_tostring(L, -1));
        lua_remove(L, -2);
        level = "warning";
        break;
    case SW_LOG_ERROR:
        push_end_of(L, report, end, server);
        lua_pushfstring(L, "error: %s", lua_tostring(L, -1));
        lua_remove(L, -2);
        level = "error";
        break;
    }
    lua_remove(L, -2);
    lua_pushstring(L, level);
    lua_insert(L, -2);
    return 2;
}

int sw_push_report(lua_State *L, const struct sw_report *report, const struct sw_end_copy *end,
                   const struct sw_server *server) {
    const struct sw_endpoint copy = sw_server_endpoint(server);
    switch (report->event) {
    case SW_EVENT_CONNECT: return push_connect(L, report, end);
    case SW_EVENT_DISCONNECT:
    case SW_EVENT_ERROR: return push_end(L, report, end, &copy);
    case SW_EVENT_RETRY: return push_retry(L, report, end, &copy);
    case SW_EVENT_LOG: return push_log(L, report, end, &copy);
    case SW_EVENT_ACKED: sw_push_integer(L, (int64_t)report->acked); return 1;
    case SW_EVENT_MESSAGE:
    case SW_EVENT_LOST:
    case SW_EVENT_DRAIN:
    case SW_EVENT_CLOSE: return 0;
    }
    return 0;
}

int sw_push_loss(lua_State *L, struct sw_loss loss, const char *fate) {
    sw_push_integer(L, (int64_t)loss.first);
    sw_push_integer(L, (int64_t)loss.last);
    lua_pushstring(L, fate);
    return 3;
}
