/* The methods connect, disconnect, set_reconnect and set_server, and their getters. */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/address.h"
#include "base/error.h"
#include "base/options.h"
#include "base/server.h"
#include "base/state.h"
#include "channel/channel.h"
#include "channel/command.h"
#include "channel/engine.h"
#include "channel/host_end.h"
#include "host/check.h"
#include "host/context.h"
#include "host/event.h"
#include "host/functions.h"
#include "host/getters.h"
#include "host/handle.h"
#include "host/luacompat.h"
#include "host/policy.h"
#include "host/raise.h"
#include "host/read_server.h"
#include "host/receiveq.h"
#include "host/saver.h"
#include "host/usable.h"

/* --- connecting --- */

/* The state that connect sets until the loop posts one. */
static enum sw_state first_state(const struct sw_servers *servers) {
    const char *hostname =
        servers->list[0].hostname; /* of a random order, another one may come first: the loop tells */
    bool is_known = servers->list[0].scheme == SW_SCHEME_UNIX || sw_ip_kind(hostname, strlen(hostname)) != NULL;
    return is_known ? SW_STATE_CONNECTING : SW_STATE_RESOLVING;
}

static bool is_busy(enum sw_state state) {
    return state == SW_STATE_RESOLVING || state == SW_STATE_CONNECTING || state == SW_STATE_HANDSHAKING ||
           state == SW_STATE_CONNECTED;
}

/* Posts the command. Starts the loop if it does not run, and once more if it ends meanwhile. */
static struct sw_error post_connect(struct client *client, struct sw_command *command, enum sw_state state) {
    struct sw_error failed = sw_engine_start(client->context->engine);
    if (failed.err != SW_OK) {
        sw_commands_free(command);
        return failed;
    }
    if (sw_channel_post_command(client->channel, command, state)) return failed;
    failed = sw_engine_start(client->context->engine);
    if (failed.err == SW_OK && sw_channel_schedule(client->channel)) return failed;
    sw_channel_withdraw_commands(client->channel);
    return failed.err != SW_OK ? failed : sw_error_make(SW_CLOSED, SW_STAGE_START);
}

/* Connects the client to one of the servers, unless it is connected or connecting already. Sets client->servers only if
 * that succeeds. */
static struct sw_error connect_to(struct client *client, struct sw_servers *servers) {
    const struct sw_error none = {.err = SW_OK};
    bool is_same = !client->has_new_server && sw_servers_equal(servers, client->servers);
    if (is_same && !client->is_shut && is_busy(sw_client_state(client))) return none;
    struct sw_command *command = sw_channel_command(client->channel, SW_CONNECT);
    if (command == NULL) return sw_error_system(ENOMEM, SW_STAGE_NONE);
    command->servers = sw_servers_ref(servers);
    command->policy = *sw_channel_reconnect(client->channel);
    struct sw_error failed = post_connect(client, command, first_state(servers));
    if (failed.err != SW_OK) return failed;
    sw_servers_set(&client->servers, servers);
    client->has_new_server = client->is_shut = false;
    sw_receiveq_pass_ends(client); /* what receive has not told is of no interest, if nothing unread is before it */
    return none;
}

/* Makes *servers of the choice; NULL: no memory. False: the host's policy refuses one, and nil, message, code were
 * pushed. */
static bool make_servers(lua_State *L, const struct client *client, const char *where, struct sw_choice *choice,
                         struct sw_servers **servers) {
    const struct sw_policy *policy = &client->context->policy;
    if (sw_policy_refuses_servers(L, policy, where, choice)) return false;
    choice->order = client->servers->order;
    choice->rules = policy->rules;
    *servers = sw_servers_new(choice);
    return true;
}

/* Reads a URL, or a list of URLs, at index 2; a list is tried in the order of the client's. */
static void read_urls(lua_State *L, const struct client *client, const char *where, struct sw_choice *choice) {
    sw_check_server(L, (struct sw_spot){where, "server"}, 2, choice);
    for (unsigned i = 0; i < choice->count; i++)
        if (client->channel->options->uses_tls && choice->list[i].scheme == SW_SCHEME_TCP)
            sw_raise(L, "%s: the client has the option tls, and a tcp:// URL has none: write tls://", where);
    if (!lua_isnoneornil(L, 3)) sw_raise(L, "%s: the URLs have the ports: give no second argument", where);
}

