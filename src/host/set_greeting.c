#include "host/set_greeting.h"

#include <stdbool.h>
#include <string.h>

#include "base/decimal.h"
#include "base/error.h"
#include "base/framing.h"
#include "base/slice.h"
#include "channel/greeting.h"
#include "codec/codec.h"
#include "host/check.h"
#include "host/luacompat.h"
#include "host/raise.h"
#include "host/unfit.h"

static const char valid[] = "a string, or a list of strings";

/* Pushes a new list of strings, made from the value at index. Scripts may change their own table while it is
 * encoded. */
static void push_list(lua_State *L, const char *where, int index) {
    struct sw_spot spot = {where, "greeting"};
    lua_newtable(L);
    if (sw_is_text(L, index)) {
        lua_pushvalue(L, index);
        lua_tostring(L, -1);
        lua_rawseti(L, -2, 1);
        return;
    }
    if (!lua_istable(L, index)) sw_misuse(L, spot, index, valid);
    int count = (int)lua_rawlen(L, index);
    for (int i = 1; i <= count; i++) {
        lua_rawgeti(L, index, i);
        if (!sw_is_text(L, -1)) sw_misuse(L, (struct sw_spot){where, "a message of greeting"}, -1, "a string");
        lua_tostring(L, -1);
        lua_rawseti(L, -2, i);
    }
    for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1))
        if (!sw_is_integer(L, -2) || sw_to_integer(L, -2, NULL) < 1 || sw_to_integer(L, -2, NULL) > count)
            sw_misuse(L, spot, index, valid);
}

/* Pushes message i of the list and returns its bytes. The type check is needed, because a script can reach the list on
 * the stack by the debug library, and change it. */
static struct sw_slice push_message(lua_State *L, int list, int i) {
    struct sw_slice message = {"", 0};
    lua_rawgeti(L, list, i);
    if (lua_type(L, -1) == LUA_TSTRING) message.data = lua_tolstring(L, -1, &message.size);
    return message;
}

/* Returns the bytes of all messages with their framing. Raises if the framing cannot carry a message. */
static size_t measure(lua_State *L, const char *where, const struct sw_framing *framing, int list) {
    size_t size = 0;
    int count = (int)lua_rawlen(L, list);
    for (int i = 1; i <= count; i++) {
        struct sw_envelope envelope;
        struct sw_slice message = push_message(L, list, i);
        enum sw_err failed = sw_encode(framing, &message, 1, &envelope);
        if (failed != SW_OK)
            sw_raise(L, "%s: message %d of greeting: %s", where, (int)i,
                     sw_push_unfit(L, framing, failed, message.size, &envelope.fault));
        size += envelope.prefix_size + message.size + envelope.suffix_size;
        lua_pop(L, 1);
    }
    return size;
}

/* The part of a greeting that is not yet written. */
struct room {
    unsigned char *next;
    size_t left;
};

static bool put(struct room *room, const void *bytes, size_t size) {
    if (size > room->left) return false;
    memcpy(room->next, bytes, size);
    room->next += size;
    room->left -= size;
    return true;
}

/* Encodes the list into the greeting, which has the measured size. False: the list has changed since then. */
static bool encode(lua_State *L, const struct sw_framing *framing, int list, struct sw_greeting *greeting) {
    struct room room = {greeting->bytes, greeting->size};
    int count = (int)lua_rawlen(L, list);
    bool fits = true;
    for (int i = 1; i <= count && fits; i++) {
        struct sw_envelope envelope;
        struct sw_slice message = push_message(L, list, i);
        fits = sw_encode(framing, &message, 1, &envelope) == SW_OK &&
               put(&room, envelope.prefix, envelope.prefix_size) && put(&room, message.data, message.size) &&
               put(&room, envelope.suffix, envelope.suffix_size);
        lua_pop(L, 1);
    }
    return fits && room.left == 0;
}

struct sw_greeting *sw_greeting_read(lua_State *L, const char *where, const struct sw_options *options, int index) {
    if (lua_isnoneornil(L, index)) return NULL;
    push_list(L, where, lua_absindex(L, index));
    int list = lua_gettop(L);
    size_t size = measure(L, where, &options->framing, list);
    if (size > options->queue_limit)
        sw_raise(L, "%s: greeting must fit into queue_limit (%s), and has %s bytes with its framing", where,
                 SW_DECIMAL(options->queue_limit), SW_DECIMAL(size));
    struct sw_greeting *greeting = sw_greeting_new(size);
    if (greeting == NULL) sw_raise(L, "%s: not enough memory", where);
    if (!encode(L, &options->framing, list, greeting)) {
        sw_greeting_unref(greeting);
        sw_raise(L, "%s: greeting was changed while it was read", where);
    }
    lua_pop(L, 1);
    return greeting;
}
