#include <lauxlib.h>
#include <lua.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/tunables.h"
#include "channel/report.h"
#include "host/check.h"
#include "host/context.h"
#include "host/event.h"
#include "host/functions.h"
#include "host/handle.h"
#include "host/receiveq.h"
#include "host/undelivered.h"
#include "host/usable.h"
#include "host/waiting.h"

/* What a poll must not forget when a handler yields stands in its Lua stack, at these places. */
enum {
    AT_LEFT = 1,  /* events that may still be gone through */
    AT_DELIVERED, /* handlers called */
    AT_MAX,       /* handlers that may be called in all */
    AT_DEADLINE,  /* sw_clock, or nil */
    AT_ENGINE,    /* of the process that began it: light userdata */
    AT_ONLY,      /* the one client, or nil for all */
    AT_TOP = AT_ONLY,
    /* While a handler runs: */
    AT_CLIENT = AT_TOP + 1, /* stays for the next event, which often is the same client's */
    AT_EVENT,               /* its number, when there is on_error */
    AT_TRACEBACK,           /* the message handler, when there is on_error */
};

struct round {
    lua_Integer events, delivered, max;
    double deadline;
    const struct sw_engine *engine; /* another one than the context's: a handler forked, and this is the child */
    bool is_for_one;
    struct client *only; /* that one; NULL: it was collected by hand meanwhile */
    bool may_yield;
};

static void load(lua_State *L, struct round *round) {
    round->events = lua_tointeger(L, AT_LEFT);
    round->delivered = lua_tointeger(L, AT_DELIVERED);
    round->max = lua_tointeger(L, AT_MAX);
    round->deadline = lua_isnil(L, AT_DEADLINE) ? INFINITY : lua_tonumber(L, AT_DEADLINE);
    round->engine = lua_touserdata(L, AT_ENGINE);
    round->is_for_one = !lua_isnil(L, AT_ONLY);
    round->only = round->is_for_one ? sw_client_at(L, AT_ONLY) : NULL;
    round->may_yield = lua_isyieldable(L);
}

/* For a handler that yields; where none can, the C stack keeps it. */
static void save(lua_State *L, const struct round *round) {
    if (!round->may_yield) return;
    lua_pushinteger(L, round->events);
    lua_replace(L, AT_LEFT);
    lua_pushinteger(L, round->delivered);
    lua_replace(L, AT_DELIVERED);
}

static bool is_over(const struct round *round) {
    if (round->events <= 0 || round->delivered >= round->max) return true;
    /* A handler may take any time, so each is followed by a look; but a poll gets on, however short its time. */
    return round->deadline < INFINITY && round->delivered > 0 && sw_clock() >= round->deadline;
}

static struct client *next_client(const struct round *round, const struct context *context) {
    if (!round->is_for_one) return context->runnable.head;
    return round->only != NULL && round->only->list == &context->runnable ? round->only : NULL;
}

static int add_traceback(lua_State *L) {
    const char *text = lua_tostring(L, 1);
    if (text == NULL) text = luaL_tolstring(L, 1, NULL);
    luaL_traceback(L, L, text, 1);
    return 1;
}

static int go_on(lua_State *L, int status, lua_KContext subject);

/* The handler raised: its traceback is on top. An error in on_error leaves poll, and so does this one if the handler
 * took on_error away. */
static void tell_error(lua_State *L) {
    if (sw_push_context_value(L, CONTEXT_ON_ERROR) == LUA_TNIL) {
        lua_pop(L, 1);
        lua_error(L);
    }
    lua_insert(L, -2);
    lua_pushvalue(L, AT_CLIENT);
    lua_pushstring(L, sw_event_name((enum sw_event)lua_tointeger(L, AT_EVENT)));
    lua_callk(L, 3, 0, 0, go_on);
}

/* Has the client stand at AT_CLIENT, the top. */
static bool push_client(lua_State *L, struct client *client) {
    if (lua_gettop(L) >= AT_CLIENT && sw_client_at(L, AT_CLIENT) == client) return true;
    lua_settop(L, AT_TOP);
    return sw_push_client(L, client);
}

/* What an error in the handler of that event needs, below the handler. */
static void push_guard(lua_State *L, enum sw_event event) {
    lua_pushinteger(L, event);
    lua_pushcfunction(L, add_traceback);
}

/* Calls the handler that stands, with its arguments, on top; then AT_CLIENT is the top. Everything that poll needs
 * afterwards is in its Lua stack. */
static void call(lua_State *L, bool is_guarded, int arguments) {
    if (!is_guarded) {
        lua_callk(L, arguments, 0, 0, go_on);
        return;
    }
    if (lua_pcallk(L, arguments, 0, AT_TRACEBACK, 0, go_on) != LUA_OK) tell_error(L);
    lua_settop(L, AT_CLIENT);
}

