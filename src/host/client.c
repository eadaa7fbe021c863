#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/options.h"
#include "base/server.h"
#include "base/state.h"
#include "channel/channel.h"
#include "channel/engine.h"
#include "channel/greeting.h"
#include "channel/host_end.h"
#include "channel/report.h"
#include "host/check.h"
#include "host/context.h"
#include "host/ending.h"
#include "host/ends.h"
#include "host/event.h"
#include "host/functions.h"
#include "host/getters.h"
#include "host/handle.h"
#include "host/luacompat.h"
#include "host/policy.h"
#include "host/raise.h"
#include "host/read_options.h"
#include "host/read_server.h"
#include "host/receiveq.h"
#include "host/saver.h"
#include "host/set_greeting.h"
#include "host/unread.h"
#include "host/usable.h"

/* --- new --- */

static void set_handlers(lua_State *L, const char *where, int index, struct client *client);

/* NULL: no memory. */
static struct sw_options *share_options(struct context *context, const struct sw_options *options,
                                        const struct sw_start *start) {
    struct sw_options wanted = *options;
    wanted.tls = sw_tls_share(&context->tls, &start->tls.values);
    struct sw_options *shared = wanted.tls != NULL ? sw_options_share(&context->options, &wanted) : NULL;
    sw_tls_unref(wanted.tls);
    return shared;
}

/* A complete client without a handle. NULL: no memory. */
static struct client *make_client(struct context *context, const struct sw_options *options,
                                  const struct sw_start *start) {
    struct client *client = calloc(1, sizeof *client);
    struct sw_servers *servers = client != NULL ? sw_servers_share(&context->servers, &start->servers) : NULL;
    struct sw_channel *channel = NULL;
    if (servers != NULL) channel = sw_channel_new(context->engine, share_options(context, options, start));
    if (channel == NULL) {
        sw_servers_unref(servers);
        free(client);
        return NULL;
    }
    client->context = context;
    client->servers = servers;
    client->channel = channel;
    client->channel->owner = client;
    sw_reports_init(&client->reports);
    sw_channel_post_reconnect(channel, &start->reconnect);
    sw_context_note_linger(context, options->linger);
    sw_context_note_spin(context, options->spin);
    return client;
}

/* Stack indices in sidewire.new. */
enum { AT_OPTIONS = 1, AT_SAVER, AT_HANDLE, AT_HANDLERS };

/* Replaces the value at index by a copy, if it is a table. */
static void copy_table(lua_State *L, int index) {
    if (!lua_istable(L, index)) return;
    sw_push_copy(L, index);
    lua_replace(L, index);
}

/* Pushes a copy of the option. False: the option is not given, and nil was pushed. */
static bool push_option(lua_State *L, const char *name) {
    if (!lua_istable(L, AT_OPTIONS)) return lua_pushnil(L), false;
    lua_getfield(L, AT_OPTIONS, name);
    copy_table(L, lua_gettop(L));
    return !lua_isnil(L, -1);
}

/* True: the policy allows no client of these servers, or no further client, and nil, message, code were pushed. */
static bool refuses_client(lua_State *L, const struct context *context, const struct sw_start *start) {
    if (sw_policy_refuses_servers(L, &context->policy, "sidewire.new", &start->servers)) return true;
    if (sw_engine_count_open(context->engine) < context->policy.max_clients) return false;
    sw_policy_refuse_client(L, &context->policy);
    return true;
}

/***
 * @module sidewire.core
 */

/*** Makes a client. Touches no network and starts no thread. Made in the child of a fork, it is the child's.
 * @function new
 * @tparam[opt] table options all of [Options of new](options.md) but settings; unknown names and values out of range
 * raise
 * @tparam[opt] function saver for a layer that stores settings. new calls it with the client and nil. connect,
 * set_server and set_reconnect call it with the client and a table of what has changed (host and port; or server, if
 * there are several, a list of URLs; reconnect). It returns true, or nil, message, code, which are then the results of
 * that call
 * @treturn[1] client
 * @treturn[2] nil no client was made, or the saver refused it
 * @treturn[2] string message
 * @treturn[2] string code: EPOLICY, ECLOSED (the Lua state is closing), ENOMEM (in the child of a fork), or the
 * saver's
 * @raise misuse; retain "unacked" or a handler of acked where the system does not count acknowledgements
 * ([Delivery](../delivery.md#on-other-systems)); not enough memory
 */
