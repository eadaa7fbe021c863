#include <lauxlib.h>
#include <string.h>
#include <unistd.h>

#include "host/check.h"
#include "host/event.h"
#include "host/greeting.h"
#include "host/host.h"
#include "host/options.h"

/* --- finding --- */

/* Its address stands in every client and in no other userdata: comparing metatables would cost a send a tenth more. */
static const char mark;

static struct client *to_client(lua_State *L, int index) {
    struct client *client = lua_touserdata(L, index);
    bool is_one = client != NULL && lua_rawlen(L, index) == sizeof *client && client->mark == &mark;
    return is_one ? client : NULL;
}

static struct client *check_type(lua_State *L, int index) {
    struct client *client = to_client(L, index);
    if (client == NULL) {
        const char *given = luaL_typename(L, index);
        luaL_argerror(L, index,
                      lua_pushfstring(
                          L, CLIENT_TYPE " expected, got %s: call methods with a colon, client:send(message)", given));
    }
    return client;
}

static struct client *check_alive(lua_State *L, int index, struct client *client) {
    if (client->channel == NULL) luaL_argerror(L, index, "this client was collected");
    return client;
}

struct client *sw_check_usable(lua_State *L, int index) {
    struct client *client = check_type(L, index);
    return sw_host_refuses(L, client->host) ? NULL : check_alive(L, index, client);
}

bool sw_push_client(lua_State *L, struct client *client) {
    lua_getiuservalue(L, lua_upvalueindex(UPVALUE_HOST), HOST_CLIENTS);
    if (lua_rawgetp(L, -1, client) != LUA_TNIL) {
        lua_remove(L, -2);
        return true;
    }
    lua_pop(L, 2);
    sw_inflow_drop(client);
    sw_inflow_unschedule(client);
    return false;
}

enum sw_state sw_client_state(const struct client *client) {
    struct sw_view view;
    sw_channel_look(client->channel, &view);
    return view.state;
}

/* --- keeping alive --- */

static bool must_live(const struct client *client) {
    if (client->is_over) return false;
    if (client->handlers == 0) return sw_inflow_messages(client) > 0 || client->report_count > 0;
    struct sw_view view;
    sw_channel_look(client->channel, &view);
    return view.state != SW_STATE_IDLE || view.undelivered || client->report_count > 0;
}

void sw_client_anchor(lua_State *L, int index) {
    index = lua_absindex(L, index);
    struct client *client = lua_touserdata(L, index);
    lua_getiuservalue(L, lua_upvalueindex(UPVALUE_HOST), HOST_ANCHORS);
    lua_pushvalue(L, index);
    if (must_live(client))
        lua_pushboolean(L, true);
    else
        lua_pushnil(L);
    lua_rawset(L, -3);
    lua_pop(L, 1);
}

/* --- new --- */

static void link_client(struct host *host, struct client *client) {
    client->next = host->clients;
    if (client->next != NULL) client->next->previous = client;
    host->clients = client;
}

static void unlink_client(struct client *client) {
    if (client->previous != NULL)
        client->previous->next = client->next;
    else
        client->host->clients = client->next;
    if (client->next != NULL) client->next->previous = client->previous;
}

static void set_handler(lua_State *L, int client_index, enum sw_event event);

/* Sets the handlers of the table at index. */
static void set_handlers(lua_State *L, const char *where, int client_index, int index) {
    index = lua_absindex(L, index);
    sw_check_handlers(L, where, index);
    for (lua_pushnil(L); lua_next(L, index) != 0;) {
        enum sw_event event = sw_check_event(L, where, -2);
        set_handler(L, client_index, event);
    }
}

/* The object before the resource: a client that can be collected at any point of what follows. */
static struct client *push_empty(lua_State *L, struct host *host) {
    struct client *client = lua_newuserdatauv(L, sizeof *client, CLIENT_VALUES);
    memset(client, 0, sizeof *client);
    client->host = host;
    client->reports_tail = &client->reports;
    lua_pushvalue(L, lua_upvalueindex(UPVALUE_CLIENT_META));
    lua_setmetatable(L, -2);
    client->mark = &mark;
    lua_getiuservalue(L, lua_upvalueindex(UPVALUE_HOST), HOST_CLIENTS);
    lua_pushvalue(L, -2);
    lua_rawsetp(L, -2, client);
    lua_pop(L, 1);
    return client;
}

