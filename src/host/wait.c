#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/state.h"
#include "channel/channel.h"
#include "channel/host_end.h"
#include "channel/report.h"
#include "host/check.h"
#include "host/context.h"
#include "host/functions.h"
#include "host/luacompat.h"
#include "host/no_connection.h"
#include "host/receiveq.h"
#include "host/timeout.h"
#include "host/usable.h"
#include "host/waiting.h"

static int push_true(lua_State *L) {
    lua_pushboolean(L, true);
    return 1;
}

/* --- wait --- */

static int check_connected(lua_State *L, struct client *client, void *subject) {
    (void)subject;
    struct sw_snapshot snapshot;
    sw_channel_snapshot(client->channel, &snapshot);
    switch (snapshot.state) {
    case SW_STATE_CONNECTED:
        client->seen = snapshot.connection;
        if (client->uses_receive) sw_receiveq_take_early(client); /* with the end before it: see client:send_once */
        return push_true(L);
    case SW_STATE_IDLE:
    case SW_STATE_CLOSED: return sw_push_no_connection(L, client, &snapshot);
    case SW_STATE_RESOLVING:
    case SW_STATE_CONNECTING:
    case SW_STATE_HANDSHAKING:
    case SW_STATE_WAITING:
    case SW_STATE_CLOSING: return snapshot.blocks_attempts ? sw_push_inbox_full(L) : 0;
    }
    return 0;
}

static void push_connected_timeout(lua_State *L, const struct client *client, const struct sw_snapshot *snapshot,
                                   void *subject) {
    (void)subject;
    sw_timeout_push_connected(L, client, snapshot);
}

static const struct sw_goal connected = {check_connected, push_connected_timeout, SW_WAKE_ON_STATE};

static int check_disconnected(lua_State *L, struct client *client, void *subject) {
    (void)subject;
    struct sw_snapshot snapshot;
    sw_channel_snapshot(client->channel, &snapshot);
    if (snapshot.state == SW_STATE_IDLE || snapshot.gone) {
        if (!client->context->has_ended) sw_receiveq_take_early(client); /* so the next poll delivers the end */
        return push_true(L);
    }
    /* While reading is paused, the loop does not see the peer's end. The client's own end needs no reading. */
    bool ending = snapshot.state == SW_STATE_CLOSING || snapshot.state == SW_STATE_CLOSED;
    return snapshot.paused && !ending ? sw_push_inbox_full(L) : 0;
}

static void push_disconnected_timeout(lua_State *L, const struct client *client, const struct sw_snapshot *snapshot,
                                      void *subject) {
    (void)subject;
    sw_timeout_push_disconnected(L, client, snapshot);
}

static const struct sw_goal disconnected = {check_disconnected, push_disconnected_timeout, SW_WAKE_ON_STATE};

/***
 * @module sidewire.core
 */

/*** Waits for a state; calls no handlers. With "connected", waits through retries, and fails when no further attempt
 * will be made. "disconnected" means idle, or closed without a socket; a client that reconnects becomes idle only after
 * client:disconnect. The message of a time-out says what the client is waiting for, and why the last connection or
 * attempt ended.
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
    double deadline = sw_wait_deadline(L, "client:wait", 3);
    return sw_wait_until(L, client->context, client, deadline, goal, NULL);
}

/* --- flush --- */

struct flush {
    uint64_t fence;       /* newest id accepted before the call */
    uint64_t lost_before; /* number of messages lost before the call that the kernel has not taken whole */
};

static uint64_t count_lost(const struct sw_snapshot *snapshot) {
    return snapshot->gauges.lost_unsent + snapshot->gauges.lost_not_handed;
}

static int check_flushed(lua_State *L, struct client *client, void *subject) {
    const struct flush *flush = subject;
    struct sw_snapshot snapshot;
    sw_channel_snapshot(client->channel, &snapshot);
    bool lost = count_lost(&snapshot) > flush->lost_before;
    if (snapshot.gauges.handed >= flush->fence && !lost) return push_true(L);
    if (lost || snapshot.state == SW_STATE_IDLE || snapshot.gone) return sw_push_no_connection(L, client, &snapshot);
    return snapshot.paused ? sw_push_inbox_full(L) : 0; /* a peer whose own sends are blocked may not read */
}

static void push_flushed_timeout(lua_State *L, const struct client *client, const struct sw_snapshot *snapshot,
                                 void *subject) {
    const struct flush *flush = subject;
    uint64_t handed = snapshot->gauges.handed;
    sw_timeout_push_unsent(L, client, snapshot, flush->fence > handed ? flush->fence - handed : 0);
}

static const struct sw_goal flushed = {check_flushed, push_flushed_timeout, SW_WAKE_ON_GAUGES};

/*** Waits until the system has taken all messages that were accepted before the call; calls no handlers. After a
 * time-out the client goes on sending, and flush can be called again. The message of a time-out says how many messages
 * are not sent and, without a connection, why there is none.
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
    double deadline = sw_wait_deadline(L, "client:flush", 2);
    struct sw_snapshot snapshot;
    sw_channel_snapshot(client->channel, &snapshot);
    struct flush flush = {snapshot.accepted, count_lost(&snapshot)};
    return sw_wait_until(L, client->context, client, deadline, &flushed, &flush);
}

/* --- the module --- */

static int check_work(lua_State *L, struct client *client, void *subject) {
    (void)client;
    struct context *context = subject;
    sw_receiveq_take_all(L, context);
    return sw_receiveq_has_wanted(context) ? push_true(L) : 0;
}

static void push_work_timeout(lua_State *L, const struct client *client, const struct sw_snapshot *snapshot,
                              void *subject) {
    (void)client, (void)snapshot;
    sw_wait_push_nothing_came(L, subject);
}

static const struct sw_goal work = {check_work, push_work_timeout, SW_WAKE_ON_STATE};

/*** Waits until there is something to take; calls no handlers. It returns true as soon as there is, and at once while
 * something is left: it is no sleep of that length. A loop that is to run at a fixed rate waits until its next frame
 * is due, and polls after each return.
 *
 * If the script called poll last, this is an event with a handler; if it called events() last, any event. For a client
 * on which the script calls receive or read, it is also a message, bytes beyond those that were too few for the last
 * read, or the end of a connection. Before the first poll or events(), and before a client's first receive or read, it
 * is any event. Without a timeout, the wait also ends when nothing can come any more: when every client is idle or
 * closed.
 * @function wait
 * @tparam[opt] number timeout seconds; none: no limit
 * @treturn[1] boolean true
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: ETIMEDOUT, EINTR, ECLOSED (no timeout, and nothing can come), EFORKED; in the child of a
 * fork also ENOMEM
 * @raise invalid timeout
 */
int sw_module_wait(lua_State *L) {
    struct context *context = sw_context(L);
    if (sw_context_refuses(L, context)) return 3;
    double deadline = sw_wait_deadline(L, "sidewire.wait", 1);
    int values = sw_wait_until(L, context, NULL, deadline, &work, context);
    sw_receiveq_notify(context);
    return values;
}