int sw_module_new(lua_State *L) {
    struct context *context = sw_context(L);
    struct sw_options options;
    struct sw_start start;
    sw_refuse_colon(L, "sidewire.new");
    lua_settop(L, 2);
    sw_check_saver(L, AT_SAVER);
    copy_table(L, AT_OPTIONS);
    if (lua_istable(L, AT_OPTIONS)) sw_tls_isolate(L, AT_OPTIONS);
    sw_options_read(L, "sidewire.new", AT_OPTIONS, &context->policy, &options, &start);
    if (sw_context_refuses(L, context) || sw_policy_refuses_options(L, &context->policy, &options)) return 3;
    if (sw_policy_refuses_tls(L, &context->policy, &start.tls.values)) return 3;
    sw_receiveq_take_all(L, context); /* frees closed clients also for a script that never polls */
    /* Everything that can raise comes before the client is made, so that an error leaves no client. */
    sw_push_handle(L);
    if (push_option(L, "on")) sw_check_handlers(L, "sidewire.new", AT_HANDLERS);
    push_option(L, "greeting");
    struct sw_greeting *greeting = sw_greeting_read(L, "sidewire.new", &options, -1);
    push_option(L, "preamble");
    /* These checks come last, because the calls before them may run a finalizer that makes a client, or the one that
     * ends the context. */
    if (sw_context_refuses(L, context) || refuses_client(L, context, &start)) {
        sw_greeting_unref(greeting);
        return 3;
    }
    /* make_client copies the bytes, and no script runs before that. A finalizer may have changed the value since it was
     * checked. */
    if (lua_type(L, -1) == LUA_TSTRING) options.preamble.data = lua_tolstring(L, -1, &options.preamble.size);
    start.servers.rules = context->policy.rules;
    struct client *client = make_client(context, &options, &start);
    if (client == NULL) {
        sw_greeting_unref(greeting);
        return sw_raise(L, "sidewire.new: not enough memory");
    }
    sw_channel_set_greeting(client->channel, greeting);
    sw_handle_fill(L, AT_HANDLE, client);
    lua_settop(L, AT_HANDLERS);
    if (!lua_isnil(L, AT_HANDLERS)) set_handlers(L, "sidewire.new", AT_HANDLE, client);
    return sw_save_new(L, AT_HANDLE, client, AT_SAVER);
}

/*** Checks options as new does, but makes no client. The file that the option settings names, which only `sidewire`
 * has, is not read.
 * @function check_options
 * @tparam[opt] table options
 * @treturn table host, port, server (a list of URLs) and reconnect that a client with these options would have;
 * reconnect is as client:get_reconnect returns it
 * @raise misuse, as new does
 */
int sw_module_check_options(lua_State *L) {
    struct sw_options options;
    struct sw_start start;
    const struct sw_policy unlimited = sw_policy_unlimited();
    sw_refuse_colon(L, "sidewire.check_options");
    lua_settop(L, 1);
    sw_options_read(L, "sidewire.check_options", AT_OPTIONS, &unlimited, &options, &start);
    lua_createtable(L, 0, 4);
    sw_push_urls(L, &start.servers);
    lua_setfield(L, -2, "server");
    sw_push_endpoint(L, &start.servers.list[0]);
    lua_setfield(L, -3, "port");
    lua_setfield(L, -2, "host");
    sw_push_reconnect(L, &start.reconnect);
    lua_setfield(L, -2, "reconnect");
    return 1;
}

/* --- handlers --- */

static void post_interest(lua_State *L, struct client *client) {
    const struct sw_interest interest = {
        .messages = !client->discards,
        .log = sw_client_has_handler(client, SW_EVENT_LOG),
        .acked = sw_client_has_handler(client, SW_EVENT_ACKED),
    };
    sw_channel_post_interest(client->channel, interest);
    if (interest.messages) return;
    sw_receiveq_take_all(L, client->context);
    sw_receiveq_drop_messages(client);
}