static void open_channel(lua_State *L, struct client *client, const struct sw_options *options,
                         const struct sw_start *start) {
    client->server = sw_server_new(&start->server);
    if (client->server != NULL)
        client->channel = sw_channel_new(client->host->engine, sw_options_share(&client->host->options, options));
    if (client->channel == NULL) {
        sw_server_set(&client->server, NULL);
        luaL_error(L, "sidewire.new: not enough memory");
    }
    client->channel->owner = client;
    client->reconnect = client->last_reconnect = start->reconnect;
    client->last_reconnect.enabled = true;
    link_client(client->host, client);
    sw_host_note_linger(client->host, options->linger);
}

/***
 * @module sidewire.core
 */

/*** Makes a client. Touches no network and starts no thread.
 * @function new
 * @tparam[opt] table options see the README's table; unknown names and values out of range raise
 * @treturn[1] client
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: EFORKED, ECLOSED (the Lua state is closing)
 * @raise misuse, not enough memory
 */
static int new_client(lua_State *L) {
    struct host *host = sw_host(L);
    struct sw_options options;
    struct sw_start start;
    lua_settop(L, 1);
    sw_options_read(L, 1, &options, &start);
    if (sw_host_refuses(L, host)) return 3;
    struct client *client = push_empty(L, host);
    open_channel(L, client, &options, &start);
    if (lua_istable(L, 1) && lua_getfield(L, 1, "greeting") != LUA_TNIL) sw_set_greeting(L, "sidewire.new", client, -1);
    if (lua_istable(L, 1) && lua_getfield(L, 1, "on") == LUA_TTABLE) set_handlers(L, "sidewire.new", 2, -1);
    lua_settop(L, 2);
    return 1;
}

/* --- handlers --- */

static void set_wishes(lua_State *L, struct client *client, int client_index) {
    struct sw_wishes wishes;
    wishes.discard = lua_getiuservalue(L, client_index, SW_EVENT_MESSAGE + 1) == LUA_TBOOLEAN;
    wishes.wants_log = lua_getiuservalue(L, client_index, SW_EVENT_LOG + 1) != LUA_TNIL;
    wishes.wants_acked = lua_getiuservalue(L, client_index, SW_EVENT_ACKED + 1) != LUA_TNIL;
    lua_pop(L, 3);
    sw_channel_set_wishes(client->channel, wishes);
    client->discards = wishes.discard;
    if (!wishes.discard) return;
    sw_inflow_collect(L, client->host);
    sw_inflow_drop_messages(client);
}

/* Pops the handler (a function, nil, or false to discard messages) and sets it. */
static void set_handler(lua_State *L, int client_index, enum sw_event event) {
    struct client *client = lua_touserdata(L, client_index);
    bool had = lua_getiuservalue(L, client_index, (int)event + 1) != LUA_TNIL;
    lua_pop(L, 1);
    bool has = !lua_isnil(L, -1), is_handler = lua_toboolean(L, -1);
    lua_setiuservalue(L, client_index, (int)event + 1);
    if (had != has) client->handlers += has ? 1 : -1u;
    if (event == SW_EVENT_MESSAGE) client->has_message_handler = is_handler;
    if (event == SW_EVENT_MESSAGE || event == SW_EVENT_LOG || event == SW_EVENT_ACKED)
        set_wishes(L, client, client_index);
    sw_inflow_schedule(client);
    sw_client_anchor(L, client_index);
}

/*** Sets one handler, or several. nil takes a handler away; false for message discards messages as they come.
 * @function client:on
 * @tparam string|table event a name (connect, message, drain, acked, lost, disconnect, retry, error, log, close), or a
 * table of handlers by name
 * @tparam[opt] function|nil|false handler
 * @treturn[1] client
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: EFORKED
 * @raise unknown event, handler not callable
 */
static int client_on(lua_State *L) {
    if (sw_check_usable(L, 1) == NULL) return 3;
    if (lua_istable(L, 2)) {
        set_handlers(L, "client:on", 1, 2);
    } else {
        enum sw_event event = sw_check_event(L, "client:on", 2);
        lua_settop(L, 3);
        lua_pushfstring(L, "the handler of %s", sw_event_name(event));
        sw_check_handler(L, (struct sw_spot){"client:on", lua_tostring(L, 4)}, 3, event == SW_EVENT_MESSAGE);
        lua_pushvalue(L, 3);
        set_handler(L, 1, event);
    }
    lua_settop(L, 1);
    return 1;
}

