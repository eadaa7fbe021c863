#include <lauxlib.h>
#include <string.h>
#include <unistd.h>

#include "codec/codec.h"
#include "host/check.h"
#include "host/event.h"
#include "host/host.h"
#include "host/options.h"

/* --- finding --- */

static struct client *to_client(lua_State *L, int index) {
    struct client *client = lua_touserdata(L, index);
    if (client == NULL || !lua_getmetatable(L, index)) return NULL;
    bool is_one = lua_rawequal(L, -1, lua_upvalueindex(UPVALUE_CLIENT_META));
    lua_pop(L, 1);
    return is_one ? client : NULL;
}

struct client *sw_check_client(lua_State *L, int index) {
    struct client *client = to_client(L, index);
    if (client == NULL) luaL_typeerror(L, index, CLIENT_TYPE);
    if (client->channel == NULL) luaL_argerror(L, index, "this client was collected");
    return client;
}

static const char after_fork[] = "not usable after fork: make a new Lua state in the child";

struct client *sw_check_usable(lua_State *L, int index) {
    struct client *client = sw_check_client(L, index);
    if (!sw_engine_forked(client->host->engine)) return client;
    sw_push_refusal(L, SW_FORKED, after_fork);
    return NULL;
}

void sw_push_client(lua_State *L, const struct client *client) {
    lua_getiuservalue(L, lua_upvalueindex(UPVALUE_HOST), HOST_CLIENTS);
    lua_rawgetp(L, -1, client);
    lua_remove(L, -2);
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
    lua_getiuservalue(L, lua_upvalueindex(UPVALUE_HOST), HOST_CLIENTS);
    lua_pushvalue(L, -2);
    lua_rawsetp(L, -2, client);
    lua_pop(L, 1);
    return client;
}

static void open_channel(lua_State *L, struct client *client, const struct sw_options *options) {
    client->channel = sw_channel_new(client->host->engine, options);
    if (client->channel == NULL) luaL_error(L, "sidewire.new: not enough memory");
    client->channel->owner = client;
    client->server = options->server;
    client->reconnect = client->last_reconnect = options->reconnect;
    client->last_reconnect.enabled = true;
    link_client(client->host, client);
    if (options->linger > client->host->max_linger) client->host->max_linger = options->linger;
}

/*** Makes a client. Touches no network and starts no thread.
 * @function new
 * @tparam[opt] table options see the README's table; unknown names and values out of range raise
 * @treturn client
 * @raise misuse, not enough memory
 */
static int new_client(lua_State *L) {
    struct host *host = sw_host(L);
    struct sw_options options;
    lua_settop(L, 1);
    sw_options_read(L, 1, &options);
    if (host->is_closing) return luaL_error(L, "sidewire.new: this Lua state is closing");
    struct client *client = push_empty(L, host);
    open_channel(L, client, &options);
    if (lua_istable(L, 1) && lua_getfield(L, 1, "on") == LUA_TTABLE) set_handlers(L, "sidewire.new", 2, -1);
    lua_settop(L, 2);
    return 1;
}

/* --- handlers --- */

static void set_wishes(lua_State *L, struct client *client, int client_index) {
    bool discard = lua_getiuservalue(L, client_index, SW_EVENT_MESSAGE + 1) == LUA_TBOOLEAN;
    bool wants_log = lua_getiuservalue(L, client_index, SW_EVENT_LOG + 1) != LUA_TNIL;
    lua_pop(L, 2);
    sw_channel_set_wishes(client->channel, discard, wants_log);
    if (discard) sw_inflow_drop_messages(client);
}