/* The scheme of a host and a port without a URL: a client that has had a tls:// server does not fall back to plain TCP. */
static enum sw_scheme scheme_for(const struct client *client) {
    return sw_client_server(client)->scheme == SW_SCHEME_TLS ? SW_SCHEME_TLS : SW_SCHEME_TCP;
}

/* Reads a host at index 2 and a port at index 3; one that is not given is as before. */
static void read_host(lua_State *L, const struct client *client, struct sw_choice *choice) {
    struct sw_endpoint *endpoint = &choice->list[0];
    enum sw_scheme scheme = scheme_for(client);
    choice->count = 1;
    *endpoint = sw_server_endpoint(sw_client_server(client));
    if (endpoint->scheme == SW_SCHEME_UNIX) *endpoint = (struct sw_endpoint){.port = 0}; /* which has none of the two */
    if (!lua_isnoneornil(L, 2)) sw_check_host(L, (struct sw_spot){"client:connect", "host"}, 2, endpoint, false);
    if (!lua_isnoneornil(L, 3)) sw_check_port(L, (struct sw_spot){"client:connect", "port"}, 3, endpoint);
    endpoint->scheme = scheme;
    if (endpoint->hostname[0] == '\0') sw_raise(L, "client:connect: no host: give one here or to sidewire.new");
    if (endpoint->port == 0) sw_raise(L, "client:connect: no port: give one here or to sidewire.new");
}

/* Sets *servers to a reference to the client's servers or, if some are given, to new ones, as make_servers does. Raises if
 * host or port are unknown. */
static bool read_servers(lua_State *L, const struct client *client, struct sw_servers **servers) {
    struct sw_choice choice;
    if (sw_is_server(L, 2)) {
        read_urls(L, client, "client:connect", &choice);
    } else if (lua_isnoneornil(L, 2) && lua_isnoneornil(L, 3) && sw_server_is_complete(&client->servers->list[0])) {
        *servers = sw_servers_ref(client->servers);
        return true;
    } else {
        read_host(L, client, &choice);
    }
    return make_servers(L, client, "client:connect", &choice, servers);
}

/***
 * @module sidewire.core
 */

/*** Connects, and connects again by the reconnect policy. The result is an event: connect, error or close.
 *
 * Called while the client waits for its next attempt, it tries now. If this extra attempt fails, it does not count:
 * the same delay follows again. Called while the client is connected or connecting to the same server, it does
 * nothing. With another server it ends the connection or the attempt and goes there, and the delays begin anew. While
 * client:disconnect still ends a connection, the new one follows.
 *
 * @function client:connect
 * @tparam[opt] string|table host from now on, or a URL, or a list of URLs; default: as before
 * @tparam[opt] number port from now on; default: as before. With a URL none
 * @treturn[1] boolean true, at once
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: EPOLICY (the call did nothing), ECLOSED, EFORKED, ENOMEM, a system error (EMFILE, EAGAIN),
 * or why the settings could not be saved
 * @raise invalid or missing host, port or URL
 */
int sw_method_connect(lua_State *L) {
    struct client *client = sw_check_usable(L, 1);
    if (client == NULL) return 3;
    lua_settop(L, 3);
    sw_receiveq_take_all(L, client->context);
    struct sw_servers *servers;
    bool is_same = lua_isnil(L, 2) && lua_isnil(L, 3);
    if (!read_servers(L, client, &servers)) return 3;
    struct sw_error failed = {.err = SW_OK};
    if (servers == NULL)
        failed = sw_error_system(ENOMEM, SW_STAGE_NONE);
    else if (!client->is_closed)
        failed = connect_to(client, servers);
    sw_servers_unref(servers);
    if (client->is_closed) return sw_push_closed(L, sw_client_server(client));
    if (failed.err != SW_OK) return sw_push_failure(L, &failed, sw_client_server(client));
    sw_client_anchor(L, 1, client);
    if (is_same) return lua_pushboolean(L, true), 1;
    return sw_save_server(L, 1, client);
}