/* Goes through one event of the client, whose turn it is. */
static void deliver_one(lua_State *L, const struct context *context, struct client *client, struct round *round) {
    struct sw_undelivered undelivered;
    bool is_guarded = context->has_on_error; /* a finalizer may change it */
    if (!push_client(L, client)) return;
    round->events--;
    if (!sw_undelivered_look(client, sw_client_hears(client, SW_EVENT_MESSAGE), &undelivered)) return;
    if (is_guarded) push_guard(L, undelivered.event);
    /* The handler in force now: a finalizer that takes it away while the event is pushed does so for the next. */
    bool has_handler = lua_getiuservalue(L, AT_CLIENT, (int)undelivered.event + 1) != LUA_TNIL;
    lua_pushvalue(L, AT_CLIENT);
    int count = sw_undelivered_take(L, client, &undelivered);
    /* Before the handler runs, which may not come back. */
    if (sw_receiveq_work(client) == 0) sw_undelivered_leave(L, AT_CLIENT, client);
    if (has_handler && count >= 0 && sw_undelivered_is_wanted(client, undelivered.event)) {
        round->delivered++;
        save(L, round);
        sw_receiveq_count_turn(client);
        call(L, is_guarded, count + 1);
    } else {
        lua_settop(L, AT_CLIENT);
    }
}

static int finish(lua_State *L, struct context *context, const struct round *round) {
    for (struct client *client = context->runnable.head; client != NULL; client = client->list_next)
        sw_receiveq_post_credit(client);
    sw_receiveq_take_all(L, context); /* what came meanwhile can be delivered now, though not by this poll */
    context->depth--;
    lua_pushinteger(L, round->delivered);
    lua_pushboolean(L, next_client(round, context) != NULL);
    return 2;
}

/* In the child the poll ends with the handler that forked: what it had still to deliver is the parent's. */
static int deliver(lua_State *L, struct context *context) {
    struct round round;
    unsigned depth = context->depth;
    load(L, &round);
    while (context->engine == round.engine && !is_over(&round)) {
        struct client *client = next_client(&round, context);
        if (client == NULL) break;
        deliver_one(L, context, client, &round);
        context->depth = depth; /* polls that an error in a coroutine of the handler's left */
        if (sw_context_refuses(L, context)) return 3;
    }
    int values = finish(L, context, &round);
    return round.is_for_one && context->engine != round.engine ? sw_push_forked(L) : values;
}

/* A handler, or on_error, comes back after a yield. */
static int go_on(lua_State *L, int status, lua_KContext subject) {
    (void)subject;
    struct context *context = sw_context(L);
    if (sw_context_refuses(L, context)) return 3;
    if (status != LUA_YIELD && status != LUA_OK) tell_error(L);
    lua_settop(L, AT_TOP);
    return deliver(L, context);
}

static lua_Integer count_work(lua_State *L, const struct context *context) {
    uint64_t work = 0;
    if (!lua_isnil(L, AT_ONLY)) {
        work = sw_receiveq_work(sw_client_at(L, AT_ONLY));
    } else {
        for (const struct client *client = context->runnable.head; client != NULL; client = client->list_next)
            work += sw_receiveq_work(client);
    }
    return work < LUA_MAXINTEGER ? (lua_Integer)work : LUA_MAXINTEGER;
}

/* How many polls stand in the stack of that thread, which may be the running one. */
static unsigned count_in(lua_State *thread) {
    lua_Debug frame;
    unsigned polls = 0;
    if (!lua_checkstack(thread, 1)) return 0;
    for (int level = 0; lua_getstack(thread, level, &frame); level++) {
        lua_getinfo(thread, "f", &frame);
        lua_CFunction function = lua_tocfunction(thread, -1);
        if (function == sw_module_poll || function == sw_method_poll) polls++;
        lua_pop(thread, 1);
    }
    return polls;
}

/* How many polls are really active below this one: those that an error or a yield left have not counted down. Of the
 * threads that ever polled, these are running or have resumed another; the others yielded, failed or ended. */
static unsigned count_polls(lua_State *L) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
    unsigned polls = count_in(lua_tothread(L, -1));
    sw_push_context_value(L, CONTEXT_THREADS);
    for (lua_pushnil(L); lua_next(L, -2) != 0; lua_pop(L, 1))
        if (lua_status(lua_tothread(L, -2)) == LUA_OK) polls += count_in(lua_tothread(L, -2));
    lua_pop(L, 2);
    return polls - 1; /* this one */
}

/* So that count_polls knows it. */
static void note_thread(lua_State *L) {
    if (lua_pushthread(L) == 0) {
        sw_push_context_value(L, CONTEXT_THREADS);
        lua_insert(L, -2);
        lua_pushboolean(L, true);
        lua_rawset(L, -3);
    }
    lua_pop(L, 1);
}

