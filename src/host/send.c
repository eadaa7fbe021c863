/* The methods send, send_once, write and confirm. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/decimal.h"
#include "base/error.h"
#include "base/framing.h"
#include "base/options.h"
#include "base/retain.h"
#include "base/slice.h"
#include "base/state.h"
#include "base/tunables.h"
#include "buffer/page.h"
#include "channel/channel.h"
#include "channel/engine.h"
#include "channel/host_end.h"
#include "channel/once.h"
#include "channel/snapshot.h"
#include "codec/codec.h"
#include "host/check.h"
#include "host/context.h"
#include "host/ends.h"
#include "host/event.h"
#include "host/functions.h"
#include "host/getters.h"
#include "host/luacompat.h"
#include "host/pin.h"
#include "host/raise.h"
#include "host/receiveq.h"
#include "host/unfit.h"
#include "host/unread.h"
#include "host/usable.h"

static const struct sw_framing *framing_of(const struct client *client) {
    const struct sw_framed *framed = sw_client_framed_for_send(client);
    return framed != NULL ? &framed->framing : &client->channel->options->framing;
}

static int refuse_once(lua_State *L, const struct client *client) {
    if (client->seen == 0 && sw_client_state(client) == SW_STATE_IDLE)
        return sw_push_not_connected(L, "not connected: call client:connect first");
    if (client->seen == 0)
        return sw_push_not_connected(
            L, "not connected yet: wait for the connect event, or for client:wait(\"connected\")");
    lua_pushfstring(L,
                    "the connection to %s that the message is for has ended: wait for the next connect event, or for "
                    "client:wait(\"connected\")",
                    sw_push_place(L, sw_client_server(client)));
    return sw_push_not_connected(L, lua_tostring(L, -1));
}

/* Pushes nil, message, code for a message that was not accepted. size: bytes of the message, without framing. `fault` is
 * sw_encode's; NULL: it was not asked, or has accepted the message. */
static int refuse_message(lua_State *L, const struct client *client, enum sw_err err, size_t size,
                          const struct sw_fault *fault) {
    const struct sw_options *options = client->channel->options;
    const char *limit = SW_DECIMAL(options->queue_limit);
    const char *sentence;
    bool is_bound = sw_client_framed_for_send(client) != NULL && !client->is_closed;
    if (err == SW_CLOSED && is_bound) return refuse_once(L, client);
    if (err == SW_CLOSED) return sw_push_closed(L, sw_client_server(client));
    if (err == SW_FULL)
        sentence = lua_pushfstring(L, "queue full: queue_limit is %s bytes; send again after the drain event", limit);
    else if (err == SW_TOOBIG && size <= sw_framing_longest(framing_of(client)))
        sentence =
            lua_pushfstring(L, "message too big: it has %s bytes, which with its framing exceeds queue_limit (%s)",
                            SW_DECIMAL(size), limit);
    else if (err == SW_TOOBIG || err == SW_FRAME)
        sentence = sw_push_unfit(L, framing_of(client), err, size, fault);
    else
        return sw_push_no_memory(L);
    return sw_push_refusal(L, err, sentence);
}

static int push_id(lua_State *L, uint64_t id) {
    sw_push_integer(L, (int64_t)id);
    return 1;
}

static int refuse_shut(lua_State *L, const struct client *client) {
    if (client->is_closed) return sw_push_closed(L, sw_client_server(client));
    return sw_push_not_connected(L, "client:shutdown has ended sending: call client:connect first");
}

/* Pieces stand from index 2 on. */
static void refuse_piece(lua_State *L, const char *where, int index) {
    const char *field = lua_gettop(L) > 2 ? lua_pushfstring(L, "piece %d of the message", index - 1) : "a message";
    sw_misuse(L, (struct sw_spot){where, field}, index, "a string or a number");
}

/* A piece that is an integer is written into the buffer, as tostring writes it. Ids and counts are sent often; lua_tolstring
 * would make a Lua string of each, which takes about ten times as long. */
