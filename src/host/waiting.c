#include "host/waiting.h"

#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/state.h"
#include "channel/channel.h"
#include "channel/engine.h"
#include "channel/host_end.h"
#include "host/check.h"
#include "host/event.h"
#include "host/luacompat.h"

static int interrupted(lua_State *L) {
    lua_pushnil(L);
    lua_pushliteral(L, "interrupted");
    lua_pushliteral(L, "EINTR");
    return 3;
}

static int timed_out(lua_State *L, const struct client *client, const struct sw_goal *goal, void *subject) {
    struct sw_snapshot snapshot;
    if (client != NULL) sw_channel_snapshot(client->channel, &snapshot);
    lua_pushnil(L);
    goal->push_timeout(L, client, client != NULL ? &snapshot : NULL, subject);
    lua_pushliteral(L, "ETIMEDOUT");
    return 3;
}

/* Why nothing can come for any client. */
#define NONE_NOW "no client is connected or connecting (client:state says why); call client:connect first"
#define NONE_EVER "no client was ever connected; call client:connect first"

static bool was_started(const struct context *context) { return context->engine->host_waker.read_fd >= 0; }

static int nothing_can_come(lua_State *L, const struct context *context) {
    const char *why = was_started(context) ? "nothing to wait for: " NONE_NOW : "nothing to wait for: " NONE_EVER;
    return sw_push_refusal(L, SW_CLOSED, why);
}

double sw_wait_deadline(lua_State *L, const char *where, int index) {
    if (lua_isnoneornil(L, index)) return -1;
    return sw_clock() + sw_check_seconds(L, (struct sw_spot){where, "timeout"}, index);
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

/* False: the loop posts nothing more for this client, apart from what it may be posting now. */
static bool is_active(const struct client *client) {
    struct sw_snapshot snapshot;
    sw_channel_snapshot(client->channel, &snapshot);
    return snapshot.state != SW_STATE_IDLE && !snapshot.gone;
}

/* False: the loop has posted everything for all clients. At the end of a connection or of attempts it posts some
 * reports after the state. So this checks the loop last: once that is idle, the next check finds those reports. */
static bool can_come(const struct context *context) {
    if (!context->engine->running) return false;
    for (const struct client *client = context->clients; client != NULL; client = client->next)
        if (is_active(client)) return true;
    return !sw_engine_await_idle(context->engine);
}

void sw_wait_push_nothing_came(lua_State *L, const struct context *context) {
    bool has_active = false;
    for (const struct client *client = context->clients; client != NULL && !has_active; client = client->next)
        has_active = is_active(client);
    if (has_active)
        lua_pushliteral(L, "timed out: nothing came");
    else
        lua_pushstring(L, was_started(context) ? "timed out: nothing came; " NONE_NOW
                                               : "timed out: nothing came; " NONE_EVER);
}

/* Returns 0 or an errno. EDEADLK: there is no deadline, and the sleep would never end, because no loop runs or, without
 * a client, because nothing can come. A goal with a client checks that client's state itself. */
static int sleep_until(const struct context *context, const struct client *client, double deadline) {
    bool is_endless = deadline < 0 && (client != NULL ? !context->engine->running : !can_come(context));
    return is_endless ? EDEADLK : sw_engine_sleep(context->engine, deadline);
}

static int fail(lua_State *L, const struct context *context, const struct client *client, const struct sw_goal *goal,
                void *subject, int failed) {
    switch (failed) {
    case EDEADLK: return nothing_can_come(L, context);
    case EINTR: return interrupted(L);
    case ETIMEDOUT: return timed_out(L, client, goal, subject);
    default: return sw_push_system_failure(L, "cannot wait: poll(2) failed", failed);
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
        return values > 0 ? values : timed_out(L, client, goal, subject);
    }
    values = spin(L, context, client, deadline, goal, subject);
    if (values > 0) return values;
    enter(context, client, goal->wake_on);
    for (uint64_t waits = context->waits; (values = goal->check(L, client, subject)) == 0 && failed == 0;) {
        if (context->waits == waits) {
            failed = sleep_until(context, client, deadline);
        } else {
            enter(context, client, goal->wake_on);
            waits = context->waits;
        }
    }
    sw_wait_end(context);
    return values > 0 ? values : fail(L, context, client, goal, subject, failed);
}
