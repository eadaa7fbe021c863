/* The method set_framing. */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/framing.h"
#include "base/options.h"
#include "base/retain.h"
#include "base/state.h"
#include "channel/channel.h"
#include "channel/host_end.h"
#include "host/check.h"
#include "host/context.h"
#include "host/ends.h"
#include "host/event.h"
#include "host/functions.h"
#include "host/getters.h"
#include "host/luacompat.h"
#include "host/no_connection.h"
#include "host/policy.h"
#include "host/pulling.h"
#include "host/raise.h"
#include "host/read_framing.h"
#include "host/receiveq.h"
#include "host/unread.h"
#include "host/usable.h"

static void check_client(lua_State *L, struct client *client) {
    const struct sw_options *options = client->channel->options;
    if (options->framing.kind != SW_FRAMING_RAW)
        sw_raise(L, "client:set_framing: only for clients made with framing = \"raw\"");
    if (options->retain != SW_RETAIN_NONE)
        sw_raise(L,
                 "client:set_framing: only for clients made with retain = \"none\": another connection, which begins "
                 "raw, must not send again what was framed for this one");
    sw_pull_begin(L, client, "client:set_framing");
    if (!sw_unread_make(client)) sw_raise(L, "client:set_framing: not enough memory");
}

/* The arguments at 2 and 3. */
static void read_framing(lua_State *L, const struct client *client, struct sw_framing *framing) {
    const char *where = "client:set_framing";
    int64_t max_message = 0;
    memset(framing, 0, sizeof *framing);
    sw_check_framing(L, (struct sw_spot){where, "framing"}, 2, framing);
    if (!lua_isnil(L, 3))
        max_message = sw_check_integer(L, (struct sw_spot){where, "max_message"}, 3, 1, SW_MESSAGE_MAX);
    sw_framing_complete(L, where, framing, max_message, client->context->policy.max_inbox);
}

/* The framing applies to the connection whose bytes are read next. Returns false if there is none. */
static bool choose_connection(lua_State *L, struct client *client, struct sw_snapshot *snapshot, uint32_t *connection) {
    sw_channel_snapshot(client->channel, snapshot); /* first: the end of an earlier connection is taken next */
    sw_receiveq_take_all(L, client->context);
    bool is_open = snapshot->state == SW_STATE_CONNECTED, has_ended = sw_ends_first(client) != NULL;
    *connection = is_open && !has_ended ? snapshot->connection : 0;
    return is_open || sw_receiveq_count_messages(client) > 0;
}

/***
 * @module sidewire.core
 */

/*** Changes the framing of the present connection, where a dialogue switches it: from now on client:receive decodes the
 * bytes that are not read yet, and client:send frames. It ends with the connection; the next one is raw again. Until
 * the script knows of the end, send refuses with ENOTCONN. For clients with framing = "raw", retain = "none", and
 * without a message handler. sidewire.events() leaves the messages to receive. If the other side breaks the framing,
 * receive returns nil, message, "EFRAME", and the connection ends, as it does with the option framing.
 * @function client:set_framing
 * @tparam string|table framing as the option; "raw": none, so that client:read reads again
 * @tparam[opt] integer max_message as the option; default: that of the framing
 * @treturn[1] boolean true
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: ENOTCONN and others: there is no connection; ECLOSED, EFORKED, EPOLICY, ENOMEM
 * @raise not such a client; invalid framing or max_message
 */
int sw_method_set_framing(lua_State *L) {
    struct client *client = sw_check_usable(L, 1);
    if (client == NULL) return 3;
    struct sw_framing framing;
    struct sw_snapshot snapshot;
    uint32_t connection;
    lua_settop(L, 3);
    check_client(L, client);
    read_framing(L, client, &framing);
    if (sw_policy_refuses_message(L, &client->context->policy, "client:set_framing", framing.max)) return 3;
    if (client->is_closed) return sw_push_closed(L, sw_client_server(client));
    bool is_raw = framing.kind == SW_FRAMING_RAW;
    if (!choose_connection(L, client, &snapshot, &connection) && !is_raw)
        return sw_push_no_connection(L, client, &snapshot);
    if (!sw_unread_set_framing(client->unread, is_raw ? NULL : &framing)) return sw_push_no_memory(L);
    if (!is_raw) {
        if (connection != 0) client->seen = connection;
        client->unread->framed->connection = connection;
        client->unread->framed->seen = client->seen;
    }
    sw_receiveq_schedule(client);
    lua_pushboolean(L, true);
    return 1;
}
