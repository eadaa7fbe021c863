#include "host/greeting.h"

#include <string.h>

#include "channel/greeting.h"
#include "codec/codec.h"
#include "host/check.h"
#include "host/send.h"

static const char valid[] = "a string, or a list of strings";

/* Pushes a list of strings: what is at index may change while it is read, this cannot. */
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
    lua_Integer count = (lua_Integer)lua_rawlen(L, index);
    for (lua_Integer i = 1; i <= count; i++) {
        lua_rawgeti(L, index, i);
        if (!sw_is_text(L, -1)) sw_misuse(L, (struct sw_spot){where, "a message of greeting"}, -1, "a string");
        lua_tostring(L, -1);
        lua_rawseti(L, -2, i);
    }
    for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1))
        if (!lua_isinteger(L, -2) || lua_tointeger(L, -2) < 1 || lua_tointeger(L, -2) > count)
            sw_misuse(L, spot, index, valid);
}

/* The next message of the list on top; the list keeps it alive. */
static struct sw_slice message_at(lua_State *L, lua_Integer i) {
    struct sw_slice message;
    lua_rawgeti(L, -1, i);
    message.data = lua_tolstring(L, -1, &message.size);
    lua_pop(L, 1);
    return message;
}

/* What the list on top takes on the wire; raises for what the framing cannot carry. */
static size_t measure(lua_State *L, const char *where, const struct sw_framing *framing) {
    size_t size = 0;
    lua_Integer count = (lua_Integer)lua_rawlen(L, -1);
    for (lua_Integer i = 1; i <= count; i++) {
        struct sw_slice message = message_at(L, i);
        struct sw_envelope envelope;
        enum sw_err failed = sw_encode(framing, &message, 1, &envelope);
        if (failed != SW_OK)
            luaL_error(L, "%s: message %d of greeting: %s", where, (int)i,
                       sw_push_unfit(L, framing, failed, message.size));
        size += envelope.prefix_size + message.size + envelope.suffix_size;
    }
    return size;
}

static unsigned char *put(unsigned char *to, const void *bytes, size_t size) {
    memcpy(to, bytes, size);
    return to + size;
}

/* Of the list on top, which was measured. */
static void encode(lua_State *L, const struct sw_framing *framing, unsigned char *to) {
    lua_Integer count = (lua_Integer)lua_rawlen(L, -1);
    for (lua_Integer i = 1; i <= count; i++) {
        struct sw_slice message = message_at(L, i);
        struct sw_envelope envelope;
        sw_encode(framing, &message, 1, &envelope);
        to = put(to, envelope.prefix, envelope.prefix_size);
        to = put(to, message.data, message.size);
        to = put(to, envelope.suffix, envelope.suffix_size);
    }
}

void sw_set_greeting(lua_State *L, const char *where, struct client *client, int index) {
    const struct sw_options *options = client->channel->options;
    struct sw_greeting *greeting = NULL;
    index = lua_absindex(L, index);
    int top = lua_gettop(L);
    if (!lua_isnil(L, index)) {
        push_list(L, where, index);
        size_t size = measure(L, where, &options->framing);
        if (size > options->queue_limit)
            luaL_error(L, "%s: greeting must fit into queue_limit (%I), and has %I bytes with its framing", where,
                       (LUAI_UACINT)options->queue_limit, (LUAI_UACINT)size);
        greeting = sw_greeting_new(size);
        if (greeting == NULL) luaL_error(L, "%s: not enough memory", where);
        encode(L, &options->framing, greeting->bytes);
    }
    lua_settop(L, top);
    sw_channel_set_greeting(client->channel, greeting);
}
