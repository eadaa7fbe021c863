/* Methods that accept messages. */
#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/framing.h"
#include "base/options.h"
#include "base/retain.h"
#include "base/slice.h"
#include "base/tunables.h"
#include "buffer/page.h"
#include "channel/channel.h"
#include "channel/engine.h"
#include "channel/host_end.h"
#include "codec/codec.h"
#include "host/check.h"
#include "host/context.h"
#include "host/event.h"
#include "host/functions.h"
#include "host/pin.h"
#include "host/unfit.h"
#include "host/usable.h"

/* Its framing, if it has a length prefix, could carry it. */
static bool exceeds_limit(const struct sw_framing *framing, size_t size) {
    unsigned width = sw_framing_prefix(framing->kind);
    return width == 0 || size < UINT64_C(1) << 8 * width;
}

/* size: of the message, without framing. */
static int refuse_message(lua_State *L, const struct client *client, enum sw_err err, size_t size) {
    const struct sw_options *options = client->channel->options;
    LUAI_UACINT limit = (LUAI_UACINT)options->queue_limit;
    const char *sentence;
    if (err == SW_CLOSED) return sw_push_closed(L, client->server);
    if (err == SW_FULL)
        sentence = lua_pushfstring(L, "queue full: queue_limit is %I bytes; send again after the drain event", limit);
    else if (err == SW_TOOBIG && exceeds_limit(&options->framing, size))
        sentence =
            lua_pushfstring(L, "message too big: it has %I bytes, which with its framing exceeds queue_limit (%I)",
                            (LUAI_UACINT)size, limit);
    else if (err == SW_TOOBIG || err == SW_FRAME)
        sentence = sw_push_unfit(L, &options->framing, err, size);
    else
        return sw_push_no_memory(L);
    return sw_push_refusal(L, err, sentence);
}

static int push_id(lua_State *L, uint64_t id) {
    lua_pushinteger(L, (lua_Integer)id);
    return 1;
}

/* Pieces stand from index 2 on. */
static void refuse_piece(lua_State *L, int index) {
    const char *field = lua_gettop(L) > 2 ? lua_pushfstring(L, "piece %d of the message", index - 1) : "a message";
    sw_misuse(L, (struct sw_spot){"client:send", field}, index, "a string or a number");
}

enum { DIGITS = 20 }; /* of the longest integer, -9223372036854775808 */

/* The integer's text, as tostring has it, at the end of the buffer: ids and counts are sent often, and lua_tolstring
 * would make a string of each, at some ten times the price. */
static struct sw_slice write_integer(lua_Integer integer, char buffer[DIGITS]) {
    char *first = buffer + DIGITS;
    lua_Unsigned rest = integer < 0 ? -(lua_Unsigned)integer : (lua_Unsigned)integer;
    do *--first = (char)('0' + rest % 10);
    while ((rest /= 10) != 0);
    if (integer < 0) *--first = '-';
    return (struct sw_slice){first, (size_t)(buffer + DIGITS - first)};
}

/* A piece that is an integer is written into the buffer. */
static struct sw_slice check_piece(lua_State *L, int index, char buffer[DIGITS]) {
    struct sw_slice piece;
    int type = lua_type(L, index);
    if (type == LUA_TNUMBER && lua_isinteger(L, index)) return write_integer(lua_tointeger(L, index), buffer);
    if (type != LUA_TSTRING && type != LUA_TNUMBER) refuse_piece(L, index);
    piece.data = lua_tolstring(L, index, &piece.size);
    return piece;
}

static size_t total_size(const struct sw_slice *pieces, int count) {
    size_t size = 0;
    for (int i = 0; i < count; i++) size += pieces[i].size;
    return size;
}

static uint32_t end_flags(const struct client *client) {
    return client->channel->options->framing.kind == SW_FRAMING_RAW ? SW_END_UNFRAMED : 0;
}

/* --- pinning --- */

/* The piece to be read where it lies: the largest of those that are worth it; that a message has a second one is rare,
 * and that is copied. NULL: none. */
static const struct sw_slice *choose_pinned(const struct sw_slice *pieces, int count) {
    const struct sw_slice *chosen = NULL;
    for (int i = 0; i < count; i++) {
        size_t size = pieces[i].size;
        if (size >= SW_PIN_MIN && size <= SW_PIN_MAX && (chosen == NULL || size > chosen->size)) chosen = &pieces[i];
    }
    return chosen;
}

/* Sends a message that pins the string at index. */
static enum sw_err send_pinned(lua_State *L, const struct client *client, struct sw_outgoing *message, int index,
                               uint64_t *id) {
    struct sw_pages completions = sw_engine_take_completions(client->context->engine);
    sw_pins_end(L, &completions); /* so that a script that only sends releases its pinned strings */
    message->pin = sw_pin_make(L, index);
    enum sw_err failed = sw_channel_send(client->channel, message, id);
    if (failed != SW_OK) sw_pin_end(L, message->pin);
    return failed;
}

/* --- methods --- */