static struct sw_slice check_piece(lua_State *L, const char *where, int index, char buffer[SW_DECIMAL_SIZE]) {
    struct sw_slice piece;
    int type = lua_type(L, index);
    if (type == LUA_TNUMBER && sw_is_integer(L, index)) return sw_decimal(sw_to_integer(L, index, NULL), buffer);
    if (type != LUA_TSTRING && type != LUA_TNUMBER) refuse_piece(L, where, index);
    piece.data = lua_tolstring(L, index, &piece.size);
    return piece;
}

static size_t total_size(const struct sw_slice *pieces, size_t count) {
    size_t size = 0;
    for (size_t i = 0; i < count; i++) size += pieces[i].size;
    return size;
}

static uint32_t end_flags(const struct client *client) {
    return framing_of(client)->kind == SW_FRAMING_RAW ? SW_END_UNFRAMED : 0;
}

/* Many pieces become one first: a corner, and rightly the slower one. */
static void join_pieces(lua_State *L, const char *where) {
    int last = lua_gettop(L);
    char buffer[SW_DECIMAL_SIZE];
    for (int index = 2; index <= last; index++) check_piece(L, where, index, buffer);
    lua_concat(L, last - 1);
}

/* A message as the script gave it, with its framing. */
struct gathered {
    struct sw_slice pieces[SW_PIECES_MAX + 2]; /* the framing's bytes have a place before and behind */
    size_t given;                              /* of the script's, from pieces + 1 on */
    struct sw_slice *first;                    /* with the framing ... */
    size_t count;                              /* ... so many */
    struct sw_envelope envelope;
    char integers[SW_PIECES_MAX][SW_DECIMAL_SIZE];
};

/* Reads the pieces from index 2 on, and frames them: SW_OK, or why the framing cannot carry them. It points into itself and
 * to the strings of the Lua stack. */
static enum sw_err gather(lua_State *L, const char *where, const struct client *client, struct gathered *message) {
    if (lua_gettop(L) > SW_PIECES_MAX + 1) join_pieces(L, where);
    if (lua_gettop(L) < 2) refuse_piece(L, where, 2);
    size_t given = (size_t)lua_gettop(L) - 1;
    struct sw_slice *pieces = message->pieces + 1;
    for (size_t i = 0; i < given; i++) pieces[i] = check_piece(L, where, (int)i + 2, message->integers[i]);
    message->given = given;
    struct sw_envelope *envelope = &message->envelope;
    envelope->prefix_size = envelope->suffix_size = 0;
    enum sw_err failed = sw_encode(framing_of(client), pieces, message->given, envelope);
    if (failed != SW_OK) return failed;
    struct sw_slice *first = pieces, *end = pieces + given;
    if (envelope->prefix_size > 0) *--first = (struct sw_slice){envelope->prefix, envelope->prefix_size};
    if (envelope->suffix_size > 0) *end++ = (struct sw_slice){envelope->suffix, envelope->suffix_size};
    message->first = first;
    message->count = (size_t)(end - first);
    return SW_OK;
}

/* --- pinning --- */

/* The piece to be read where it lies: the largest of those that are worth it; that a message has a second one is rare,
 * and that is copied. NULL: none. */
static const struct sw_slice *choose_pinned(const struct sw_slice *pieces, size_t count) {
    const struct sw_slice *chosen = NULL;
    for (size_t i = 0; i < count; i++) {
        size_t size = pieces[i].size;
        if (size >= SW_PIN_MIN && size <= SW_PIN_MAX && (chosen == NULL || size > chosen->size)) chosen = &pieces[i];
    }
    return chosen;
}

/* Sends a message that pins the string at index. */
static enum sw_err send_pinned(lua_State *L, const struct client *client, struct sw_outgoing *message, int index,
                               uint64_t *id) {
    sw_pins_push(L);
    struct sw_pages completions = sw_engine_take_completions(client->context->engine);
    sw_pins_end(L, &completions); /* ends old pins also for a script that only sends */
    message->pin = sw_pin_make(L, index);
    enum sw_err failed = sw_channel_send(client->channel, message, id);
    if (failed != SW_OK) sw_pin_end(L, message->pin);
    return failed;
}

