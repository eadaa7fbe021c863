/* client:unfinished(): an iterator over a copy of the messages that are not finished. */
#include "host/unfinished.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/framing.h"
#include "base/options.h"
#include "buffer/cursor.h"
#include "buffer/page.h"
#include "channel/channel.h"
#include "channel/host_end.h"
#include "codec/codec.h"
#include "host/context.h"
#include "host/event.h"
#include "host/functions.h"
#include "host/getters.h"
#include "host/luacompat.h"
#include "host/usable.h"
#include "host/userdata.h"
#include "host/waiting.h"

static const struct sw_kind unfinished_kind = {"sidewire.unfinished"};

/* The messages of an iterator. The context owns them, because Lua may free the iterator's userdata without its
 * finalizer: if there is no stack for the call, or if a finalizer has made the iterator while the Lua state ends. */
struct sw_unfinished {
    struct sw_unfinished *previous, *next; /* in context->unfinished */
    struct sw_cursor cursor;
    uint64_t id; /* of the next message */
    struct sw_framing framing;
    bool tells_written; /* false: framing "raw", with which send and write make the same messages */
};

/* The iterator's state. */
struct iterator {
    const struct sw_kind *kind;
    struct sw_unfinished *left; /* the messages that are left; NULL: none */
};

static void discard(struct context *context, struct sw_unfinished *left) {
    if (left->previous != NULL)
        left->previous->next = left->next;
    else
        context->unfinished = left->next;
    if (left->next != NULL) left->next->previous = left->previous;
    sw_cursor_drop(&left->cursor);
    free(left);
}

void sw_unfinished_free(struct context *context) {
    for (struct sw_unfinished *left = context->unfinished, *next; left != NULL; left = next) {
        next = left->next;
        sw_cursor_drop(&left->cursor);
        free(left);
    }
    context->unfinished = NULL;
}

/* The messages of the iterator at index. NULL: there are none, or the Lua state has ended and they were freed. */
static struct sw_unfinished *check(lua_State *L, int index, const struct context *context) {
    const struct iterator *iterator = sw_to_kind(L, index, &unfinished_kind, sizeof *iterator);
    if (iterator == NULL)
        luaL_argerror(L, index,
                      lua_pushfstring(L, "%s expected, got %s", unfinished_kind.name, luaL_typename(L, index)));
    return !context->has_ended ? iterator->left : NULL;
}

static int collect(lua_State *L) {
    struct context *context = sw_find_context(L);
    if (context == NULL) return 0; /* it frees the messages at the end of the Lua state */
    struct sw_unfinished *left = check(L, 1, context);
    struct iterator *iterator = lua_touserdata(L, 1);
    iterator->left = NULL;
    if (left != NULL) discard(context, left);
    return 0;
}

/* Pushes a function with the context as its upvalue. */
static void push_function(lua_State *L, lua_CFunction function) {
    lua_pushvalue(L, lua_upvalueindex(UPVALUE_CONTEXT));
    lua_pushcclosure(L, function, 1);
}

static struct iterator *push_iterator(lua_State *L) {
    struct iterator *iterator = lua_newuserdatauv(L, sizeof *iterator, 0);
    *iterator = (struct iterator){&unfinished_kind, NULL};
    lua_createtable(L, 0, 3); /* a new metatable for each iterator: the call is rare */
    push_function(L, collect);
    lua_setfield(L, -2, "__gc");
    sw_seal_metatable(L, &unfinished_kind);
    lua_setmetatable(L, -2);
    return iterator;
}

/* Makes the messages of an iterator from the copy, and puts them into the context's list. NULL: no memory. */
static struct sw_unfinished *make_unfinished(struct context *context, const struct sw_framing *framing,
                                             const struct sw_copy *copy) {
    struct sw_unfinished *left = calloc(1, sizeof *left);
    if (left == NULL) return NULL;
    left->cursor.pages = copy->pages;
    left->id = copy->first;
    left->framing = *framing;
    left->tells_written = framing->kind != SW_FRAMING_RAW;
    left->next = context->unfinished;
    if (left->next != NULL) left->next->previous = left;
    context->unfinished = left;
    return left;
}

/* True: the message with this id is still the iterator's next one. To push a value may run a finalizer, which may
 * advance the iterator or free its messages. */
