#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/state.h"
#include "channel/channel.h"
#include "channel/host_end.h"
#include "channel/report.h"
#include "host/check.h"
#include "host/context.h"
#include "host/event.h"
#include "host/functions.h"
#include "host/handle.h"
#include "host/receiveq.h"
#include "host/usable.h"
#include "host/waiting.h"

/* The time-out at index, as a deadline; -1: none. */
static double read_deadline(lua_State *L, const char *where, int index) {
    if (lua_isnoneornil(L, index)) return -1;
    return sw_clock() + sw_check_seconds(L, (struct sw_spot){where, "timeout"}, index);
}

static int push_true(lua_State *L) {
    lua_pushboolean(L, true);
    return 1;
}

static int inbox_full(lua_State *L) { return sw_push_refusal(L, SW_FULL, "inbox full: poll first"); }

/* Why there is no connection. */
static int push_end(lua_State *L, const struct client *client, const struct sw_snapshot *snapshot) {
    if (snapshot->state == SW_STATE_CLOSED) return sw_push_closed(L, client->server);
    if (snapshot->ended.err == SW_CLOSED)
        return sw_push_refusal(L, SW_CLOSED, "not connected: client:disconnect ended the connection");
    if (snapshot->ended.err != SW_OK) return sw_push_failure(L, &snapshot->ended, client->server);
    lua_pushnil(L);
    lua_pushliteral(L, "not connected: call client:connect first");
    lua_pushliteral(L, "ENOTCONN");
    return 3;
}

/* --- wait --- */

static int look_connected(lua_State *L, struct client *client, void *subject) {
    (void)subject;
    struct sw_snapshot snapshot;
    sw_channel_snapshot(client->channel, &snapshot);
    switch (snapshot.state) {
    case SW_STATE_CONNECTED: return push_true(L);
    case SW_STATE_IDLE:
    case SW_STATE_CLOSED: return push_end(L, client, &snapshot);
    case SW_STATE_RESOLVING:
    case SW_STATE_CONNECTING:
    case SW_STATE_WAITING:
    case SW_STATE_CLOSING: return snapshot.held ? inbox_full(L) : 0;
    }
    return 0;
}

static const struct sw_goal connected = {look_connected, "timed out: no connection to %s yet", SW_WAKE_ON_STATE};

static int look_disconnected(lua_State *L, struct client *client, void *subject) {
    (void)subject;
    struct sw_snapshot snapshot;
    sw_channel_snapshot(client->channel, &snapshot);
    if (snapshot.state == SW_STATE_IDLE || snapshot.gone) return push_true(L);
    /* Our own end does not need the inbox; the peer's is not seen while reading is paused. */
    bool ending = snapshot.state == SW_STATE_CLOSING || snapshot.state == SW_STATE_CLOSED;
    return snapshot.paused && !ending ? inbox_full(L) : 0;
}

static const struct sw_goal disconnected = {look_disconnected, "timed out: the connection to %s has not ended yet",
                                            SW_WAKE_ON_STATE};

/***
 * @module sidewire.core
 */

/*** Waits for a state, running no handlers. "connected" goes on through retries and fails at once when there will be no
 * further attempt; "disconnected" is idle, or closed with the socket gone.
 * @function client:wait
 * @tparam string state "connected" or "disconnected"
 * @tparam[opt] number timeout seconds; none: no limit
 * @treturn[1] boolean true
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: ETIMEDOUT, EINTR (a signal came), EFULL (reading is paused: poll first), ENOTCONN, ECLOSED,
 * EFORKED, or why the last attempt failed
 * @raise another state, invalid timeout
 */
int sw_method_wait(lua_State *L) {
    struct client *client = sw_check_usable(L, 1);
    if (client == NULL) return 3;
    const char *state = sw_to_word(L, 2);
    const struct sw_goal *goal = NULL;
    if (state == NULL) state = "";
    if (strcmp(state, "connected") == 0) goal = &connected;
    if (strcmp(state, "disconnected") == 0) goal = &disconnected;
    if (goal == NULL) {
        lua_settop(L, 2);
        return sw_misuse(L, (struct sw_spot){"client:wait", "state"}, 2, "\"connected\" or \"disconnected\"");
    }
    double deadline = read_deadline(L, "client:wait", 3);
    return sw_wait_until(L, client->context, client, deadline, goal, NULL);
}

/* --- flush --- */

struct flush {
    uint64_t fence;       /* newest id accepted before the call */
    uint64_t lost_before; /* messages lost before the call that were not handed over whole */
};

static uint64_t lost_of(const struct sw_snapshot *snapshot) {
    return snapshot->gauges.lost_unsent + snapshot->gauges.lost_not_handed;
}

static int look_flushed(lua_State *L, struct client *client, void *subject) {
    const struct flush *flush = subject;
    struct sw_snapshot snapshot;
    sw_channel_snapshot(client->channel, &snapshot);
    bool lost = lost_of(&snapshot) > flush->lost_before;
    if (snapshot.gauges.handed >= flush->fence && !lost) return push_true(L);
    if (lost || snapshot.state == SW_STATE_IDLE || snapshot.gone) return push_end(L, client, &snapshot);
    return snapshot.paused ? inbox_full(L) : 0; /* a peer that waits for us to read may not read itself */
}