/* Pops a checked handler (callable, nil, or false to discard messages) and sets it. */
static void set_handler(lua_State *L, int index, struct client *client, enum sw_event event) {
    unsigned bit = 1u << event;
    bool is_handler = lua_toboolean(L, -1), is_message = event == SW_EVENT_MESSAGE;
    if (is_message) client->discards = lua_isboolean(L, -1);
    if (is_message && is_handler) {
        client->uses_receive = false;
        sw_ends_forget_held(client);
    }
    client->handlers = is_handler ? client->handlers | bit : client->handlers & ~bit;
    lua_setiuservalue(L, index, (int)event + 1);
    if (is_message || event == SW_EVENT_LOG || event == SW_EVENT_ACKED) post_interest(L, client);
    sw_receiveq_recount(client);
    sw_client_anchor(L, index, client);
}

/* Raises if the handler at index is one for messages that receive decodes as client:set_framing says: they have no
 * other way to the script. */
static void refuse_if_framed(lua_State *L, const char *where, const struct client *client, int index) {
    if (lua_isnil(L, index) || sw_client_framed(client) == NULL) return;
    sw_raise(L,
             "%s: client:set_framing is in force, so messages come by receive: call client:set_framing(\"raw\") first",
             where);
}

/* Sets the handlers in the table on top, which is a copy that scripts cannot change. */
static void set_handlers(lua_State *L, const char *where, int index, struct client *client) {
    int table = lua_gettop(L);
    sw_check_handlers(L, where, table);
    lua_getfield(L, table, sw_event_name(SW_EVENT_MESSAGE));
    refuse_if_framed(L, where, client, -1);
    lua_pop(L, 1);
    for (lua_pushnil(L); lua_next(L, table) != 0;) {
        enum sw_event event = sw_check_event(L, where, -2);
        set_handler(L, index, client, event);
    }
}

/*** Sets one handler, or several. nil removes a handler; false for message discards received messages.
 * @function client:on
 * @tparam string|table event a name (connect, message, drain, acked, lost, disconnect, retry, error, log, close), or a
 * table of handlers by name
 * @tparam function|nil|false handler to be given with a name, also if it is nil
 * @treturn[1] client
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: EFORKED
 * @raise unknown event; handler not callable; a handler of acked where the system does not count acknowledgements
 */
int sw_method_on(lua_State *L) {
    struct client *client = sw_check_usable(L, 1);
    if (client == NULL) return 3;
    if (lua_istable(L, 2)) {
        sw_push_copy(L, 2);
        set_handlers(L, "client:on", 1, client);
    } else {
        if (lua_type(L, 2) != LUA_TSTRING)
            sw_misuse(L, (struct sw_spot){"client:on", "event"}, 2,
                      "a name, as in client:on(\"message\", f), or a table "
                      "of handlers by name");
        enum sw_event event = sw_check_event(L, "client:on", 2);
        if (lua_isnone(L, 3))
            sw_raise(L,
                     "client:on: the handler of %s must be a function, or nil to remove it, got no value: give the "
                     "function f, not the result of f()",
                     sw_event_name(event));
        lua_settop(L, 3);
        sw_check_event_handler(L, "client:on", event, 3);
        if (event == SW_EVENT_MESSAGE) refuse_if_framed(L, "client:on", client, 3);
        set_handler(L, 1, client, event);
    }
    lua_settop(L, 1);
    return 1;
}

/*** Sets messages that are sent first on every new connection, before queued and repeated messages: a login, a list of
 * subscriptions. They have the client's framing, but no ids, and no counter includes them. The current connection is
 * not affected. The server's answers come as messages, on every connection, before its answers to what follows: count
 * them off after each connect event. What is queued does not wait for these answers.
 * @function client:set_greeting
 * @tparam string|table|nil greeting a message, a list of messages, or nil for none
 * @treturn[1] boolean true
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: ECLOSED, EFORKED
 * @raise not a string or a list of strings; a message that the framing cannot carry; more than queue_limit
 */
