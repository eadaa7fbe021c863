#include <lauxlib.h>
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "host/check.h"
#include "host/event.h"
#include "host/host.h"

enum {
    TURN = 32,        /* records for one client before the next has its turn */
    DEPTH_MAX = 16,   /* polls within handlers of polls */
    CLOCK_EVERY = 16, /* records between looks at the clock, when max_seconds is given */
};

/* --- one record --- */

/* Pushes the values of the next record of the client at index, without consuming it; *event is what it is. Returns how many, or -1
 * when there was none or a finalizer took it. With in_order, messages and reports come as they came in; else reports only. */
static int push_next(lua_State *L, struct client *client, bool in_order, enum sw_event *event) {
    const struct sw_report *report = sw_inflow_report(client, in_order);
    if (report == NULL) {
        if (!in_order || sw_inflow_messages(client) == 0) return -1;
        *event = SW_EVENT_MESSAGE;
        return sw_inflow_push_message(L, client) ? 1 : -1;
    }
    const struct sw_report copy = *report; /* pushing may run finalizers, and these may poll */
    uint64_t serial = client->serial;
    int count;
    if (copy.lost_unknown.first != 0 || copy.lost_unsent.first != 0) {
        bool unknown = copy.lost_unknown.first != 0;
        *event = SW_EVENT_LOST;
        count = sw_push_loss(L, unknown ? copy.lost_unknown : copy.lost_unsent, unknown ? "unknown" : "unsent");
    } else {
        *event = copy.event;
        count = sw_push_report(L, &copy, &client->server);
    }
    if (client->serial == serial) return count;
    lua_pop(L, count);
    return -1;
}

/* Consumes what push_next pushed. */
static void pass(struct client *client, enum sw_event event) {
    if (event == SW_EVENT_MESSAGE) {
        sw_inflow_pass_message(client);
        return;
    }
    if (event == SW_EVENT_CLOSE) client->is_over = true;
    if (event != SW_EVENT_LOST) {
        sw_inflow_pass_report(client);
        return;
    }
    struct sw_report *report = client->reports;
    struct sw_loss *loss = report->lost_unknown.first != 0 ? &report->lost_unknown : &report->lost_unsent;
    loss->first = 0;
    client->serial++;
}

/* After close() nothing but losses and the close itself is told. */
static bool is_wanted(const struct client *client, enum sw_event event) {
    return !client->is_closed || event == SW_EVENT_LOST || event == SW_EVENT_CLOSE;
}

/* The client at the stack's top has nothing more for poll. */
static void leave(lua_State *L, struct client *client) {
    sw_inflow_settle(client);
    sw_inflow_schedule(client);
    sw_client_anchor(L, -1);
}

/* --- poll --- */

/* What a poll must not forget when a handler yields stands in its Lua stack, at these places. */
enum {
    AT_RECORDS = 1, /* records that may still be gone through */
    AT_DELIVERED,   /* handlers called */
    AT_MAX,         /* handlers that may be called in all */
    AT_DEADLINE,    /* sw_clock, or nil */
    AT_ONLY,        /* the one client, or nil for all */
    AT_TOP = AT_ONLY,
    /* While a handler runs: */
    AT_CLIENT = AT_TOP + 1,
    AT_EVENT,     /* its name */
    AT_TRACEBACK, /* the message handler, when there is on_error */
};

struct round {
    lua_Integer records, delivered, max;
    double deadline;
};

static void load(lua_State *L, struct round *round) {
    round->records = lua_tointeger(L, AT_RECORDS);
    round->delivered = lua_tointeger(L, AT_DELIVERED);
    round->max = lua_tointeger(L, AT_MAX);
    round->deadline = lua_isnil(L, AT_DEADLINE) ? INFINITY : lua_tonumber(L, AT_DEADLINE);
}