static const struct sw_goal flushed = {look_flushed, "timed out: not all of the queue is sent to %s yet",
                                       SW_WAKE_ON_GAUGES};

/*** Waits until all that was accepted before the call is handed to the kernel, running no handlers. A time-out harms
 * nothing: the next flush goes on.
 * @function client:flush
 * @tparam[opt] number timeout seconds; none: no limit
 * @treturn[1] boolean true
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: ETIMEDOUT, EINTR, EFULL (reading is paused: poll first), ENOTCONN, ECLOSED, EFORKED, or why
 * messages were lost
 * @raise invalid timeout
 */
int sw_method_flush(lua_State *L) {
    struct client *client = sw_check_usable(L, 1);
    if (client == NULL) return 3;
    double deadline = read_deadline(L, "client:flush", 2);
    struct sw_snapshot snapshot;
    sw_channel_snapshot(client->channel, &snapshot);
    struct flush flush = {snapshot.accepted, lost_of(&snapshot)};
    return sw_wait_until(L, client->context, client, deadline, &flushed, &flush);
}

/* --- receive --- */

/* What the host has taken already, without a look at the channel. False: nothing. */
static bool take_message(lua_State *L, struct client *client) {
    /* Anchoring may need memory: now, when an error loses no message yet. Below it then needs none. */
    if (sw_receiveq_messages(client) == 1) sw_client_anchor(L, 1, client);
    while (sw_receiveq_messages(client) > 0) {
        if (!sw_receiveq_take_message(L, client)) continue;
        if (sw_receiveq_messages(client) == 0) {
            sw_receiveq_post_credit(client);
            sw_receiveq_schedule(client);
            sw_client_anchor(L, 1, client);
        }
        return true;
    }
    return false;
}

static int look_message(lua_State *L, struct client *client, void *subject) {
    (void)subject;
    struct sw_snapshot snapshot;
    uint64_t ends = client->ends_taken;
    sw_channel_snapshot(client->channel, &snapshot); /* first: what came before an end is there once the end is seen */
    sw_receiveq_take_all(L, client->context);
    if (take_message(L, client)) return 1;
    bool has_ended = snapshot.state == SW_STATE_IDLE || snapshot.state == SW_STATE_CLOSED;
    if (has_ended || client->ends_taken == ends) sw_receiveq_pass_end(client); /* what ended, began again since */
    if (has_ended) return push_end(L, client, &snapshot);
    sw_receiveq_post_credit(client);
    sw_channel_snapshot(client->channel, &snapshot);
    return snapshot.paused && sw_receiveq_messages(client) == 0 ? inbox_full(L)
                                                                : 0; /* reports fill it: nothing is read */
}

static const struct sw_goal message = {look_message, "no message from %s yet", SW_WAKE_ON_STATE};

/*** The next message, pulled; runs no handlers. For clients without a message handler; state events stay for poll.
 * @function client:receive
 * @tparam[opt] number timeout seconds to wait for one; none: do not wait
 * @treturn[1] string message
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: ETIMEDOUT (none there), EINTR, EFULL (unread events stop the reading: poll first), ENOTCONN,
 * ECLOSED, EFORKED, or how the connection ended
 * @raise a message handler is set, invalid timeout
 */
int sw_method_receive(lua_State *L) {
    struct client *client = sw_check_usable(L, 1);
    if (client == NULL) return 3;
    bool has_handler = lua_getiuservalue(L, 1, SW_EVENT_MESSAGE + 1) != LUA_TNIL;
    if (has_handler)
        return luaL_error(
            L, "client:receive: messages go to the message handler; take it away with client:on(\"message\", nil)");
    double deadline = lua_isnoneornil(L, 2) ? sw_clock() : read_deadline(L, "client:receive", 2);
    lua_settop(L, 2);
    if (!client->is_pulled) {
        client->is_pulled = true;
        sw_receiveq_schedule(client);
    }
    if (take_message(L, client)) return 1;
    return sw_wait_until(L, client->context, client, deadline, &message, NULL);
}

/* --- the module --- */

static int look_work(lua_State *L, struct client *client, void *subject) {
    (void)client;
    struct context *context = subject;
    sw_receiveq_take_all(L, context);
    return sw_receiveq_ends_wait(context) ? push_true(L) : 0;
}

static const struct sw_goal work = {look_work, "timed out: nothing came", SW_WAKE_ON_STATE};

/*** Waits until there is something to take, running no handlers. For a script that polls, that is what has a handler;
 * for one that took things by events() last, everything; of a client whose messages it receives, these and the end of
 * the connection. Before the first poll or events(), and before a client's first receive, it is all that came.
 * @function wait
 * @tparam[opt] number timeout seconds; none: no limit
 * @treturn[1] boolean true
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: ETIMEDOUT, EINTR, ECLOSED (no client was ever connected, or none since the fork in its child, so
 * nothing can come), ENOMEM (in the child of a fork)
 * @raise invalid timeout
 */
int sw_module_wait(lua_State *L) {
    struct context *context = sw_context(L);
    if (sw_context_refuses(L, context)) return 3;
    double deadline = read_deadline(L, "sidewire.wait", 1);
    return sw_wait_until(L, context, NULL, deadline, &work, context);
}