/* Posts a copy of the command if a loop handles the client; without a loop, there is nothing to do. False: no
 * memory. */
static bool post_if_attached(struct client *client, const struct sw_command *model, enum sw_state state) {
    struct sw_snapshot snapshot;
    sw_channel_snapshot(client->channel, &snapshot);
    if (!snapshot.attached) return true;
    struct sw_command *command = sw_channel_command(client->channel, model->verb);
    if (command == NULL) return false;
    command->servers = sw_servers_ref(model->servers);
    command->linger = model->linger;
    bool is_posted = sw_channel_post_command(client->channel, command, state);
    if (!is_posted) sw_channel_withdraw_commands(client->channel); /* the loop has dropped the client meanwhile */
    return true;
}

/*** Delivers the messages accepted so far, as far as linger allows, ends the connection and stops reconnecting. connect
 * may be called again. What is not delivered in time waits in the queue for that connect, as retain says; only close
 * reports it lost.
 *
 * A disconnect event tells of the end of a connection; while there was none, an error event of code ECLOSED does. An
 * idle client has nothing to end, and no event comes. Without a connection, but with messages to deliver, attempts go
 * on until the linger is over, at once and then every 0.1 to 1 second, whatever reconnect says; retry events tell of
 * them.
 *
 * A later call with another linger replaces the earlier one: disconnect(0) ends at once what disconnect(5) has begun.
 * With retain = "unconfirmed" it does not wait for confirmations, and a connection that ends meanwhile is not made
 * again for them. Without a connection, messages that are not confirmed are messages to deliver.
 * @function client:disconnect
 * @tparam[opt] number linger seconds that all of the end may take: sending the rest, on a connection that is still to
 * be made if need be, and the other side's acknowledgement and end; default: the option linger
 * @treturn[1] boolean true, at once
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: EPOLICY (the call did nothing), ECLOSED, EFORKED, ENOMEM
 * @raise invalid linger
 */
int sw_method_disconnect(lua_State *L) {
    struct client *client = sw_check_usable(L, 1);
    if (client == NULL) return 3;
    double linger = client->channel->options->linger;
    bool is_given = !lua_isnoneornil(L, 2);
    if (is_given) linger = sw_check_seconds(L, (struct sw_spot){"client:disconnect", "linger"}, 2);
    if (client->is_closed) return sw_push_closed(L, sw_client_server(client));
    if (is_given && sw_policy_refuses_linger(L, &client->context->policy, "client:disconnect: linger", linger))
        return 3;
    sw_context_note_linger(client->context, linger);
    const struct sw_command model = {.verb = SW_DISCONNECT, .linger = linger};
    if (sw_client_state(client) != SW_STATE_IDLE && !post_if_attached(client, &model, SW_STATE_CLOSING))
        return sw_push_no_memory(L);
    lua_pushboolean(L, true);
    return 1;
}

/*** Ends sending: after all that was accepted, the other side reads our end (a TCP half-close), and may still answer:
 * receiving goes on until it ends, too. The disconnect event that follows has will_retry = false. While the client is
 * connecting, this is done on the connection that comes. send, send_once and write fail with ENOTCONN from now on,
 * until connect is called. Until then, further calls of shutdown return true, also after the connection has ended.
 * @function client:shutdown
 * @treturn[1] boolean true, at once
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: ENOTCONN (neither connected nor connecting), ECLOSED, EFORKED, ENOMEM
 */
int sw_method_shutdown(lua_State *L) {
    struct client *client = sw_check_usable(L, 1);
    if (client == NULL) return 3;
    if (client->is_closed) return sw_push_closed(L, sw_client_server(client));
    if (!client->is_shut) {
        enum sw_state state = sw_client_state(client);
        if (!is_busy(state) && state != SW_STATE_WAITING)
            return sw_push_not_connected(L, "not connected: there is nothing to shut down");
        const struct sw_command model = {.verb = SW_SHUT_DOWN};
        if (!post_if_attached(client, &model, state)) return sw_push_no_memory(L);
        client->is_shut = true;
    }
    lua_pushboolean(L, true);
    return 1;
}

