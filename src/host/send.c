/* Methods that accept messages. */
#include <lauxlib.h>

#include "codec/codec.h"
#include "host/check.h"
#include "host/event.h"
#include "host/host.h"

/* The framing's bytes and the script's pieces, as one message. */
enum { PIECES = 16 };

static int refuse_message(lua_State *L, const struct client *client, enum sw_err err) {
    const struct sw_options *options = &client->channel->options;
    switch (err) {
    case SW_CLOSED: return sw_push_closed(L);
    case SW_FULL:
        lua_pushfstring(L, "queue full: queue_limit is %I bytes; send again after the drain event",
                        (LUAI_UACINT)options->queue_limit);
        break;
    case SW_TOOBIG:
        lua_pushfstring(L, "message too big for its length prefix or for queue_limit (%I bytes)",
                        (LUAI_UACINT)options->queue_limit);
        break;
    case SW_FRAME:
        lua_pushstring(L, options->framing.kind == SW_FRAMING_FIXED
                              ? "this framing carries messages of its fixed size only"
                              : "this framing cannot carry the message exactly (it is empty, holds the delimiter, or "
                                "joins with it)");
        break;
    default: return sw_push_no_memory(L);
    }
    int sentence = lua_gettop(L);
    sw_push_refusal(L, err, lua_tostring(L, sentence));
    return 3;
}

static int accept(lua_State *L, const struct client *client, enum sw_err err, uint64_t id) {
    if (err != SW_OK) return refuse_message(L, client, err);
    lua_pushinteger(L, (lua_Integer)id);
    return 1;
}

static struct sw_slice check_piece(lua_State *L, int index, const char *where) {
    struct sw_slice piece;
    if (lua_type(L, index) != LUA_TSTRING && lua_type(L, index) != LUA_TNUMBER)
        sw_misuse(L, (struct sw_spot){where, "a message"}, index, "a string or a number");
    piece.data = lua_tolstring(L, index, &piece.size);
    return piece;
}

static uint32_t end_flags(const struct client *client) {
    return client->channel->options.framing.kind == SW_FRAMING_RAW ? SW_END_LOOSE : 0;
}

/* Many pieces become one first: a corner, and rightly the slower one. */
static void join_pieces(lua_State *L) {
    int last = lua_gettop(L);
    for (int index = 2; index <= last; index++) check_piece(L, index, "client:send");
    lua_concat(L, last - 1);
}

/*** Queues one message; never waits. Possible at any time before close, also without a connection.
 * @function client:send
 * @tparam string|number ... pieces, which form one message; the framing is added
 * @treturn[1] integer the message's id
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: EFULL (drain follows), ETOOBIG, EFRAME, ECLOSED, EFORKED, ENOMEM; nothing was queued
 * @raise a piece that is no string or number; no piece
 */
static int client_send(lua_State *L) {
    struct client *client = sw_check_usable(L, 1);
    if (client == NULL) return 3;
    if (lua_gettop(L) > PIECES + 1) join_pieces(L);
    int count = lua_gettop(L) - 1;
    if (count == 0) return luaL_error(L, "client:send: a message must be a string or a number, got no value");
    struct sw_slice pieces[PIECES + 2]; /* the framing's bytes have a place before and behind */
    for (int i = 1; i <= count; i++) pieces[i] = check_piece(L, i + 1, "client:send");
    struct sw_envelope envelope;
    uint64_t id = 0;
    enum sw_err failed = sw_encode(&client->channel->options.framing, pieces + 1, (size_t)count, &envelope);
    if (failed == SW_OK) {
        struct sw_slice *first = pieces + 1;
        if (envelope.prefix_size > 0) *--first = (struct sw_slice){envelope.prefix, envelope.prefix_size};
        struct sw_slice *end = pieces + 1 + count;
        if (envelope.suffix_size > 0) *end++ = (struct sw_slice){envelope.suffix, envelope.suffix_size};
        failed = sw_channel_send(client->channel, first, (size_t)(end - first), end_flags(client), &id);
    }
    return accept(L, client, failed, id);
}

/*** Queues bytes as they are, without framing. Cut in the middle by a lost connection, they are reported lost,
 * "unknown".
 * @function client:write
 * @tparam string bytes not empty
 * @treturn[1] integer an id, like a message's
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: EFULL (drain follows), ETOOBIG, EFRAME (no bytes), ECLOSED, EFORKED, ENOMEM
 */
static int client_write(lua_State *L) {
    struct client *client = sw_check_usable(L, 1);
    if (client == NULL) return 3;
    struct sw_slice bytes = check_piece(L, 2, "client:write");
    if (bytes.size == 0) return sw_push_refusal(L, SW_FRAME, "there are no bytes to write");
    uint64_t id = 0;
    enum sw_err failed = sw_channel_send(client->channel, &bytes, 1, SW_END_LOOSE, &id);
    return accept(L, client, failed, id);
}

static int client_confirm(lua_State *L) {
    if (sw_check_usable(L, 1) == NULL) return 3;
    return luaL_error(L, "client:confirm: retain = \"unconfirmed\" is not available in this version");
}

const luaL_Reg sw_send_methods[] = {
    {"send", client_send},
    {"write", client_write},
    {"confirm", client_confirm},
    {NULL, NULL},
};