/*** Sets what is sent first on every new connection, before anything that is queued or sent again: a login, a list of
 * subscriptions. It is framed as messages are, takes no ids and is never counted. What the current connection was
 * greeted with stays as it is.
 * @function client:set_greeting
 * @tparam string|table|nil greeting a message, a list of messages, or nil for none
 * @treturn[1] boolean true
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: ECLOSED, EFORKED
 * @raise not a string or a list of strings; a message that the framing cannot carry; more than queue_limit
 */
static int client_set_greeting(lua_State *L) {
    struct client *client = sw_check_usable(L, 1);
    if (client == NULL) return 3;
    luaL_checkany(L, 2);
    if (client->is_closed) return sw_push_closed(L, client->server);
    sw_set_greeting(L, "client:set_greeting", client, 2);
    lua_pushboolean(L, true);
    return 1;
}

/* --- closing --- */

void sw_client_close(struct client *client, double linger) {
    if (client->is_closed) return;
    client->is_closed = true;
    sw_host_note_linger(client->host, linger);
    sw_inflow_drop_messages(client);
    struct sw_view view;
    sw_channel_look(client->channel, &view);
    struct sw_command *command = sw_channel_command(client->channel, SW_CLOSE);
    command->linger = linger;
    bool heard = view.attached && sw_channel_order(client->channel, command, SW_STATE_CLOSED);
    if (!heard) sw_channel_close_here(client->channel);
    sw_inflow_schedule(client);
}

/*** Closes it for good: no event but lost and close comes any more. Idempotent; also __close and, when collected, __gc.
 * @function client:close
 * @tparam[opt] number linger seconds that flushing may take, in the background; the option's value if absent
 * @treturn[1] boolean true, at once
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: EFORKED
 * @raise invalid linger
 */
static int client_close(lua_State *L) {
    struct client *client = sw_check_usable(L, 1);
    if (client == NULL) return 3;
    double linger = client->channel->options->linger;
    if (!lua_isnoneornil(L, 2)) linger = sw_check_seconds(L, (struct sw_spot){"client:close", "linger"}, 2, 0);
    sw_client_close(client, linger);
    sw_client_anchor(L, 1);
    lua_pushboolean(L, true);
    return 1;
}

static int client_end_of_scope(lua_State *L) {
    lua_settop(L, 1); /* the second value is the error, if any */
    return client_close(L);
}

/* In the child of a fork the parent's threads are gone, and its locks may be held for ever: the socket is closed, so
 * that the peer sees the parent's end when that comes, and everything else is left as it is. */
static void leave_to_parent(struct sw_channel *channel) {
    int fd = atomic_exchange(&channel->fd, -1);
    if (fd >= 0) close(fd);
}

void sw_client_release(struct client *client) {
    struct sw_channel *channel = client->channel;
    sw_channel_silence(channel);
    sw_client_close(client, channel->options->linger);
    sw_inflow_unschedule(client);
    sw_inflow_drop(client);
    unlink_client(client);
    channel->owner = NULL;
    client->channel = NULL;
    sw_server_set(&client->server, NULL);
    sw_channel_unref(channel);
}

static int client_collect(lua_State *L) {
    struct client *client = check_type(L, 1); /* scripts may call it with anything */
    if (client->channel == NULL) return 0;
    if (!sw_engine_forked(client->host->engine)) {
        sw_client_release(client);
        return 0;
    }
    leave_to_parent(client->channel);
    client->channel = NULL;
    return 0;
}

static int client_tostring(lua_State *L) {
    const struct client *client = check_alive(L, 1, check_type(L, 1));
    const char *state = sw_engine_forked(client->host->engine) ? "forked" : sw_state_name(sw_client_state(client));
    const struct sw_server *server = client->server;
    if (server->host[0] == '\0')
        lua_pushfstring(L, CLIENT_TYPE ": %p %s", (void *)client, state);
    else
        lua_pushfstring(L, CLIENT_TYPE ": %p %s:%d %s", (void *)client, server->host, (int)server->port, state);
    return 1;
}

const luaL_Reg sw_client_functions[] = {
    {"new", new_client},
    {NULL, NULL},
};

const luaL_Reg sw_client_methods[] = {
    {"on", client_on},
    {"set_greeting", client_set_greeting},
    {"close", client_close},
    {NULL, NULL},
};

const luaL_Reg sw_client_metamethods[] = {
    {"__gc", client_collect},
    {"__close", client_end_of_scope},
    {"__tostring", client_tostring},
    {NULL, NULL},
};
