/* The method receive. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "channel/host_end.h"
#include "host/bad_frame.h"
#include "host/check.h"
#include "host/context.h"
#include "host/ends.h"
#include "host/event.h"
#include "host/functions.h"
#include "host/getters.h"
#include "host/luacompat.h"
#include "host/pulling.h"
#include "host/receiveq.h"
#include "host/timeout.h"
#include "host/unread.h"
#include "host/usable.h"

static int take(lua_State *L, struct client *client, void *subject) {
    (void)subject;
    while (sw_receiveq_count_before_end(client) > 0) {
        if (!sw_pull_before_last(L, client) || !sw_receiveq_take_message(L, client)) continue;
        sw_pull_after_last(L, client);
        return 1;
    }
    return 0;
}

static int tell_end(lua_State *L, struct client *client, void *subject) {
    (void)subject;
    uint64_t serial = client->serial;
    int values = sw_pull_push_end(L, client);
    if (client->serial != serial) return 0;
    sw_receiveq_tell_end(client);
    return values;
}

static void push_timeout(lua_State *L, const struct client *client, const struct sw_snapshot *snapshot, void *subject) {
    (void)subject;
    sw_timeout_push_message(L, client, snapshot);
}

static const struct sw_puller message = {take, tell_end, push_timeout, NULL};

/* --- after client:set_framing --- */

/* Drops what the connection has brought after it broke the framing. */
static void drop_rest(lua_State *L, struct client *client) {
    (void)sw_pull_before_last(L, client);
    do {
        if (sw_client_has_unread(client)) sw_receiveq_consume_unread(client, sw_unread_size(client->unread));
    } while (sw_receiveq_pull(client) == SW_PULLED);
    sw_pull_after_last(L, client);
}

/* What is known of the frame, as for the event of a connection that the loop has ended. */
static struct sw_bad_frame_copy copy_bad_frame(const struct client *client, const struct sw_framing *framing) {
    const struct sw_unread *unread = client->unread;
    struct sw_bad_frame_copy bad = {framing, unread->framed->fault, SW_BAD_FRAME_ANYWHERE, sw_unread_size(unread), {0}};
    if (bad.size > bad.fault.at) bad.size = (size_t)bad.fault.at;
    if (bad.size > sizeof bad.bytes) bad.size = sizeof bad.bytes;
    memcpy(bad.bytes, unread->bytes + unread->start, bad.size);
    return bad;
}

static int refuse_frame(lua_State *L, struct client *client) {
    struct sw_framed *framed = sw_client_framed(client);
    const struct sw_framing framing = framed->framing; /* a finalizer may end it */
    const struct sw_bad_frame_copy bad = copy_bad_frame(client, &framing);
    framed->is_bad = true;
    if (framed->connection != 0) sw_channel_post_bad_frame(client->channel, framed->connection);
    drop_rest(L, client);
    return sw_push_frame_failure(L, &bad, sw_client_server(client));
}

/* Pushes the message that was decoded. False: a finalizer has changed something meanwhile. */
static bool push_decoded(lua_State *L, struct client *client) {
    if (!sw_pull_before_last(L, client)) return false;
    struct sw_framed *framed = sw_client_framed(client);
    if (!sw_receiveq_push_unread(L, client, framed->payload, framed->size)) {
        lua_pop(L, 1);
        return false;
    }
    sw_receiveq_consume_unread(client, framed->scanned);
    sw_unread_next_frame(framed);
    sw_receiveq_set_short(client, false);
    sw_pull_after_last(L, client);
    return true;
}

static int take_decoded(lua_State *L, struct client *client, void *subject) {
    (void)subject;
    while (sw_client_framed(client) != NULL && !sw_client_framed(client)->is_bad) {
        enum sw_frame_status status = SW_FRAME_PART;
        if (sw_client_has_unread(client)) status = sw_unread_decode(client->unread);
        if (status == SW_FRAME_BAD) return refuse_frame(L, client);
        if (status == SW_FRAME_WHOLE) {
            if (push_decoded(L, client)) return 1;
            continue;
        }
        enum sw_pulled pulled = sw_receiveq_pull(client);
        if (pulled == SW_PULLED_NO_MEMORY) return sw_push_no_memory(L);
        if (pulled == SW_PULLED_NONE) break;
    }
    if (sw_client_framed(client) == NULL)
        return take(L, client, NULL); /* that connection has ended, and this is another */
    if (sw_client_framed(client)->is_bad) drop_rest(L, client);
    sw_receiveq_set_short(client, true);
    return 0;
}

/* The message that has not come whole is dropped. An end that came of a broken framing was told when that was found. */
static int end_decoded(lua_State *L, struct client *client, void *subject) {
    const struct sw_framed *framed = sw_client_framed(client);
    if (framed == NULL) return tell_end(L, client, subject);
    if (framed->is_bad) {
        sw_receiveq_tell_end(client);
        return take(L, client, NULL);
    }
    return tell_end(L, client, subject);
}

static const struct sw_puller decoded = {take_decoded, end_decoded, push_timeout, NULL};

/***
 * @module sidewire.core
 */

/*** Returns the next message; calls no handlers. For clients without a message handler. Other events stay for poll. When
 * a connection has ended, and its messages are taken, returns nil, how it ended and the code, once, also if the client has
 * connected again; then come the messages of the next connection. So "ECLOSED" may be about the connection before: the
 * message says so. An end that client:connect finds with nothing unread in front of it is not returned. If there is no
 * message and no connection, returns why there is no connection. With raw framing, the rest of a chunk that client:read has begun is a message. After client:set_framing, decodes by that
 * framing.
 *
 * What came of a message that did not end, such as a last line without its "\n", is no message: the disconnect event
 * has it in detail.partial.
 * @function client:receive
 * @tparam[opt] number timeout seconds to wait for a message; default: do not wait
 * @treturn[1] string message
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: ETIMEDOUT (no message), EINTR, EFULL (unread events pause the reading: poll first),
 * ENOTCONN, ECLOSED, EFORKED, EFRAME (after set_framing: the other side broke the framing, and the connection ends),
 * ENOMEM (the same), or how the connection ended
 * @raise a message handler is set; invalid timeout
 */
int sw_method_receive(lua_State *L) {
    struct client *client = sw_check_usable(L, 1);
    if (client == NULL) return 3;
    if (lua_type(L, 2) == LUA_TSTRING && !lua_isnumber(L, 2))
        return sw_misuse_with(L, (struct sw_spot){"client:receive", "timeout"}, 2, "a number of seconds, 0..1e8",
                              ": it takes no pattern; framing says what a message is, and client:read, with framing = "
                              "\"raw\", reads lines and sizes");
    sw_pull_begin(L, client, "client:receive");
    return sw_pull(L, client, "client:receive", 2, sw_client_framed(client) != NULL ? &decoded : &message);
}
