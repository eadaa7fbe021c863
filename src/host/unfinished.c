/* client:unfinished: a look at what would be sent, or sent again. */
#include <lauxlib.h>

#include "base/cursor.h"
#include "codec/codec.h"
#include "host/check.h"
#include "host/event.h"
#include "host/host.h"
#include "host/wait.h"

static const struct sw_kind unfinished_kind = {"sidewire.unfinished"};

/* The iterator's state: copies, which the client knows nothing of. */
struct unfinished {
    const struct sw_kind *kind;
    struct sw_cursor cursor;
    uint64_t id; /* of the next */
    size_t before, behind;
    bool tells_written;
};

static struct unfinished *check(lua_State *L, int index) {
    struct unfinished *unfinished = sw_to_kind(L, index, &unfinished_kind, sizeof *unfinished);
    if (unfinished == NULL)
        luaL_argerror(L, index,
                      lua_pushfstring(L, "%s expected, got %s", unfinished_kind.name, luaL_typename(L, index)));
    return unfinished;
}

static int collect(lua_State *L) {
    struct unfinished *unfinished = check(L, 1);
    sw_cursor_drop(&unfinished->cursor);
    return 0;
}

static struct unfinished *push_empty(lua_State *L, const struct sw_framing *framing) {
    struct unfinished *unfinished = lua_newuserdatauv(L, sizeof *unfinished, 0);
    *unfinished = (struct unfinished){.kind = &unfinished_kind};
    sw_framing_margins(framing, &unfinished->before, &unfinished->behind);
    unfinished->tells_written = framing->kind != SW_FRAMING_RAW;
    lua_createtable(L, 0, 3); /* the call is rare */
    lua_pushcfunction(L, collect);
    lua_setfield(L, -2, "__gc");
    sw_seal_metatable(L, &unfinished_kind);
    lua_setmetatable(L, -2);
    return unfinished;
}

/* Is the message with that id the next one? Pushing may run finalizers, and these may iterate, too, or collect. */
static bool is_next(const struct unfinished *unfinished, uint64_t id) {
    return unfinished->cursor.pages.head != NULL && unfinished->id == id;
}

/* Pushes `size` bytes of the next message; only something of that kind if that is not the next one any more. */
static void push_bytes(lua_State *L, const struct unfinished *unfinished, const struct sw_message *message,
                       size_t before, size_t size) {
    if (message->bytes != NULL) {
        lua_pushlstring(L, (const char *)message->bytes + before, size);
        return;
    }
    uint64_t id = unfinished->id;
    luaL_Buffer buffer;
    char *to = luaL_buffinitsize(L, &buffer, size);
    if (is_next(unfinished, id)) sw_cursor_copy(&unfinished->cursor, before, size, to);
    luaL_pushresultsize(&buffer, size);
}

/* Pushes the values of the next message; there must be one. False: a finalizer took it meanwhile. */
static bool push_message(lua_State *L, const struct unfinished *unfinished) {
    uint64_t id = unfinished->id;
    struct sw_message message = sw_cursor_message(&unfinished->cursor);
    bool is_written = message.loose && unfinished->tells_written;
    size_t before = is_written ? 0 : unfinished->before, behind = is_written ? 0 : unfinished->behind;
    lua_pushinteger(L, (lua_Integer)id);
    push_bytes(L, unfinished, &message, before, message.size - before - behind);
    lua_pushboolean(L, is_written);
    return is_next(unfinished, id);
}

static int next(lua_State *L) {
    struct unfinished *unfinished = check(L, 1);
    while (unfinished->cursor.pages.head != NULL) {
        lua_settop(L, 1);
        if (!push_message(L, unfinished)) continue;
        sw_cursor_pass(&unfinished->cursor);
        unfinished->id++;
        return 3;
    }
    return lua_pushnil(L), 1;
}

static int look_copy(lua_State *L, struct client *client, void *context) {
    if (!sw_channel_take_copy(client->channel, context)) return 0;
    lua_pushboolean(L, true);
    return 1;
}

static const struct sw_goal copied = {look_copy, "timed out: no copy of what is unfinished for %s yet", SW_WATCH_STATE};

/***
 * @module sidewire.core
 */

/*** Iterates over a copy of every message that is not finished: not acknowledged by the peer's TCP or, with retain =
 * "unconfirmed", not confirmed. So that a tool can save them and send them after a restart. The loop thread makes the
 * copy, which takes it some milliseconds for a full queue; the call waits for that and runs no handlers.
 *
 *     for id, message, written in assert(client:unfinished()) do ... end
 *
 * @function client:unfinished
 * @treturn[1] function iterator: id, message (without framing), true if it came by client:write
 * @treturn[1] userdata its state
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: ECLOSED, EFORKED, EINTR (a signal came), ENOMEM
 */
static int client_unfinished(lua_State *L) {
    struct client *client = sw_check_usable(L, 1);
    if (client == NULL) return 3;
    if (client->is_closed) return sw_push_closed(L, client->server);
    lua_settop(L, 1);
    lua_pushcfunction(L, next);
    struct unfinished *unfinished = push_empty(L, &client->channel->options->framing);
    struct sw_copy copy;
    sw_channel_want_copy(client->channel);
    int values = sw_wait_until(L, client->host, client, -1, &copied, &copy);
    if (values != 1) { /* interrupted */
        sw_channel_drop_copy(client->channel);
        return values;
    }
    if (copy.failed) return sw_push_no_memory(L);
    unfinished->cursor.pages = copy.pages;
    unfinished->id = copy.first;
    lua_settop(L, 3);
    return 2;
}

const luaL_Reg sw_unfinished_methods[] = {
    {"unfinished", client_unfinished},
    {NULL, NULL},
};