/*** Sets what happens after a failed attempt or a lost connection. It applies at once: while the client waits for its
 * next attempt, the delay changes, without a second retry event. After a connection that held 5 s the delays begin
 * anew; one that ended sooner counts as a failed attempt.
 * @function client:set_reconnect
 * @tparam boolean|number|table spec false; true (the last policy); seconds; { delay =, max =, factor =, jitter =,
 * attempts = }
 * @treturn[1] boolean true
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: ECLOSED, EFORKED, or why the settings could not be saved
 * @raise invalid spec
 */
int sw_method_set_reconnect(lua_State *L) {
    struct client *client = sw_check_usable(L, 1);
    if (client == NULL) return 3;
    struct sw_reconnect policy;
    lua_settop(L, 2);
    sw_check_reconnect(L, (struct sw_spot){"client:set_reconnect", "spec"}, 2, sw_channel_reconnect(client->channel),
                       &policy);
    if (client->is_closed) return sw_push_closed(L, sw_client_server(client));
    sw_channel_post_reconnect(client->channel, &policy);
    return sw_save_reconnect(L, 1, client);
}

/*** Returns the present reconnect policy.
 * @function client:get_reconnect
 * @treturn[1] boolean|table false, or { delay =, max =, factor =, attempts =, jitter = } (attempts nil: no limit)
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: EFORKED
 */
int sw_method_get_reconnect(lua_State *L) {
    const struct client *client = sw_check_usable(L, 1);
    if (client == NULL) return 3;
    sw_push_reconnect(L, sw_channel_reconnect(client->channel));
    return 1;
}

/*** Sets the server of the next attempt, or several: see the option server.
 * @function client:set_server
 * @tparam string|table host or a URL, or a list of URLs, which is tried in the order that the client was made with
 * @tparam[opt] number port of the host; with a URL none
 * @treturn[1] boolean true
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: EPOLICY (the call did nothing), ECLOSED, EFORKED, ENOMEM, or why the settings could not be
 * saved
 * @raise invalid host, port or URL
 */
int sw_method_set_server(lua_State *L) {
    struct client *client = sw_check_usable(L, 1);
    if (client == NULL) return 3;
    struct sw_command model = {.verb = SW_SERVER};
    struct sw_choice choice = {.count = 1, .list = {{.port = 0}}};
    lua_settop(L, 3);
    if (sw_is_server(L, 2)) {
        read_urls(L, client, "client:set_server", &choice);
    } else {
        sw_check_host(L, (struct sw_spot){"client:set_server", "host"}, 2, &choice.list[0], false);
        sw_check_port(L, (struct sw_spot){"client:set_server", "port"}, 3, &choice.list[0]);
        choice.list[0].scheme = scheme_for(client);
    }
    if (client->is_closed) return sw_push_closed(L, sw_client_server(client));
    if (!make_servers(L, client, "client:set_server", &choice, &model.servers)) return 3;
    bool posted = model.servers != NULL && post_if_attached(client, &model, sw_client_state(client));
    if (posted) sw_servers_set(&client->servers, model.servers);
    sw_servers_unref(model.servers);
    if (!posted) return sw_push_no_memory(L);
    client->has_new_server = true;
    return sw_save_server(L, 1, client);
}

/*** Returns the server in use: that of the connection or of the newest attempt, or else the first one.
 * @function client:get_server
 * @treturn[1] string|nil host; nil for a unix socket
 * @treturn[1] number|nil port; nil for a unix socket
 * @treturn[1] string|nil URL, such as "tcp://example.org:4000", "unix:/run/game"; nil if the host or the port is not
 * known
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: EFORKED
 */
int sw_method_get_server(lua_State *L) {
    const struct client *client = sw_check_usable(L, 1);
    if (client == NULL) return 3;
    const struct sw_endpoint server = sw_server_endpoint(sw_client_server(client));
    sw_push_endpoint(L, &server);
    sw_push_url(L, &server);
    return 3;
}
