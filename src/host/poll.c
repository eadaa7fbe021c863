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
#include "host/luacompat.h"
#include "host/raise.h"
#include "host/receiveq.h"
#include "host/undelivered.h"
#include "host/usable.h"
#include "host/userdata.h"
#include "host/waiting.h"

/* Stack indices of a poll. Its state is on the Lua stack, where it survives when a handler yields. */
enum {
    AT_END = 1,   /* this poll is over when so many events have been consumed: see count_consumed */
    AT_DELIVERED, /* number of handlers called */
    AT_MAX,       /* number of handlers that may be called in all */
    AT_DEADLINE,  /* time of sw_clock, or nil */
    AT_ENGINE,    /* light userdata: the context's engine when the poll began */
    AT_ONLY,      /* handle of the only client to poll, or nil for all clients */
    AT_TOP = AT_ONLY,
    AT_CLIENT = AT_TOP + 1, /* handle of the event's client; often the next event is of the same client */
    AT_EVENT,               /* number of the event; only with on_error */
    AT_TRACEBACK,           /* message handler of lua_pcallk; only with on_error */
};

/* The state of a poll in C, while no handler runs. */
struct round {
    int64_t end, delivered, max;    /* as at AT_END, AT_DELIVERED, AT_MAX */
    double deadline;                /* time of sw_clock; INFINITY: none */
    const struct sw_engine *engine; /* if the context has another one, a handler has forked: this is the child */
    bool is_for_one;                /* client:poll */
    struct client *only;            /* for client:poll; NULL: a handler has retired the client by its __gc */
    bool may_yield;                 /* handlers can yield */
};

static void load(lua_State *L, struct round *round) {
    round->end = sw_to_integer(L, AT_END, NULL);
    round->delivered = sw_to_integer(L, AT_DELIVERED, NULL);
    round->max = sw_to_integer(L, AT_MAX, NULL);
    round->deadline = lua_isnil(L, AT_DEADLINE) ? INFINITY : lua_tonumber(L, AT_DEADLINE);
    round->engine = lua_touserdata(L, AT_ENGINE);
    round->is_for_one = !lua_isnil(L, AT_ONLY);
    round->only = round->is_for_one ? sw_client_at(L, AT_ONLY) : NULL;
    round->may_yield = SW_CAN_YIELD(L);
}

/* Stores the count on the Lua stack if a handler can yield. Else struct round stays on the C stack. */
static void save(lua_State *L, const struct round *round) {
    if (!round->may_yield) return;
    sw_push_integer(L, round->delivered);
    lua_replace(L, AT_DELIVERED);
}

/* The number of events consumed so far: by all polls, or of the client of a client:poll. A poll ends when the events
 * that were there when it began are consumed, whether by itself or by polls in its handlers. So it ends also while a
 * peer sends without a pause and each handler polls. */
static int64_t count_consumed(const struct round *round, const struct context *context) {
    if (!round->is_for_one) return (int64_t)context->polled;
    return round->only != NULL ? (int64_t)round->only->serial : INT64_MAX;
}