/* Many pieces become one first: a corner, and rightly the slower one. */
static void join_pieces(lua_State *L) {
    int last = lua_gettop(L);
    char buffer[DIGITS];
    for (int index = 2; index <= last; index++) check_piece(L, index, buffer);
    lua_concat(L, last - 1);
}

/***
 * @module sidewire.core
 */

/*** Queues one message; never waits. Possible at any time before close, also without a connection. Of a large message,
 * the largest piece (of 16 KiB and more) is not copied: the string itself is kept until that is finished or lost.
 * @function client:send
 * @tparam string|number ... pieces, which form one message; the framing is added
 * @treturn[1] integer the message's id
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: EFULL (drain follows), ETOOBIG, EFRAME, ECLOSED, EFORKED, ENOMEM; nothing was queued
 * @raise a piece that is no string or number; no piece
 */
int sw_method_send(lua_State *L) {
    struct client *client = sw_check_usable(L, 1);
    if (client == NULL) return 3;
    if (lua_gettop(L) > SW_PIECES + 1) join_pieces(L);
    int count = lua_gettop(L) - 1;
    if (count == 0) refuse_piece(L, 2);
    struct sw_slice pieces[SW_PIECES + 2]; /* the framing's bytes have a place before and behind */
    char integers[SW_PIECES][DIGITS];
    for (int i = 1; i <= count; i++) pieces[i] = check_piece(L, i + 1, integers[i - 1]);
    struct sw_envelope envelope;
    uint64_t id = 0;
    enum sw_err failed = sw_encode(&client->channel->options->framing, pieces + 1, (size_t)count, &envelope);
    if (failed == SW_OK) {
        struct sw_slice *first = pieces + 1;
        if (envelope.prefix_size > 0) *--first = (struct sw_slice){envelope.prefix, envelope.prefix_size};
        struct sw_slice *end = pieces + 1 + count;
        if (envelope.suffix_size > 0) *end++ = (struct sw_slice){envelope.suffix, envelope.suffix_size};
        const struct sw_slice *pinned = choose_pinned(pieces + 1, count);
        struct sw_outgoing message = {first, (size_t)(end - first), end_flags(client), pinned, 0};
        failed = pinned == NULL ? sw_channel_send(client->channel, &message, &id)
                                : send_pinned(L, client, &message, (int)(pinned - pieces) + 1, &id);
    }
    if (failed != SW_OK) return refuse_message(L, client, failed, total_size(pieces + 1, count));
    return push_id(L, id);
}

/*** Queues bytes as they are, without framing. Cut in the middle by a lost connection, they are reported lost,
 * "unknown".
 * @function client:write
 * @tparam string bytes not empty
 * @treturn[1] integer an id, like a message's
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: EFULL (drain follows), ETOOBIG, EFRAME (no bytes), ECLOSED, EFORKED, ENOMEM
 * @raise bytes is no string or number
 */
int sw_method_write(lua_State *L) {
    struct client *client = sw_check_usable(L, 1);
    if (client == NULL) return 3;
    if (!sw_is_text(L, 2)) sw_misuse(L, (struct sw_spot){"client:write", "bytes"}, 2, "a string or a number");
    struct sw_slice bytes;
    bytes.data = lua_tolstring(L, 2, &bytes.size);
    if (bytes.size == 0) return sw_push_refusal(L, SW_FRAME, "bytes must not be empty");
    uint64_t id = 0;
    struct sw_outgoing message = {&bytes, 1, SW_END_UNFRAMED, choose_pinned(&bytes, 1), 0};
    enum sw_err failed = message.pinned == NULL ? sw_channel_send(client->channel, &message, &id)
                                                : send_pinned(L, client, &message, 2, &id);
    if (failed != SW_OK) return refuse_message(L, client, failed, bytes.size);
    return push_id(L, id);
}

/*** Messages up to id need no replay any more: the peer's program has said that it has them. For retain =
 * "unconfirmed"; to confirm what is confirmed already does nothing.
 * @function client:confirm
 * @tparam integer|string id
 * @treturn[1] boolean true
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: EINVAL (ids may come from peers: this one was never handed over), ECLOSED, EFORKED
 * @raise id is no whole number; another retain
 */
int sw_method_confirm(lua_State *L) {
    struct client *client = sw_check_usable(L, 1);
    if (client == NULL) return 3;
    int is_id;
    lua_Integer id = lua_tointegerx(L, 2, &is_id);
    if (!is_id) sw_misuse(L, (struct sw_spot){"client:confirm", "id"}, 2, "a whole number");
    if (client->channel->options->retain != SW_RETAIN_UNCONFIRMED)
        return luaL_error(L, "client:confirm: only for clients made with retain = \"unconfirmed\"");
    if (client->is_closed) return sw_push_closed(L, client->server);
    if (id >= 0 && sw_channel_post_confirmed(client->channel, (uint64_t)id)) return lua_pushboolean(L, true), 1;
    lua_pushnil(L);
    lua_pushfstring(L, "message %I was never handed over, so it cannot be confirmed", (LUAI_UACINT)id);
    lua_pushliteral(L, "EINVAL");
    return 3;
}