/* --- methods --- */

/***
 * @module sidewire.core
 */

/*** Queues one message; never waits. It adds what the framing wants: with "line" the "\n", so a message with a line's end
 * of its own is refused, EFRAME. It works at any time before close, also without a connection. The largest piece is
 * not copied if it has 16 KiB or more: the client refers to the string until the message is finished or lost.
 *
 * Ids begin at 1 and rise by one with each send or write that is accepted; a refused one takes none. So the next id is
 * client:stats().accepted + 1.
 * @function client:send
 * @tparam string|number ... pieces that together form one message; send adds the framing
 * @treturn[1] integer the message's id
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: EFULL (a drain event follows), ETOOBIG, EFRAME, ENOTCONN (after shutdown), ECLOSED, EFORKED,
 * ENOMEM; nothing was queued
 * @raise a piece that is neither string nor number; no piece
 */
int sw_method_send(lua_State *L) {
    struct client *client = sw_check_usable(L, 1);
    if (client == NULL) return 3;
    if (client->is_shut) return refuse_shut(L, client);
    struct gathered message;
    uint64_t id = 0;
    enum sw_err failed = gather(L, "client:send", client, &message);
    if (failed == SW_OK) {
        const struct sw_slice *pinned = choose_pinned(message.pieces + 1, message.given);
        const struct sw_framed *framed = sw_client_framed_for_send(client);
        struct sw_outgoing outgoing = {message.first,
                                       message.count,
                                       end_flags(client),
                                       pinned,
                                       0,
                                       framed != NULL,
                                       framed != NULL ? framed->connection : 0};
        failed = pinned == NULL ? sw_channel_send(client->channel, &outgoing, &id)
                                : send_pinned(L, client, &outgoing, (int)(pinned - message.pieces) + 1, &id);
    }
    if (failed != SW_OK)
        return refuse_message(L, client, failed, total_size(message.pieces + 1, message.given),
                              &message.envelope.fault);
    return push_id(L, id);
}

/*** Queues one message for the present connection only: an answer, an acknowledgement, a ping. It goes out in its place
 * among those of send, takes no id, is never sent again, and belongs to none of the four groups of stats() (once counts
 * it). If the connection ends before it is handed to the system whole, detail.once_lost of the disconnect event counts
 * it.
 *
 * The present connection is the newest that the script has seen: whose connect event poll or events() has delivered, with
 * or without a handler, or with which client:wait("connected") has returned true. Before that, and after its disconnect
 * event or its end, send_once fails with ENOTCONN. After send_once, receive and read do not return the end of an earlier
 * connection any more, if nothing unread is in front of it. Unread messages of an earlier connection still come first:
 * take them before you connect.
 * @function client:send_once
 * @tparam string|number ... pieces, which form one message; the framing is added
 * @treturn[1] boolean true
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: ENOTCONN (that connection has ended or is to end), EFULL (drain follows), ETOOBIG, EFRAME,
 * ECLOSED, EFORKED, ENOMEM; nothing was queued
 * @raise a piece that is no string or number; no piece
 */
int sw_method_send_once(lua_State *L) {
    struct client *client = sw_check_usable(L, 1);
    if (client == NULL) return 3;
    struct gathered message;
    enum sw_err failed = gather(L, "client:send_once", client, &message);
    size_t size = total_size(message.pieces + 1, message.given);
    if (failed != SW_OK) return refuse_message(L, client, failed, size, &message.envelope.fault);
    if (client->is_closed) return sw_push_closed(L, sw_client_server(client));
    if (client->is_shut) return refuse_shut(L, client);
    struct sw_once *once = sw_once_new(message.first, message.count, total_size(message.first, message.count));
    if (once == NULL) return sw_push_no_memory(L);
    failed = sw_channel_post_once(client->channel, once, client->seen);
    if (failed == SW_CLOSED) return refuse_once(L, client);
    if (failed != SW_OK) return refuse_message(L, client, failed, size, NULL);
    client->once++;
    if (sw_ends_first(client) != NULL) sw_receiveq_pass_ends(client); /* of earlier ones: this one is open */
    lua_pushboolean(L, true);
    return 1;
}

