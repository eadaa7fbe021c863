#include "host/waiting.h"

#include <errno.h>
#include <lua.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"
#include "channel/channel.h"
#include "channel/engine.h"
#include "channel/host_end.h"
#include "host/event.h"

static int interrupted(lua_State *L) {
    lua_pushnil(L);
    lua_pushliteral(L, "interrupted");
    lua_pushliteral(L, "EINTR");
    return 3;
}

/* poll(2) has failed with another error than EINTR: the system or the process has run out of a resource. */
static int cannot_wait(lua_State *L, int failed) {
    const struct sw_error error = sw_error_system(failed, SW_STAGE_NONE);
    char text[160];
    lua_pushnil(L);
    lua_pushfstring(L, "cannot wait: poll(2) failed: %s", sw_error_text(&error, text, sizeof text));
    lua_pushstring(L, sw_error_code(&error));
    return 3;
}

static int timed_out(lua_State *L, const struct client *client, const struct sw_goal *goal) {
    lua_pushnil(L);
    if (client != NULL)
        lua_pushfstring(L, goal->timeout_text, sw_push_place(L, client->server));
    else
        lua_pushstring(L, goal->timeout_text);
    lua_pushliteral(L, "ETIMEDOUT");
    if (client != NULL) lua_remove(L, -3);
    return 3;
}

void sw_wait_end(struct context *context) {
    if (!context->is_waiting) return;
    if (context->watched != NULL) sw_channel_set_wake_on(context->watched->channel, SW_WAKE_ON_ARRIVAL);
    context->watched = NULL;
    sw_engine_set_waiting(context->engine, false);
    context->is_waiting = false;
    context->waits++;
}

static void enter(struct context *context, struct client *client, enum sw_wake_on wake_on) {
    sw_wait_end(context);
    if (client != NULL) sw_channel_set_wake_on(client->channel, wake_on);
    context->watched = client;
    sw_engine_set_waiting(context->engine, context->engine->running);
    context->is_waiting = true;
}

/* Returns 0 or an errno. EDEADLK: no loop runs and there is no deadline, so the sleep would never end. */
static int sleep_until(struct context *context, double deadline) {
    struct sw_engine *engine = context->engine;
    return engine->running || deadline >= 0 ? sw_engine_sleep(engine, deadline) : EDEADLK;
}

static int fail(lua_State *L, const struct client *client, const struct sw_goal *goal, int failed) {
    switch (failed) {
    case EDEADLK:
        return sw_push_refusal(L, SW_CLOSED,
                               "nothing to wait for: no client was ever connected; call client:connect first");
    case EINTR: return interrupted(L);
    case ETIMEDOUT: return timed_out(L, client, goal);
    default: return cannot_wait(L, failed);
    }
}

/* Busy polling for the option spin: an answer often comes in less time than it takes to wake a thread. Checks the goal
 * again and again for that time. Returns the result of the last check. */
static int spin(lua_State *L, const struct context *context, struct client *client, double deadline,
                const struct sw_goal *goal, void *subject) {
    double seconds = client != NULL ? client->channel->options->spin : context->max_spin;
    int values = 0;
    if (seconds == 0 || context->max_spin == 0 || !context->engine->running) return 0;
    double until = sw_clock() + seconds;
    if (deadline >= 0 && deadline < until) until = deadline;
    while (values == 0 && sw_clock() < until) {
        sched_yield(); /* other threads, also the loop, may need this processor */
        values = goal->check(L, client, subject);
    }
    return values;
}

int sw_wait_until(lua_State *L, struct context *context, struct client *client, double deadline,
                  const struct sw_goal *goal, void *subject) {
    int values, failed = 0;
    /* With a deadline that has passed, checks once without entering a wait. In a wait, each answer would cost the loop
     * a system call to wake the host. */
    if (deadline >= 0 && sw_clock() >= deadline) {
        values = goal->check(L, client, subject);
        return values > 0 ? values : timed_out(L, client, goal);
    }
    values = spin(L, context, client, deadline, goal, subject);
    if (values > 0) return values;
    enter(context, client, goal->wake_on);
    for (uint64_t waits = context->waits; (values = goal->check(L, client, subject)) == 0 && failed == 0;) {
        if (context->waits == waits) {
            failed = sleep_until(context, deadline);
        } else {
            enter(context, client, goal->wake_on);
            waits = context->waits;
        }
    }
    sw_wait_end(context);
    return values > 0 ? values : fail(L, client, goal, failed);
}
