#include "host/pulling.h"

#include <stdint.h>

#include "base/clock.h"
#include "base/state.h"
#include "channel/host_end.h"
#include "host/check.h"
#include "host/ends.h"
#include "host/getters.h"
#include "host/handle.h"
#include "host/no_connection.h"
#include "host/raise.h"
#include "host/receiveq.h"
#include "host/waiting.h"

void sw_pull_begin(lua_State *L, struct client *client, const char *where) {
    if (sw_client_has_handler(client, SW_EVENT_MESSAGE) || client->discards)
        sw_raise(L, "%s: messages go to the message handler; take it away with client:on(\"message\", nil)", where);
    if (client->uses_receive) return;
    client->uses_receive = true;
    sw_receiveq_schedule(client);
}

bool sw_pull_before_last(lua_State *L, const struct client *client) {
    uint64_t serial = client->serial;
    if (sw_receiveq_count_messages(client) == 1) sw_client_anchor(L, 1, client);
    return client->serial == serial;
}

void sw_pull_after_last(lua_State *L, struct client *client) {
    if (sw_receiveq_count_messages(client) > 0) return;
    sw_receiveq_post_credit(client);
    sw_receiveq_schedule(client);
    sw_client_anchor(L, 1, client);
}

int sw_pull_push_end(lua_State *L, const struct client *client) {
    const struct sw_report *end = sw_ends_first(client);
    const struct sw_error error = end->error; /* pushing may run a finalizer, which may free the report */
    unsigned server = client->has_new_server ? 0 : end->server;
    return sw_push_connection_end(L, &error, sw_servers_at(client->servers, server), sw_client_state(client));
}

/* Tells the end that nothing unread is in front of, but for unread bytes. Returns 0: there is none. */
static int tell_end(lua_State *L, struct client *client, const struct sw_puller *puller) {
    int values = 0, top = lua_gettop(L);
    while (values == 0 && sw_ends_first(client) != NULL &&
           sw_receiveq_count_before_end(client) <= sw_client_has_unread(client)) {
        lua_settop(L, top);
        if (sw_pull_before_last(L, client)) values = puller->end(L, client, puller->subject);
    }
    return values;
}

/* *is_stuck: the loop does not read, and what it had read before is taken. */
static int check_once(lua_State *L, struct client *client, const struct sw_puller *puller, bool *is_stuck) {
    struct sw_snapshot snapshot;
    uint16_t ends = client->ends_taken;
    /* The snapshot comes first: if it shows an end, all that came before the end is taken next. */
    sw_channel_snapshot(client->channel, &snapshot);
    sw_receiveq_take_all(L, client->context);
    sw_receiveq_take_early(client);
    int values = puller->take(L, client, puller->subject);
    if (values == 0) values = tell_end(L, client, puller);
    if (values > 0) return values;
    bool has_ended = snapshot.state == SW_STATE_IDLE || snapshot.state == SW_STATE_CLOSED;
    if (has_ended || client->ends_taken == ends) sw_receiveq_clear_end(client); /* or it has connected again */
    if (has_ended) return sw_push_no_connection(L, client, &snapshot);
    sw_receiveq_post_credit(client);
    sw_channel_snapshot(client->channel, &snapshot);
    *is_stuck = snapshot.paused && sw_receiveq_count_whole(client) == 0;
    return 0;
}

static int check(lua_State *L, struct client *client, void *subject) {
    bool is_stuck = false;
    int values = check_once(L, client, subject, &is_stuck);
    while (values == 0 && is_stuck) {
        /* Messages may have filled the inbox meanwhile. Paused without messages: reports fill it, so only a poll can
         * continue the reading. */
        sw_receiveq_take_all(L, client->context);
        if (sw_receiveq_count_whole(client) == 0 && sw_ends_first(client) == NULL) return sw_push_inbox_full(L);
        values = check_once(L, client, subject, &is_stuck);
    }
    return values;
}

static void push_timeout(lua_State *L, const struct client *client, const struct sw_snapshot *snapshot, void *subject) {
    const struct sw_puller *puller = subject;
    puller->push_timeout(L, client, snapshot, puller->subject);
}

static const struct sw_goal goal = {check, push_timeout, SW_WAKE_ON_STATE};

int sw_pull(lua_State *L, struct client *client, const char *where, int timeout, const struct sw_puller *puller) {
    double seconds = 0;
    if (!lua_isnoneornil(L, timeout)) seconds = sw_check_seconds(L, (struct sw_spot){where, "timeout"}, timeout);
    lua_settop(L, timeout);
    int values = puller->take(L, client, puller->subject);
    if (values == 0) values = sw_wait_until(L, client->context, client, sw_clock() + seconds, &goal, (void *)puller);
    sw_receiveq_notify(client->context);
    return values;
}