int sw_method_set_greeting(lua_State *L) {
    struct client *client = sw_check_usable(L, 1);
    if (client == NULL) return 3;
    if (lua_isnone(L, 2))
        sw_misuse(L, (struct sw_spot){"client:set_greeting", "greeting"}, 2, "a message, a list of messages, or nil");
    if (client->is_closed) return sw_push_closed(L, sw_client_server(client));
    sw_channel_set_greeting(client->channel, sw_greeting_read(L, "client:set_greeting", client->channel->options, 2));
    lua_pushboolean(L, true);
    return 1;
}

/* --- closing --- */

/*** Closes the client forever: only lost and close events follow. There is no disconnect event, and so no
 * detail.once_lost: call client:disconnect first, and take its event, if you need that. A second call does nothing. A
 * `<close>` variable and the garbage collector close a client, too.
 *
 * The state is closed at once, though what was accepted is still delivered in the background, for at most linger. The
 * close event tells that this is over, and a lost event before it what was not delivered.
 *
 * Afterwards `on`, `poll`, `state`, `is_connected`, `pending`, `stats`, `get_server` and `get_reconnect` work as
 * before. `flush` and `wait("disconnected")` still wait for the end of what is under way. Every other method returns
 * nil, message, "ECLOSED", or raises as it does for such a client.
 *
 * It returns at once, and the background thread does the rest. `os.exit(0)` does not wait for that: see
 * [Leaving](../first.md#leaving).
 * @function client:close
 * @tparam[opt] number linger seconds that all of the end may take, in the background: see client:disconnect; default:
 * the option linger
 * @treturn[1] boolean true, at once
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: EPOLICY (it is closed nevertheless, with the longest linger that is allowed), EFORKED
 * @raise invalid linger
 */
int sw_method_close(lua_State *L) {
    struct client *client = sw_check_usable(L, 1);
    if (client == NULL) return 3;
    double linger = client->channel->options->linger, limit = client->context->policy.max_linger;
    bool is_given = !lua_isnoneornil(L, 2);
    if (is_given) linger = sw_check_seconds(L, (struct sw_spot){"client:close", "linger"}, 2);
    sw_client_close(client, is_given && linger > limit ? limit : linger);
    sw_client_anchor(L, 1, client);
    if (is_given && sw_policy_refuses_linger(L, &client->context->policy, "client:close: linger", linger)) return 3;
    lua_pushboolean(L, true);
    return 1;
}

int sw_method_end_of_scope(lua_State *L) {
    lua_settop(L, 1); /* Lua passes an error, or nil, as the second argument of __close */
    return sw_method_close(L);
}

static const char *state_text(const struct client *client) {
    if (sw_client_is_forked(client)) return "forked";
    return sw_state_name(client->context->has_ended ? SW_STATE_CLOSED : sw_client_state(client));
}

/* A script sets a field of the client, which has none. */
int sw_method_set_field(lua_State *L) {
    sw_check_handle(L, 1);
    lua_settop(L, 2);
    const char *name = sw_to_word(L, 2), *event = name != NULL ? sw_event_meant(name) : NULL;
    if (event == NULL)
        return sw_raise(
            L, "client.%s: a client has no fields to set; keep the value in a table of your own, by the client",
            sw_to_text(L, 2));
    return sw_raise(L,
                    "client.%s: handlers are no fields: write client:on(\"%s\", f), or on = { %s = f } in sidewire.new",
                    name, event, event);
}

int sw_method_tostring(lua_State *L) {
    const struct handle *handle = sw_check_handle(L, 1);
    if (handle->client == NULL) {
        lua_pushfstring(L, "%s: %p collected", sw_client_kind.name, (const void *)handle);
        return 1;
    }
    const struct sw_endpoint server = sw_server_endpoint(sw_client_server(handle->client));
    const char *state = state_text(handle->client);
    if (server.scheme == SW_SCHEME_UNIX)
        lua_pushfstring(L, "%s: %p unix:%s %s", sw_client_kind.name, (const void *)handle, server.hostname, state);
    else if (server.hostname[0] == '\0')
        lua_pushfstring(L, "%s: %p %s", sw_client_kind.name, (const void *)handle, state);
    else
        lua_pushfstring(L, strchr(server.hostname, ':') != NULL ? "%s: %p [%s]:%d %s" : "%s: %p %s:%d %s",
                        sw_client_kind.name, (const void *)handle, server.hostname, (int)server.port, state);
    return 1;
}