static void save(lua_State *L, const struct round *round) {
    lua_pushinteger(L, round->records);
    lua_replace(L, AT_RECORDS);
    lua_pushinteger(L, round->delivered);
    lua_replace(L, AT_DELIVERED);
}

static bool is_over(const struct round *round) {
    if (round->records <= 0 || round->delivered >= round->max) return true;
    return round->deadline < INFINITY && round->records % CLOCK_EVERY == 0 && sw_clock() >= round->deadline;
}

static struct client *next_client(lua_State *L, const struct host *host) {
    if (lua_isnil(L, AT_ONLY)) return host->runnable.head;
    struct client *only = lua_touserdata(L, AT_ONLY);
    return only->is_runnable ? only : NULL;
}

static int add_traceback(lua_State *L) {
    const char *text = lua_tostring(L, 1);
    if (text == NULL) text = luaL_tolstring(L, 1, NULL);
    luaL_traceback(L, L, text, 1);
    return 1;
}

static int go_on(lua_State *L, int status, lua_KContext context);

/* The handler raised: its traceback is on top. An error in on_error leaves poll. */
static void tell_error(lua_State *L) {
    lua_getiuservalue(L, lua_upvalueindex(UPVALUE_HOST), HOST_ON_ERROR);
    lua_insert(L, -2);
    lua_pushvalue(L, AT_CLIENT);
    lua_pushvalue(L, AT_EVENT);
    lua_callk(L, 3, 0, 0, go_on);
}

/* Calls the handler that stands, with its arguments, on top. Everything that poll needs afterwards is in its Lua stack. */
static void call(lua_State *L, const struct host *host, int arguments) {
    if (!host->has_on_error)
        lua_callk(L, arguments, 0, 0, go_on);
    else if (lua_pcallk(L, arguments, 0, AT_TRACEBACK, 0, go_on) != LUA_OK)
        tell_error(L);
}

/* Goes through one record of the client, whose turn it is. */
static void deliver_one(lua_State *L, struct host *host, struct client *client, struct round *round) {
    sw_push_client(L, client);
    enum sw_event event;
    round->records--;
    lua_pushnil(L); /* AT_EVENT */
    lua_pushnil(L); /* AT_TRACEBACK */
    lua_pushnil(L); /* the handler */
    lua_pushvalue(L, AT_CLIENT);
    int count = push_next(L, client, client->has_message_handler, &event);
    if (count >= 0) {
        pass(client, event);
        bool called = is_wanted(client, event) && lua_getiuservalue(L, AT_CLIENT, event + 1) != LUA_TNIL;
        if (called) {
            lua_replace(L, AT_TRACEBACK + 1);
            lua_pushstring(L, sw_event_name(event));
            lua_replace(L, AT_EVENT);
            if (host->has_on_error) {
                lua_pushcfunction(L, add_traceback);
                lua_replace(L, AT_TRACEBACK);
            }
            round->delivered++;
            save(L, round);
            if (++client->turn >= TURN && client->is_runnable) sw_inflow_rotate(client);
            call(L, host, count + 1);
        }
    }
    lua_settop(L, AT_CLIENT);
    /* The handler may have closed or even finished the client; it is on the stack, so it is there. */
    if (client->channel != NULL && sw_inflow_work(client) == 0) leave(L, client);
    lua_settop(L, AT_TOP);
}

static int finish(lua_State *L, struct host *host, const struct round *round) {
    for (struct client *client = host->runnable.head; client != NULL; client = client->run_next)
        sw_inflow_settle(client);
    host->depth--;
    lua_pushinteger(L, round->delivered);
    lua_pushboolean(L, next_client(L, host) != NULL);
    return 2;
}

static int deliver(lua_State *L, struct host *host) {
    struct round round;
    unsigned depth = host->depth;
    load(L, &round);
    while (!is_over(&round)) {
        struct client *client = next_client(L, host);
        if (client == NULL) break;
        deliver_one(L, host, client, &round);
        host->depth = depth; /* polls that an error in a coroutine of the handler's left */
    }
    return finish(L, host, &round);
}