/* Pops the handler (a function, nil, or false to discard messages) and sets it. */
static void set_handler(lua_State *L, int client_index, enum sw_event event) {
    struct client *client = lua_touserdata(L, client_index);
    bool had = lua_getiuservalue(L, client_index, event + 1) != LUA_TNIL;
    lua_pop(L, 1);
    bool has = !lua_isnil(L, -1), is_handler = lua_toboolean(L, -1);
    lua_setiuservalue(L, client_index, event + 1);
    if (had != has) client->handlers += has ? 1 : -1u;
    if (event == SW_EVENT_MESSAGE) client->has_message_handler = is_handler;
    if (event == SW_EVENT_MESSAGE || event == SW_EVENT_LOG) set_wishes(L, client, client_index);
    sw_inflow_schedule(client);
    sw_client_anchor(L, client_index);
}

/*** Sets one handler, or several. nil takes a handler away; false for message discards messages as they come.
 * @function client:on
 * @tparam string|table event a name (connect, message, drain, acked, lost, disconnect, retry, error, log, close), or a table
 *   of handlers by name
 * @tparam[opt] function|nil|false handler
 * @treturn client
 * @raise unknown event, handler not callable
 */
static int client_on(lua_State *L) {
    sw_check_client(L, 1);
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

/* --- commands --- */

static int push_no_memory(lua_State *L) {
    lua_pushnil(L);
    lua_pushliteral(L, "not enough memory");
    lua_pushliteral(L, "ENOMEM");
    return 3;
}

static int push_closed(lua_State *L) { return sw_push_refusal(L, SW_CLOSED, "this client is closed"); }

static enum sw_state state_of(const struct client *client) {
    struct sw_view view;
    sw_channel_look(client->channel, &view);
    return view.state;
}

/* What connect shows until the loop knows better. */
static enum sw_state first_state(const struct client *client) {
    bool numeric = sw_ip_kind(client->server.host, strlen(client->server.host)) != NULL;
    return numeric ? SW_STATE_CONNECTING : SW_STATE_RESOLVING;
}

static bool is_busy(enum sw_state state) {
    return state == SW_STATE_RESOLVING || state == SW_STATE_CONNECTING || state == SW_STATE_CONNECTED;
}

static bool same_server(const struct sw_server *a, const struct sw_server *b) {
    return a->port == b->port && strcmp(a->host, b->host) == 0;
}

/* Starts the loop if need be, and again if it ended under our hands. */
static struct sw_error order_connect(struct client *client, struct sw_command *command, enum sw_state state) {
    struct sw_error failed = sw_engine_start(client->host->engine);
    if (failed.err != SW_OK) {
        sw_commands_free(command);
        return failed;
    }
    if (sw_channel_order(client->channel, command, state)) return failed;
    failed = sw_engine_start(client->host->engine);
    if (failed.err == SW_OK) sw_channel_announce(client->channel);
    return failed;
}

static void read_server(lua_State *L, const char *where, int index, struct sw_server *server) {
    if (!lua_isnoneornil(L, index)) sw_check_host(L, (struct sw_spot){where, "host"}, index, server);
    if (!lua_isnoneornil(L, index + 1)) sw_check_port(L, (struct sw_spot){where, "port"}, index + 1, server);
    if (server->host[0] == '\0') luaL_error(L, "%s: no host: give one here or to sidewire.new", where);
    if (server->port == 0) luaL_error(L, "%s: no port: give one here or to sidewire.new", where);
}

/*** Connects, and keeps connecting as the reconnect policy says. The result is an event: connect, error or close.
 * @function client:connect
 * @tparam[opt] string host where to from now on
 * @tparam[opt] number port
 * @treturn[1] boolean true, at once
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: ECLOSED, EFORKED, ENOMEM, or what the system refused (EMFILE, EAGAIN)
 * @raise invalid or missing host or port
 */
static int client_connect(lua_State *L) {
    struct client *client = sw_check_usable(L, 1);
    if (client == NULL) return 3;
    struct sw_server server = client->server;
    read_server(L, "client:connect", 2, &server);
    if (client->is_closed) return push_closed(L);
    if (client->host->is_closing) return sw_push_refusal(L, SW_CLOSED, "this Lua state is closing");
    bool same = same_server(&server, &client->server);
    client->server = server;
    enum sw_state state = state_of(client);
    if (!(is_busy(state) && same)) {
        struct sw_command *command = sw_channel_command(client->channel, SW_CONNECT);
        if (command == NULL) return push_no_memory(L);
        command->server = server;
        command->policy = client->reconnect;
        struct sw_error failed = order_connect(client, command, first_state(client));
        if (failed.err != SW_OK) return sw_push_failure(L, &failed, "", &server);
        sw_client_anchor(L, 1);
    }
    lua_pushboolean(L, true);
    return 1;
}

/* A command that only matters to a loop that knows the client. False: no memory, nil, message and code are pushed. */
static bool order_if_attached(lua_State *L, struct client *client, const struct sw_command *model, enum sw_state state) {
    struct sw_view view;
    sw_channel_look(client->channel, &view);
    if (!view.attached) return true;
    struct sw_command *command = sw_channel_command(client->channel, model->verb);
    if (command == NULL) {
        push_no_memory(L);
        return false;
    }
    command->server = model->server;
    command->policy = model->policy;
    command->linger = model->linger;
    sw_channel_order(client->channel, command, state);
    return true;
}

/*** Flushes what was accepted so far, ends the connection and stops reconnecting. connect may be called again.
 * @function client:disconnect
 * @tparam[opt] number linger seconds that flushing may take; the option's value if absent
 * @treturn[1] boolean true, at once; a disconnect (or error) event follows
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: ECLOSED, EFORKED, ENOMEM
 */
static int client_disconnect(lua_State *L) {
    struct client *client = sw_check_usable(L, 1);
    if (client == NULL) return 3;
    double linger = client->channel->options.linger;
    if (!lua_isnoneornil(L, 2)) linger = sw_check_seconds(L, (struct sw_spot){"client:disconnect", "linger"}, 2, 0);
    if (client->is_closed) return push_closed(L);
    if (linger > client->host->max_linger) client->host->max_linger = linger;
    const struct sw_command model = {.verb = SW_DISCONNECT, .linger = linger};
    if (state_of(client) != SW_STATE_IDLE && !order_if_attached(L, client, &model, SW_STATE_CLOSING)) return 3;
    lua_pushboolean(L, true);
    return 1;
}

/*** Sets what happens after a failed attempt or a lost connection.
 * @function client:set_reconnect
 * @tparam boolean|number|table spec false; true (the last policy); seconds; { delay =, max =, factor =, jitter =, attempts = }
 * @treturn[1] boolean true
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: ECLOSED, EFORKED, ENOMEM
 * @raise invalid spec
 */
static int client_set_reconnect(lua_State *L) {
    struct client *client = sw_check_usable(L, 1);
    if (client == NULL) return 3;
    struct sw_command model = {.verb = SW_RECONNECT};
    lua_settop(L, 2);
    sw_check_reconnect(L, (struct sw_spot){"client:set_reconnect", "spec"}, 2, &client->last_reconnect, &model.policy);
    if (client->is_closed) return push_closed(L);
    if (!order_if_attached(L, client, &model, state_of(client))) return 3;
    client->reconnect = model.policy;
    if (model.policy.enabled) client->last_reconnect = model.policy;
    lua_pushboolean(L, true);
    return 1;
}

/*** The policy in force.
 * @function client:get_reconnect
 * @treturn boolean|table false, or { delay =, max =, factor =, jitter =, attempts = } (attempts nil: no limit)
 */
static int client_get_reconnect(lua_State *L) {
    sw_push_reconnect(L, &sw_check_client(L, 1)->reconnect);
    return 1;
}

/*** Sets where the next attempt goes.
 * @function client:set_server
 * @tparam string host
 * @tparam number port
 * @treturn[1] boolean true
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: ECLOSED, EFORKED, ENOMEM
 * @raise invalid host or port
 */
static int client_set_server(lua_State *L) {
    struct client *client = sw_check_usable(L, 1);
    if (client == NULL) return 3;
    struct sw_command model = {.verb = SW_SERVER};
    lua_settop(L, 3);
    sw_check_host(L, (struct sw_spot){"client:set_server", "host"}, 2, &model.server);
    sw_check_port(L, (struct sw_spot){"client:set_server", "port"}, 3, &model.server);
    if (client->is_closed) return push_closed(L);
    if (!order_if_attached(L, client, &model, state_of(client))) return 3;
    client->server = model.server;
    lua_pushboolean(L, true);
    return 1;
}

/*** The server that the next attempt goes to.
 * @function client:get_server
 * @treturn string|nil host
 * @treturn number|nil port
 */
static int client_get_server(lua_State *L) {
    const struct client *client = sw_check_client(L, 1);
    if (client->server.host[0] != '\0')
        lua_pushstring(L, client->server.host);
    else
        lua_pushnil(L);
    if (client->server.port != 0)
        lua_pushinteger(L, client->server.port);
    else
        lua_pushnil(L);
    return 2;
}

/* --- sending --- */

/* The framing's bytes and the script's pieces, as one message. */
enum { PIECES = 16 };

static int refuse_message(lua_State *L, const struct client *client, enum sw_err err) {
    const struct sw_options *options = &client->channel->options;
    switch (err) {
    case SW_CLOSED: return push_closed(L);
    case SW_FULL:
        lua_pushfstring(L, "queue full: queue_limit is %I bytes; send again after the drain event",
                        (LUAI_UACINT)options->queue_limit);
        break;
    case SW_TOOBIG:
        lua_pushfstring(L, "message too big for its length prefix or for queue_limit (%I bytes)",
                        (LUAI_UACINT)options->queue_limit);
        break;
    case SW_FRAME:
        lua_pushstring(L, options->framing.kind == SW_FRAMING_FIXED
                              ? "this framing carries messages of its fixed size only"
                              : "this framing cannot carry the message exactly (it is empty, holds the delimiter, or "
                                "joins with it)");
        break;
    default: return push_no_memory(L);
    }
    int sentence = lua_gettop(L);
    sw_push_refusal(L, err, lua_tostring(L, sentence));
    return 3;
}

static int accept(lua_State *L, const struct client *client, enum sw_err err, uint64_t id) {
    if (err != SW_OK) return refuse_message(L, client, err);
    lua_pushinteger(L, (lua_Integer)id);
    return 1;
}

static struct sw_slice check_piece(lua_State *L, int index, const char *where) {
    struct sw_slice piece;
    if (lua_type(L, index) != LUA_TSTRING && lua_type(L, index) != LUA_TNUMBER)
        sw_misuse(L, (struct sw_spot){where, "a message"}, index, "a string or a number");
    piece.data = lua_tolstring(L, index, &piece.size);
    return piece;
}

static uint32_t end_flags(const struct client *client) {
    return client->channel->options.framing.kind == SW_FRAMING_RAW ? SW_END_LOOSE : 0;
}

/* Many pieces become one first: a corner, and rightly the slower one. */
static void join_pieces(lua_State *L) {
    int last = lua_gettop(L);
    for (int index = 2; index <= last; index++) check_piece(L, index, "client:send");
    lua_concat(L, last - 1);
}

/*** Queues one message; never waits. Possible at any time before close, also without a connection.
 * @function client:send
 * @tparam string|number ... pieces, which form one message; the framing is added
 * @treturn[1] integer the message's id
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: EFULL (drain follows), ETOOBIG, EFRAME, ECLOSED, EFORKED, ENOMEM; nothing was queued
 * @raise a piece that is no string or number; no piece
 */
static int client_send(lua_State *L) {
    struct client *client = sw_check_usable(L, 1);
    if (client == NULL) return 3;
    if (lua_gettop(L) > PIECES + 1) join_pieces(L);
    int count = lua_gettop(L) - 1;
    if (count == 0) return luaL_error(L, "client:send: a message must be a string or a number, got no value");
    struct sw_slice pieces[PIECES + 2];
    for (int i = 1; i <= count; i++) pieces[i] = check_piece(L, i + 1, "client:send");
    struct sw_envelope envelope;
    uint64_t id = 0;
    enum sw_err failed = sw_encode(&client->channel->options.framing, pieces + 1, (size_t)count, &envelope);
    if (failed == SW_OK) {
        pieces[0] = (struct sw_slice){envelope.prefix, envelope.prefix_size};
        pieces[count + 1] = (struct sw_slice){envelope.suffix, envelope.suffix_size};
        failed = sw_channel_send(client->channel, pieces, (size_t)count + 2, end_flags(client), &id);
    }
    return accept(L, client, failed, id);
}

/*** Queues bytes as they are, without framing. Cut in the middle by a lost connection, they are reported lost, "unknown".
 * @function client:write
 * @tparam string bytes not empty
 * @treturn[1] integer an id, like a message's
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: EFULL (drain follows), ETOOBIG, EFRAME (no bytes), ECLOSED, EFORKED, ENOMEM
 */
static int client_write(lua_State *L) {
    struct client *client = sw_check_usable(L, 1);
    if (client == NULL) return 3;
    struct sw_slice bytes = check_piece(L, 2, "client:write");
    if (bytes.size == 0) return sw_push_refusal(L, SW_FRAME, "there are no bytes to write");
    uint64_t id = 0;
    enum sw_err failed = sw_channel_send(client->channel, &bytes, 1, SW_END_LOOSE, &id);
    return accept(L, client, failed, id);
}

static int client_confirm(lua_State *L) {
    sw_check_client(L, 1);
    return luaL_error(L, "client:confirm: retain = \"unconfirmed\" is not available in this version");
}

/* --- looking --- */

/*** The state at this moment: idle, resolving, connecting, connected, waiting, closing, closed.
 * @function client:state
 * @treturn string
 */
static int client_state(lua_State *L) {
    struct client *client = sw_check_usable(L, 1);
    if (client == NULL) return 3;
    lua_pushstring(L, sw_state_name(state_of(client)));
    return 1;
}

/*** Is it connected at this moment?
 * @function client:is_connected
 * @treturn boolean
 */
static int client_is_connected(lua_State *L) {
    struct client *client = sw_check_usable(L, 1);
    if (client == NULL) return 3;
    lua_pushboolean(L, state_of(client) == SW_STATE_CONNECTED);
    return 1;
}

/*** What counts against queue_limit: accepted and not yet handed to the kernel.
 * @function client:pending
 * @treturn integer bytes, framing included
 * @treturn integer messages
 */
static int client_pending(lua_State *L) {
    struct client *client = sw_check_usable(L, 1);
    if (client == NULL) return 3;
    struct sw_view view;
    sw_channel_look(client->channel, &view);
    lua_pushinteger(L, (lua_Integer)view.queue_bytes);
    lua_pushinteger(L, (lua_Integer)sw_view_queued(&view));
    return 2;
}

static void set_count(lua_State *L, const char *name, uint64_t count) {
    lua_pushinteger(L, (lua_Integer)count);
    lua_setfield(L, -2, name);
}

/*** Counters and gauges, in one consistent look: accepted = queued + in_flight + finished + lost, in messages.
 * @function client:stats
 * @treturn table state; accepted, queued, in_flight, finished, lost (of which lost_unsent, lost_unknown); queue_bytes,
 *   inbox_bytes, sent_bytes, received_bytes, received (messages delivered), connects, failures (in a row), paused (reading waits
 *   for poll)
 */
static int client_stats(lua_State *L) {
    struct client *client = sw_check_usable(L, 1);
    if (client == NULL) return 3;
    struct sw_view view;
    sw_channel_look(client->channel, &view);
    const struct sw_gauges *gauges = &view.gauges;
    lua_createtable(L, 0, 16);
    lua_pushstring(L, sw_state_name(view.state));
    lua_setfield(L, -2, "state");
    set_count(L, "accepted", view.accepted);
    set_count(L, "queued", sw_view_queued(&view));
    set_count(L, "in_flight", gauges->in_flight);
    set_count(L, "finished", gauges->finished);
    set_count(L, "lost", gauges->lost_unsent + gauges->lost_unknown);
    set_count(L, "lost_unsent", gauges->lost_unsent);
    set_count(L, "lost_unknown", gauges->lost_unknown);
    set_count(L, "queue_bytes", view.queue_bytes);
    set_count(L, "inbox_bytes", view.inbox_bytes);
    set_count(L, "sent_bytes", gauges->sent_bytes);
    set_count(L, "received_bytes", gauges->received_bytes);
    set_count(L, "received", client->passed);
    set_count(L, "connects", gauges->connects);
    set_count(L, "failures", gauges->failures);
    lua_pushboolean(L, view.paused);
    lua_setfield(L, -2, "paused");
    return 1;
}

static int client_tostring(lua_State *L) {
    const struct client *client = sw_check_client(L, 1);
    const char *state = sw_engine_forked(client->host->engine) ? "forked" : sw_state_name(state_of(client));
    const struct sw_server *server = &client->server;
    if (server->host[0] == '\0')
        lua_pushfstring(L, CLIENT_TYPE ": %p %s", (void *)client, state);
    else
        lua_pushfstring(L, CLIENT_TYPE ": %p %s:%d %s", (void *)client, server->host, (int)server->port, state);
    return 1;
}

/* --- closing --- */

void sw_client_close(struct client *client, double linger) {
    if (client->is_closed) return;
    client->is_closed = true;
    if (linger > client->host->max_linger) client->host->max_linger = linger;
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
 */
static int client_close(lua_State *L) {
    struct client *client = sw_check_usable(L, 1);
    if (client == NULL) return 3;
    double linger = client->channel->options.linger;
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

/* In the child of a fork the parent's threads are gone, and its locks may be held for ever: the socket is closed, so that the
 * peer sees the parent's end when that comes, and everything else is left as it is. */
static void leave_to_parent(struct sw_channel *channel) {
    int fd = atomic_exchange(&channel->fd, -1);
    if (fd >= 0) close(fd);
}

static int client_collect(lua_State *L) {
    struct client *client = lua_touserdata(L, 1);
    struct sw_channel *channel = client->channel;
    if (channel == NULL) return 0;
    if (sw_engine_forked(client->host->engine)) {
        leave_to_parent(channel);
    } else {
        sw_channel_silence(channel);
        sw_client_close(client, channel->options.linger);
        sw_inflow_unschedule(client);
        sw_inflow_drop(client);
        unlink_client(client);
        channel->owner = NULL;
        sw_channel_unref(channel);
    }
    client->channel = NULL;
    return 0;
}

const luaL_Reg sw_client_methods[] = {
    {"on", client_on},
    {"connect", client_connect},
    {"disconnect", client_disconnect},
    {"close", client_close},
    {"send", client_send},
    {"write", client_write},
    {"confirm", client_confirm},
    {"set_reconnect", client_set_reconnect},
    {"get_reconnect", client_get_reconnect},
    {"set_server", client_set_server},
    {"get_server", client_get_server},
    {"state", client_state},
    {"is_connected", client_is_connected},
    {"pending", client_pending},
    {"stats", client_stats},
    {NULL, NULL},
};

const luaL_Reg sw_client_metamethods[] = {
    {"__gc", client_collect},
    {"__close", client_end_of_scope},
    {"__tostring", client_tostring},
    {NULL, NULL},
};

const luaL_Reg sw_client_functions[] = {
    {"new", new_client},
    {NULL, NULL},
};