/*** Queues bytes as they are, without framing. Cut in the middle by a lost connection, they are reported lost,
 * "unknown".
 * @function client:write
 * @tparam string bytes not empty
 * @treturn[1] integer an id, like a message's
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: EFULL (a drain event follows), ETOOBIG, EFRAME (no bytes), ENOTCONN (after shutdown), ECLOSED,
 * EFORKED, ENOMEM
 * @raise bytes is neither string nor number
 */
int sw_method_write(lua_State *L) {
    struct client *client = sw_check_usable(L, 1);
    if (client == NULL) return 3;
    if (client->is_shut) return refuse_shut(L, client);
    if (!sw_is_text(L, 2)) sw_misuse(L, (struct sw_spot){"client:write", "bytes"}, 2, "a string or a number");
    struct sw_slice bytes;
    bytes.data = lua_tolstring(L, 2, &bytes.size);
    if (bytes.size == 0) return sw_push_refusal(L, SW_FRAME, "bytes must not be empty");
    uint64_t id = 0;
    struct sw_outgoing message = {&bytes, 1, SW_END_UNFRAMED, choose_pinned(&bytes, 1), 0, false, 0};
    enum sw_err failed = message.pinned == NULL ? sw_channel_send(client->channel, &message, &id)
                                                : send_pinned(L, client, &message, 2, &id);
    if (failed != SW_OK) return refuse_message(L, client, failed, bytes.size, NULL);
    return push_id(L, id);
}

/* Pushes nil, message, code for an id that cannot be confirmed. */
static int refuse_confirmation(lua_State *L, const struct client *client, int64_t id) {
    struct sw_snapshot snapshot;
    sw_channel_snapshot(client->channel, &snapshot);
    lua_pushnil(L);
    if (id < 0)
        lua_pushfstring(L, "there is no message %s: ids begin at 1", SW_DECIMAL(id));
    else if ((uint64_t)id > snapshot.accepted && snapshot.accepted == 0)
        lua_pushfstring(L, "there is no message %s: none was sent yet", SW_DECIMAL(id));
    else if ((uint64_t)id > snapshot.accepted)
        lua_pushfstring(L, "there is no message %s: the newest is %s", SW_DECIMAL(id), SW_DECIMAL(snapshot.accepted));
    else
        lua_pushfstring(L, "message %s was never handed over, so it cannot be confirmed", SW_DECIMAL(id));
    lua_pushliteral(L, "EINVAL");
    return 3;
}

/*** Confirms messages up to id: the other program has said that it has them, so they are not sent again. For retain =
 * "unconfirmed". To confirm a message twice does nothing.
 * @function client:confirm
 * @tparam integer|string id
 * @treturn[1] boolean true
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: EINVAL (no connection was given this message; not misuse, because the other side may
 * send ids), ECLOSED, EFORKED
 * @raise id is not a whole number; another retain
 */
int sw_method_confirm(lua_State *L) {
    struct client *client = sw_check_usable(L, 1);
    if (client == NULL) return 3;
    int is_id;
    int64_t id = sw_to_integer(L, 2, &is_id);
    if (!is_id) sw_misuse(L, (struct sw_spot){"client:confirm", "id"}, 2, "a whole number");
    if (client->channel->options->retain != SW_RETAIN_UNCONFIRMED)
        return sw_raise(L, "client:confirm: only for clients made with retain = \"unconfirmed\"");
    if (client->is_closed) return sw_push_closed(L, sw_client_server(client));
    if (id >= 0 && sw_channel_post_confirmed(client->channel, (uint64_t)id)) return lua_pushboolean(L, true), 1;
    return refuse_confirmation(L, client, id);
}