static bool is_over(const struct round *round, const struct context *context) {
    if (count_consumed(round, context) >= round->end || round->delivered >= round->max) return true;
    /* The deadline is checked after each handler, because a handler can take any time. One handler always runs, so that
     * a script with very short times makes progress. */
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

static int continue_poll(lua_State *L, int status, lua_KContext subject);

/* Calls on_error for a handler that has raised; the traceback is on top. If the handler has removed on_error, raises
 * the traceback from poll. An error in on_error also leaves poll. */
static void call_on_error(lua_State *L) {
    if (sw_push_context_value(L, CONTEXT_ON_ERROR) == LUA_TNIL) {
        lua_pop(L, 1);
        lua_error(L);
    }
    lua_insert(L, -2);
    lua_pushvalue(L, AT_CLIENT);
    lua_pushstring(L, sw_event_name((enum sw_event)sw_to_integer(L, AT_EVENT, NULL)));
    sw_callk(L, 3, 0, continue_poll);
}

/* Puts the client's handle at AT_CLIENT, which is then the top. False: Lua is collecting it. */
static bool push_client(lua_State *L, struct client *client) {
    if (lua_gettop(L) >= AT_CLIENT && sw_client_at(L, AT_CLIENT) == client) return true;
    lua_settop(L, AT_TOP);
    return sw_push_client(L, client);
}

/* Pushes what call_on_error needs, below the handler. */
static void push_error_state(lua_State *L, enum sw_event event) {
    sw_push_integer(L, event);
    lua_pushcfunction(L, add_traceback);
}

/* Calls the handler, which is on top with its arguments. Afterwards AT_CLIENT is the top. If the handler yields, this
 * does not return: Lua calls continue_poll. */
static void call_handler(lua_State *L, bool is_protected, int arguments) {
    if (!is_protected) {
        sw_callk(L, arguments, 0, continue_poll);
        return;
    }
    if (sw_pcallk(L, arguments, 0, AT_TRACEBACK, continue_poll) != LUA_OK) call_on_error(L);
    lua_settop(L, AT_CLIENT);
}

/* Consumes one event of the client, and calls its handler if there is one. */
static void deliver_one(lua_State *L, struct context *context, struct client *client, struct round *round) {
    struct sw_undelivered undelivered;
    bool is_protected = context->has_on_error; /* a finalizer may change has_on_error meanwhile */
    context->polled++;
    if (!push_client(L, client)) return;
    if (!sw_undelivered_peek(client, sw_client_has_handler(client, SW_EVENT_MESSAGE), &undelivered)) return;
    if (is_protected) push_error_state(L, undelivered.event);
    /* The handler is read before the arguments are pushed. If a finalizer removes it meanwhile, it is still called
     * once. */
    bool has_handler = lua_getiuservalue(L, AT_CLIENT, (int)undelivered.event + 1) != LUA_TNIL;
    lua_pushvalue(L, AT_CLIENT);
    int count = sw_undelivered_take(L, client, &undelivered);
    /* This comes before the handler, which may raise or never return from a yield. */
    if (sw_receiveq_count_events(client) == 0) sw_undelivered_finish(L, AT_CLIENT, client);
    if (has_handler && count >= 0 && sw_undelivered_is_wanted(client, undelivered.event)) {
        round->delivered++;
        save(L, round);
        sw_receiveq_count_turn(client);
        call_handler(L, is_protected, count + 1);
    } else {
        lua_settop(L, AT_CLIENT);
    }
}

static int finish(lua_State *L, struct context *context, const struct round *round) {
    for (struct client *client = context->runnable.head; client != NULL; client = client->list_next)
        sw_receiveq_post_credit(client);
    sw_receiveq_take_all(L, context); /* so that the second result includes what has come meanwhile */
    sw_receiveq_notify(context);
    context->poll_depth--;
    sw_push_integer(L, round->delivered);
    lua_pushboolean(L, next_client(round, context) != NULL);
    return 2;
}

/* If a handler forks, the poll ends in the child after this handler: the other events are the parent's. */
static int deliver(lua_State *L, struct context *context) {
    struct round round;
    unsigned depth = context->poll_depth;
    load(L, &round);
    while (context->engine == round.engine && !is_over(&round, context)) {
        struct client *client = next_client(&round, context);
        if (client == NULL) break;
        int64_t consumed = count_consumed(&round, context);
        deliver_one(L, context, client, &round);
        context->poll_depth = depth; /* drops polls that an error in one of the handler's coroutines has ended */
        if (sw_context_refuses(L, context)) return 3;
        if (count_consumed(&round, context) == consumed) break; /* Lua is collecting the client of a client:poll */
    }
    int values = finish(L, context, &round);
    return round.is_for_one && context->engine != round.engine ? sw_push_forked(L) : values;
}

/* Lua calls this when a handler or on_error returns or raises after a yield. */
static int continue_poll(lua_State *L, int status, lua_KContext subject) {
    (void)subject;
    struct context *context = sw_context(L);
    if (sw_context_refuses(L, context)) return 3;
    if (status != LUA_YIELD && status != LUA_OK) call_on_error(L);
    lua_settop(L, AT_TOP);
    return deliver(L, context);
}

/* The number of consumed events at which this poll ends: those that are there when it begins are consumed then. */
static int64_t find_end(lua_State *L, const struct context *context) {
    if (!lua_isnil(L, AT_ONLY)) {
        const struct client *client = sw_client_at(L, AT_ONLY);
        return (int64_t)(client->serial + sw_receiveq_count_events(client));
    }
    uint64_t end = context->polled;
    for (const struct client *client = context->runnable.head; client != NULL; client = client->list_next)
        end += sw_receiveq_count_events(client);
    return (int64_t)end;
}

/* The number of polls among the innermost SW_FRAMES_MAX frames of the coroutine's call stack. Where handlers recurse so
 * deeply that the others matter, Lua's own limits of its stacks end the recursion. */
static unsigned count_polls_of(lua_State *thread) {
    lua_Debug frame;
    unsigned polls = 0;
    if (!lua_checkstack(thread, 1)) return 0;
    for (int level = 0; level < SW_FRAMES_MAX && lua_getstack(thread, level, &frame); level++) {
        lua_getinfo(thread, "f", &frame);
        lua_CFunction function = lua_tocfunction(thread, -1);
        if (function == sw_module_poll || function == sw_method_poll) polls++;
        lua_pop(thread, 1);
    }
    return polls;
}

/* The true number of active polls, without this one, as far as count_polls_of finds them. poll_depth may be too large,
 * because a poll that an error or a yield has left does not decrease it. Counts the polls of the coroutines with status
 * LUA_OK, which run or have resumed another one; the others have yielded, failed or ended. */
static unsigned count_polls(lua_State *L) {
    unsigned polls = 0;
    sw_push_context_value(L, CONTEXT_THREADS);
    for (lua_pushnil(L); lua_next(L, -2) != 0; lua_pop(L, 1))
        if (lua_status(lua_tothread(L, -2)) == LUA_OK) polls += count_polls_of(lua_tothread(L, -2));
    lua_pop(L, 1);
    return polls - 1; /* this one */
}

/* Registers the running coroutine for count_polls; the main thread only once, because it stays the same. */
static void register_thread(lua_State *L, struct context *context) {
    bool is_main = lua_pushthread(L) != 0;
    if (!is_main || !context->has_main_thread) {
        sw_push_context_value(L, CONTEXT_THREADS);
        lua_insert(L, -2);
        lua_pushboolean(L, true);
        lua_rawset(L, -3);
        if (is_main) context->has_main_thread = true;
    }
    lua_pop(L, 1);
}

/* Raises if too many polls are active. To return without a delivery would be worse: a handler that polls until an
 * answer comes would then never end. */
static void check_depth(lua_State *L, struct context *context, const char *where) {
    if (context->poll_depth < SW_POLL_DEPTH_MAX) return;
    register_thread(L, context);
    context->poll_depth = count_polls(L);
    if (context->poll_depth < SW_POLL_DEPTH_MAX) return;
    sw_raise(L,
             "%s: too many polls within handlers of polls, %d at most: a handler that waits for an answer should "
             "return, and another handler take it",
             where, SW_POLL_DEPTH_MAX);
}

/* Reads max_events at index `first`, and max_seconds at the next one. *deadline is -1 if there is none. */
static void read_limits(lua_State *L, const char *where, int first, int64_t *max, double *deadline) {
    *max = INT64_MAX;
    *deadline = -1;
    if (lua_gettop(L) < first) return;
    if (!lua_isnoneornil(L, first))
        *max = sw_check_integer(L, (struct sw_spot){where, "max_events"}, first, 0, INT64_MAX);
    if (!lua_isnoneornil(L, first + 1))
        *deadline = sw_clock() + sw_check_seconds(L, (struct sw_spot){where, "max_seconds"}, first + 1);
}

/* Sets up the stack indices AT_END to AT_ONLY; the caller sets AT_END afterwards. */
static void set_up_stack(lua_State *L, const struct context *context, int64_t max, double deadline, int only) {
    if (only != 0)
        lua_pushvalue(L, only);
    else
        lua_pushnil(L);
    lua_insert(L, 1);
    lua_settop(L, 1);
    sw_push_integer(L, 0); /* AT_END */
    sw_push_integer(L, 0); /* AT_DELIVERED */
    sw_push_integer(L, max);
    if (deadline >= 0)
        lua_pushnumber(L, deadline);
    else
        lua_pushnil(L);
    lua_pushlightuserdata(L, context->engine);
    lua_pushvalue(L, 1);
    lua_remove(L, 1); /* the client, or nil, to AT_ONLY */
}

/* only: index of the client's handle, or 0 for all clients. */
static int poll(lua_State *L, struct context *context, int64_t max, double deadline, int only) {
    bool has_events = context->runnable.head != NULL;
    sw_receiveq_set_consumer(context, SW_CONSUMER_POLL);
    sw_wait_end(context); /* an error has left a wait, or a finalizer within a wait polls */
    check_depth(L, context, only != 0 ? "client:poll" : "sidewire.poll");
    if (!has_events) {
        sw_receiveq_notify(context);
        sw_push_integer(L, 0);
        lua_pushboolean(L, false);
        return 2;
    }
    register_thread(L, context);
    set_up_stack(L, context, max, deadline, only);
    sw_push_integer(L, find_end(L, context));
    lua_replace(L, AT_END);
    context->poll_depth++;
    return deliver(L, context);
}

/***
 * @module sidewire.core
 */

/*** Calls the handlers for the events of all clients; never waits. Delivers the events that were there when it began,
 * the clients in turns, or fewer if a limit is given. What polls in its handlers deliver counts among them. An error in
 * a handler leaves poll, unless on_error is set; the other events then stay for the next poll. If a handler forks, poll
 * ends in the child after this handler, and continues in the parent.
 * @function poll
 * @tparam[opt] integer max_events handlers to call at most
 * @tparam[opt] number max_seconds seconds after which no further handler is called; if there is an event, one handler
 * is called in any case
 * @treturn[1] integer handlers called
 * @treturn[1] boolean true if more can be delivered now
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: ECLOSED (the Lua state is closing), ENOMEM (in the child of a fork)
 * @raise invalid max_events or max_seconds; what a handler raises, unless on_error is set; more than 16 nested polls,
 * each in a handler of another one
 */
int sw_module_poll(lua_State *L) {
    struct context *context = sw_context(L);
    int64_t max;
    double deadline;
    if (sw_context_refuses(L, context)) return 3;
    if (sw_to_kind(L, 1, &sw_client_kind, sizeof(struct handle)) != NULL)
        sw_raise(L, "sidewire.poll: poll is a function of the module and serves all clients: sidewire.poll()");
    read_limits(L, "sidewire.poll", 1, &max, &deadline);
    sw_receiveq_take_all(L, context);
    return poll(L, context, max, deadline, 0);
}

/*** Like sidewire.poll, for this client only.
 * @function client:poll
 * @tparam[opt] integer max_events handlers to call at most
 * @tparam[opt] number max_seconds seconds after which no further handler is called
 * @treturn[1] integer handlers called
 * @treturn[1] boolean true if more can be delivered now
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: EFORKED
 * @raise as sidewire.poll
 */
int sw_method_poll(lua_State *L) {
    struct client *client = sw_check_usable(L, 1);
    int64_t max;
    double deadline;
    if (client == NULL) return 3;
    read_limits(L, "client:poll", 2, &max, &deadline);
    sw_receiveq_take_all(L, client->context);
    return poll(L, client->context, max, deadline, 1);
}

/*** Sets a function that is called when a handler raises an error. poll then continues with the next event.
 * @function on_error
 * @tparam function|nil fn called with traceback, client, event name; an error in it leaves poll. nil: errors leave poll
 * @raise fn is not callable
 */
int sw_module_on_error(lua_State *L) {
    struct context *context = sw_context(L);
    lua_settop(L, 1);
    sw_check_handler(L, (struct sw_spot){"sidewire.on_error", "fn"}, 1, false);
    context->has_on_error = !lua_isnil(L, 1);
    lua_setiuservalue(L, lua_upvalueindex(UPVALUE_CONTEXT), CONTEXT_ON_ERROR); /* sw_context has checked it */
    return 0;
}