/* A handler, or on_error, comes back after a yield. */
static int go_on(lua_State *L, int status, lua_KContext context) {
    (void)context;
    struct host *host = sw_host(L);
    if (status != LUA_YIELD && status != LUA_OK) tell_error(L);
    struct client *client = lua_touserdata(L, AT_CLIENT);
    lua_settop(L, AT_CLIENT);
    if (client->channel != NULL && sw_inflow_work(client) == 0) leave(L, client);
    lua_settop(L, AT_TOP);
    return deliver(L, host);
}

static lua_Integer count_work(lua_State *L, const struct host *host) {
    uint64_t work = 0;
    if (!lua_isnil(L, AT_ONLY)) {
        work = sw_inflow_work(lua_touserdata(L, AT_ONLY));
    } else {
        for (const struct client *client = host->runnable.head; client != NULL; client = client->run_next)
            work += sw_inflow_work(client);
    }
    return work < LUA_MAXINTEGER ? (lua_Integer)work : LUA_MAXINTEGER;
}

/* How many polls are really active below this one: errors that left a poll have not counted down. */
static unsigned count_polls(lua_State *L) {
    lua_Debug frame;
    unsigned polls = 0;
    lua_getstack(L, 0, &frame);
    lua_getinfo(L, "f", &frame);
    for (int level = 1; lua_getstack(L, level, &frame); level++) {
        lua_getinfo(L, "f", &frame);
        if (lua_rawequal(L, -1, -2)) polls++;
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return polls;
}

static bool is_too_deep(lua_State *L, struct host *host) {
    if (host->depth < DEPTH_MAX) return false;
    host->depth = count_polls(L);
    return host->depth >= DEPTH_MAX;
}

/* The arguments stand at first and first + 1. */
static void read_limits(lua_State *L, const char *where, int first, lua_Integer *max, double *deadline) {
    *max = LUA_MAXINTEGER;
    *deadline = -1;
    if (!lua_isnoneornil(L, first))
        *max = sw_check_integer(L, (struct sw_spot){where, "max_events"}, first, 0, LUA_MAXINTEGER);
    if (!lua_isnoneornil(L, first + 1))
        *deadline = sw_clock() + sw_check_seconds(L, (struct sw_spot){where, "max_seconds"}, first + 1, 0);
}

/* only: index of the client, or 0 for all. */
static int poll(lua_State *L, struct host *host, lua_Integer max, double deadline, int only) {
    bool too_deep = is_too_deep(L, host);
    bool has_work = host->runnable.head != NULL;
    if (too_deep || !has_work) {
        lua_pushinteger(L, 0);
        lua_pushboolean(L, too_deep);
        return 2;
    }
    if (only != 0)
        lua_pushvalue(L, only);
    else
        lua_pushnil(L);
    lua_insert(L, 1);
    lua_settop(L, 1);
    lua_pushinteger(L, 0);
    lua_pushinteger(L, 0);
    lua_pushinteger(L, max);
    if (deadline >= 0)
        lua_pushnumber(L, deadline);
    else
        lua_pushnil(L);
    lua_pushvalue(L, 1);
    lua_remove(L, 1);
    lua_pushinteger(L, count_work(L, host));
    lua_replace(L, AT_RECORDS);
    host->depth++;
    return deliver(L, host);
}

static bool is_forked(lua_State *L, const struct host *host) {
    if (!sw_engine_forked(host->engine)) return false;
    sw_push_refusal(L, SW_FORKED, "not usable after fork: make a new Lua state in the child");
    return true;
}

/*** Runs the handlers of what came in, for all clients; never waits. Delivers what was there when it began, clients
 * taking turns, or less if a limit says so. An error in a handler leaves poll, unless on_error is set; nothing is lost by it.
 * @function poll
 * @tparam[opt] integer max_events handlers to call at most
 * @tparam[opt] number max_seconds time after which no further handler is called
 * @treturn integer handlers called
 * @treturn boolean true if more can be delivered now
 */
static int poll_all(lua_State *L) {
    struct host *host = sw_host(L);
    lua_Integer max;
    double deadline;
    if (is_forked(L, host)) return 3;
    read_limits(L, "sidewire.poll", 1, &max, &deadline);
    sw_inflow_collect(host);
    return poll(L, host, max, deadline, 0);
}

/*** Like sidewire.poll, for this client only.
 * @function client:poll
 * @tparam[opt] integer max_events
 * @tparam[opt] number max_seconds
 * @treturn integer handlers called
 * @treturn boolean true if more can be delivered now
 */
static int poll_client(lua_State *L) {
    struct client *client = sw_check_usable(L, 1);
    lua_Integer max;
    double deadline;
    if (client == NULL) return 3;
    read_limits(L, "client:poll", 2, &max, &deadline);
    sw_inflow_collect(client->host);
    return poll(L, client->host, max, deadline, 1);
}

/*** Sets what is called when a handler raises: polling goes on then.
 * @function on_error
 * @tparam function|nil fn gets traceback, client, event name; an error in it leaves poll
 */
static int set_on_error(lua_State *L) {
    struct host *host = sw_host(L);
    lua_settop(L, 1);
    sw_check_handler(L, (struct sw_spot){"sidewire.on_error", "fn"}, 1, false);
    host->has_on_error = !lua_isnil(L, 1);
    lua_setiuservalue(L, lua_upvalueindex(UPVALUE_HOST), HOST_ON_ERROR);
    return 0;
}

/* --- events(): the same queue without handlers --- */

static bool has_next(const struct client *client) {
    return sw_inflow_messages(client) > 0 || client->report_count > 0;
}

/* Clients in an order that gives each its turn; those without a message handler are not in the runnable list. */
static struct client *next_with_something(struct host *host) {
    if (host->runnable.head != NULL) return host->runnable.head;
    struct client *client = host->clients;
    while (client != NULL && !has_next(client)) client = client->next;
    return client;
}

static int next_event(lua_State *L) {
    struct host *host = sw_host(L);
    if (is_forked(L, host)) return 3;
    lua_settop(L, 0);
    for (struct client *client; (client = next_with_something(host)) != NULL;) {
        enum sw_event event;
        lua_settop(L, 0);
        sw_push_client(L, client);
        lua_pushnil(L);
        int count = push_next(L, client, true, &event);
        if (count < 0) continue;
        pass(client, event);
        bool wanted = is_wanted(client, event);
        lua_pushstring(L, sw_event_name(event));
        lua_replace(L, 2);
        if (++client->turn >= TURN && client->is_runnable) sw_inflow_rotate(client);
        if (!has_next(client)) {
            lua_pushvalue(L, 1);
            leave(L, client);
            lua_pop(L, 1);
        }
        if (wanted) return count + 2;
    }
    return 0;
}

/*** Iterates over what came in, for all clients, instead of handlers: client, event name, and the handler's arguments. Ends
 * when nothing is left; never waits.
 * @function events
 * @treturn function iterator
 */
static int events(lua_State *L) {
    struct host *host = sw_host(L);
    if (is_forked(L, host)) return 3;
    sw_inflow_collect(host);
    for (int upvalue = 1; upvalue <= UPVALUES; upvalue++) lua_pushvalue(L, lua_upvalueindex(upvalue));
    lua_pushcclosure(L, next_event, UPVALUES);
    return 1;
}

const luaL_Reg sw_poll_functions[] = {
    {"poll", poll_all},
    {"events", events},
    {"on_error", set_on_error},
    {NULL, NULL},
};

const luaL_Reg sw_poll_methods[] = {
    {"poll", poll_client},
    {NULL, NULL},
};