/* A poll that did nothing instead would be called again and again, in vain. */
static void check_depth(lua_State *L, struct context *context, const char *where) {
    if (context->depth < SW_DEPTH_MAX) return;
    note_thread(L);
    context->depth = count_polls(L);
    if (context->depth < SW_DEPTH_MAX) return;
    luaL_error(L,
               "%s: too many polls within handlers of polls, %d at most: a handler that waits for an answer should "
               "return, and another handler take it",
               where, SW_DEPTH_MAX);
}

/* The arguments stand at first and first + 1. */
static void read_limits(lua_State *L, const char *where, int first, lua_Integer *max, double *deadline) {
    *max = LUA_MAXINTEGER;
    *deadline = -1;
    if (lua_gettop(L) < first) return;
    if (!lua_isnoneornil(L, first))
        *max = sw_check_integer(L, (struct sw_spot){where, "max_events"}, first, 0, LUA_MAXINTEGER);
    if (!lua_isnoneornil(L, first + 1))
        *deadline = sw_clock() + sw_check_seconds(L, (struct sw_spot){where, "max_seconds"}, first + 1);
}

/* Makes the stack what the places AT_... say; the events are still to be counted. */
static void lay_out(lua_State *L, const struct context *context, lua_Integer max, double deadline, int only) {
    if (only != 0)
        lua_pushvalue(L, only);
    else
        lua_pushnil(L);
    lua_insert(L, 1);
    lua_settop(L, 1);
    lua_pushinteger(L, 0); /* AT_LEFT */
    lua_pushinteger(L, 0); /* AT_DELIVERED */
    lua_pushinteger(L, max);
    if (deadline >= 0)
        lua_pushnumber(L, deadline);
    else
        lua_pushnil(L);
    lua_pushlightuserdata(L, context->engine);
    lua_rotate(L, 1, -1); /* the client, or nil, to AT_ONLY */
}

/* only: index of the client, or 0 for all. */
static int poll(lua_State *L, struct context *context, lua_Integer max, double deadline, int only) {
    bool has_work = context->runnable.head != NULL;
    context->taking = SW_TAKES_BY_POLL;
    sw_wait_leave(context); /* an error left it, or this runs in a finalizer within it */
    check_depth(L, context, only != 0 ? "client:poll" : "sidewire.poll");
    if (!has_work) {
        lua_pushinteger(L, 0);
        lua_pushboolean(L, false);
        return 2;
    }
    note_thread(L);
    lay_out(L, context, max, deadline, only);
    lua_pushinteger(L, count_work(L, context));
    lua_replace(L, AT_LEFT);
    context->depth++;
    return deliver(L, context);
}

/***
 * @module sidewire.core
 */

/*** Runs the handlers of what came in, for all clients; never waits. Delivers what was there when it began, clients
 * taking turns, or less if a limit says so. An error in a handler leaves poll, unless on_error is set; nothing is lost
 * by it. When a handler forks, poll ends with it in the child, and goes on in the parent.
 * @function poll
 * @tparam[opt] integer max_events handlers to call at most
 * @tparam[opt] number max_seconds time after which no further handler is called (one is, if there is anything)
 * @treturn[1] integer handlers called
 * @treturn[1] boolean true if more can be delivered now
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: ECLOSED (the Lua state is closing), ENOMEM (in the child of a fork)
 * @raise invalid max_events or max_seconds; what a handler raises, unless on_error is set; more than 16 polls, each
 * within a handler that another one runs
 */
int sw_module_poll(lua_State *L) {
    struct context *context = sw_context(L);
    lua_Integer max;
    double deadline;
    if (sw_context_refuses(L, context)) return 3;
    read_limits(L, "sidewire.poll", 1, &max, &deadline);
    sw_receiveq_take_all(L, context);
    return poll(L, context, max, deadline, 0);
}

/*** Like sidewire.poll, for this client only.
 * @function client:poll
 * @tparam[opt] integer max_events handlers to call at most
 * @tparam[opt] number max_seconds time after which no further handler is called
 * @treturn[1] integer handlers called
 * @treturn[1] boolean true if more can be delivered now
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: EFORKED
 * @raise as sidewire.poll
 */
int sw_method_poll(lua_State *L) {
    struct client *client = sw_check_usable(L, 1);
    lua_Integer max;
    double deadline;
    if (client == NULL) return 3;
    read_limits(L, "client:poll", 2, &max, &deadline);
    sw_receiveq_take_all(L, client->context);
    return poll(L, client->context, max, deadline, 1);
}

/*** Sets what is called when a handler raises: polling goes on then.
 * @function on_error
 * @tparam function|nil fn gets traceback, client, event name; an error in it leaves poll
 * @raise fn cannot be called
 */
int sw_module_on_error(lua_State *L) {
    struct context *context = sw_context(L);
    lua_settop(L, 1);
    sw_check_handler(L, (struct sw_spot){"sidewire.on_error", "fn"}, 1, false);
    context->has_on_error = !lua_isnil(L, 1);
    lua_setiuservalue(L, lua_upvalueindex(UPVALUE_CONTEXT), CONTEXT_ON_ERROR); /* checked by sw_host */
    return 0;
}