static bool is_next(const struct iterator *iterator, uint64_t id) {
    return iterator->left != NULL && iterator->left->cursor.pages.head != NULL && iterator->left->id == id;
}

/* Pushes `size` bytes of the next message. If a finalizer advances the iterator meanwhile, the string is not valid. */
static void push_bytes(lua_State *L, const struct iterator *iterator, const struct sw_message *message, size_t before,
                       size_t size) {
    if (message->bytes != NULL && SW_PUSH_COPIES_FIRST) {
        lua_pushlstring(L, (const char *)message->bytes + before, size);
        return;
    }
    uint64_t id = iterator->left->id;
    luaL_Buffer buffer;
    char *to = luaL_buffinitsize(L, &buffer, size);
    if (is_next(iterator, id)) sw_cursor_copy(&iterator->left->cursor, before, size, to);
    luaL_pushresultsize(&buffer, size);
}

/* Pushes the values of the next message, which must exist. False: a finalizer has advanced the iterator meanwhile. */
static bool push_message(lua_State *L, const struct iterator *iterator) {
    const struct sw_unfinished *left = iterator->left;
    uint64_t id = left->id;
    struct sw_message message = sw_cursor_message(&left->cursor);
    bool is_written = message.is_unframed && left->tells_written;
    size_t before = 0, behind = 0;
    if (!is_written) sw_framing_margins(&left->framing, message.size, &before, &behind);
    sw_push_integer(L, (int64_t)id);
    push_bytes(L, iterator, &message, before, message.size - before - behind);
    lua_pushboolean(L, is_written);
    return is_next(iterator, id);
}

static int next(lua_State *L) {
    const struct context *context = sw_context(L);
    for (const struct sw_unfinished *left; (left = check(L, 1, context)) != NULL && left->cursor.pages.head != NULL;) {
        struct iterator *iterator = lua_touserdata(L, 1);
        lua_settop(L, 1);
        if (!push_message(L, iterator)) continue;
        sw_cursor_pass(&iterator->left->cursor);
        sw_pages_free(&iterator->left->cursor.emptied); /* they are copies and belong to no pool */
        iterator->left->id++;
        return 3;
    }
    return lua_pushnil(L), 1;
}

static int check_copy(lua_State *L, struct client *client, void *subject) {
    if (!sw_channel_take_copy(client->channel, subject)) return 0;
    lua_pushboolean(L, true);
    return 1;
}

static const struct sw_goal copied = {check_copy, NULL, SW_WAKE_ON_STATE};

/***
 * @module sidewire.core
 */

/*** Iterates over copies of all messages that are not finished: not acknowledged by the other side's TCP or, with
 * retain = "unconfirmed", not confirmed. With it a program can save them, and send them after a restart. The background
 * thread makes the copies, which takes some milliseconds for a full queue; the call waits for that and calls no handlers.
 *
 *     for id, message, written in assert(client:unfinished()) do ... end
 *
 * `written` is true for what client:write has queued, and false for a message of client:send: it says which of the two
 * sends it again as it was.
 *
 * @function client:unfinished
 * @treturn[1] function iterator: id, message (without framing), written
 * @treturn[1] userdata its state
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: ECLOSED, EFORKED, EINTR (a signal came), ENOMEM
 */
int sw_method_unfinished(lua_State *L) {
    struct client *client = sw_check_usable(L, 1);
    if (client == NULL) return 3;
    if (client->is_closed) return sw_push_closed(L, sw_client_server(client));
    lua_settop(L, 1);
    push_function(L, next);
    struct iterator *iterator = push_iterator(L);
    struct sw_copy copy;
    sw_channel_post_copy_request(client->channel);
    int values = sw_wait_until(L, client->context, client, -1, &copied, &copy);
    if (values != 1) { /* interrupted */
        sw_channel_drop_copy(client->channel);
        return values;
    }
    if (copy.first == 0) return sw_push_no_memory(L);
    iterator->left = make_unfinished(client->context, &client->channel->options->framing, &copy);
    if (iterator->left == NULL) {
        sw_pages_free(&copy.pages);
        return sw_push_no_memory(L);
    }
    lua_settop(L, 3);
    return 2;
}
