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

/* poll(2) itself failed: what the process may have is used up. */
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
        lua_pushfstring(L, goal->late, sw_push_place(L, client->server));
    else
        lua_pushstring(L, goal->late);
    lua_pushliteral(L, "ETIMEDOUT");
    if (client != NULL) lua_remove(L, -3);
    return 3;
}

void sw_wait_leave(struct host *host) {
    if (!host->is_waiting) return;
    if (host->watched != NULL) sw_channel_watch(host->watched->channel, SW_WATCH_NOTHING);
    host->watched = NULL;
    sw_engine_set_waiting(host->engine, false);
    host->is_waiting = false;
    host->waits++;
}

static void enter(struct host *host, struct client *client, enum sw_watch watch) {
    sw_wait_leave(host);
    if (client != NULL) sw_channel_watch(client->channel, watch);
    host->watched = client;
    sw_engine_set_waiting(host->engine, host->engine->running);
    host->is_waiting = true;
}

/* EDEADLK: nothing can come. */
static int sleep_until(struct host *host, double deadline) {
    struct sw_engine *engine = host->engine;
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

/* The option spin: an answer often comes sooner than a thread that sleeps could be woken. Looks again and again for so long;
 * returns what the last look did. */
static int look_out(lua_State *L, const struct host *host, struct client *client, double deadline,
                    const struct sw_goal *goal, void *context) {
    double seconds = client != NULL ? client->channel->options->spin : host->max_spin;
    int values = 0;
    if (seconds == 0 || host->max_spin == 0 || !host->engine->running) return 0;
    double until = sw_clock() + seconds;
    if (deadline >= 0 && deadline < until) until = deadline;
    while (values == 0 && sw_clock() < until) {
        sched_yield(); /* to whatever else could use this processor */
        values = goal->look(L, client, context);
    }
    return values;
}

int sw_wait_until(lua_State *L, struct host *host, struct client *client, double deadline, const struct sw_goal *goal,
                  void *context) {
    int values, failed = 0;
    /* Who only asks is not to be woken: that would cost the loop a system call for each answer. */
    if (deadline >= 0 && sw_clock() >= deadline) {
        values = goal->look(L, client, context);
        return values > 0 ? values : timed_out(L, client, goal);
    }
    values = look_out(L, host, client, deadline, goal, context);
    if (values > 0) return values;
    enter(host, client, goal->watch);
    for (uint64_t waits = host->waits; (values = goal->look(L, client, context)) == 0 && failed == 0;) {
        if (host->waits == waits) {
            failed = sleep_until(host, deadline);
        } else {
            enter(host, client, goal->watch);
            waits = host->waits;
        }
    }
    sw_wait_leave(host);
    return values > 0 ? values : fail(L, client, goal, failed);
}
