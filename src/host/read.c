/* The method read. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/decimal.h"
#include "base/framing.h"
#include "base/options.h"
#include "channel/channel.h"
#include "host/check.h"
#include "host/context.h"
#include "host/ends.h"
#include "host/event.h"
#include "host/functions.h"
#include "host/getters.h"
#include "host/luacompat.h"
#include "host/pulling.h"
#include "host/raise.h"
#include "host/receiveq.h"
#include "host/timeout.h"
#include "host/unread.h"
#include "host/usable.h"

/* What a script asks for. */
struct wanted {
    enum { WANTS_SIZE, WANTS_DELIMITER, WANTS_ALL } form;
    size_t size;          /* WANTS_SIZE: bytes; WANTS_DELIMITER: bytes of the delimiter */
    bool keeps_delimiter; /* "L" */
    const char *mark;     /* what ends it, in words */
    unsigned char delimiter[SW_DELIMITER_MAX];
};

/* --- the argument --- */

static const char valid[] =
    "a number of bytes, \"l\" (a line), \"L\" (with its end), \"a\" (all) or { delimiter = \"...\" }";

static struct wanted line(bool keeps_end) {
    return (struct wanted){WANTS_DELIMITER, 1, keeps_end, "the end of a line", "\n"};
}

static void parse_delimiter(lua_State *L, struct sw_spot spot, void *out) {
    struct wanted *wanted = out;
    size_t size = 0;
    const char *delimiter = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &size) : NULL;
    if (delimiter == NULL || size < 1 || size > SW_DELIMITER_MAX) sw_misuse(L, spot, -1, "a string of 1..32 bytes");
    *wanted = (struct wanted){.form = WANTS_DELIMITER, .size = size, .mark = "the delimiter"};
    memcpy(wanted->delimiter, delimiter, size);
}

static const struct sw_option tables[] = {{"delimiter", parse_delimiter}, {NULL, NULL}};

/* A word of file:read; in front of it there may be the "*" of Lua 5.1. False: it is none. */
static bool read_word(const char *word, struct wanted *wanted) {
    if (word[0] == '*') word++;
    if (word[0] == '\0' || word[1] != '\0') return false;
    switch (word[0]) {
    case 'l': *wanted = line(false); return true;
    case 'L': *wanted = line(true); return true;
    case 'a': *wanted = (struct wanted){.form = WANTS_ALL, .mark = "the connection's end"}; return true;
    default: return false;
    }
}

static struct wanted check_wanted(lua_State *L, int index) {
    const struct sw_spot spot = {"client:read", "what"};
    struct wanted wanted = {.form = WANTS_SIZE};
    if (lua_type(L, index) == LUA_TNUMBER) {
        wanted.size = (size_t)sw_check_whole(L, spot, index, 0, SW_SIZE_MAX, " of bytes");
        return wanted;
    }
    if (lua_istable(L, index) && sw_count_fields(L, index) == 1) {
        sw_check_table(L, spot, index, tables, &wanted);
        return wanted;
    }
    const char *word = lua_type(L, index) == LUA_TSTRING ? sw_to_word(L, index) : NULL;
    if (word == NULL || !read_word(word, &wanted)) sw_misuse_number(L, spot, index, valid);
    return wanted;
}

/* Raises unless the client is for read. */
static void check_client(lua_State *L, struct client *client) {
    if (client->channel->options->framing.kind != SW_FRAMING_RAW)
        sw_raise(L, "client:read: only for clients made with framing = \"raw\"; with another framing, client:receive "
                    "returns the messages");
    if (sw_client_framed(client) != NULL)
        sw_raise(L, "client:read: client:set_framing is in force, so client:receive returns the messages; "
                    "client:set_framing(\"raw\") ends that");
    sw_pull_begin(L, client, "client:read");
    if (!sw_unread_make(client)) sw_raise(L, "client:read: not enough memory");
}

/* --- taking --- */

/* What is found among the unread bytes. */
struct found {
    size_t size;   /* of the result */
    size_t passed; /* bytes to consume */
};

static bool find(struct sw_unread *unread, const struct wanted *wanted, struct found *found) {
    size_t at;
    switch (wanted->form) {
    case WANTS_SIZE:
        *found = (struct found){wanted->size, wanted->size};
        return sw_unread_size(unread) >= (wanted->size > 0 ? wanted->size : 1);
    case WANTS_DELIMITER:
        if (!sw_unread_find(unread, wanted->delimiter, wanted->size, &at)) return false;
        *found = (struct found){wanted->keeps_delimiter ? at + wanted->size : at, at + wanted->size};
        return true;
    case WANTS_ALL: break;
    }
    return false;
}

/* True: the result has, or would have, more bytes than max_read. The end of a line does not count. */
static bool is_too_long(const struct client *client, const struct wanted *wanted, const struct found *found) {
    size_t max = client->channel->options->max_read, unread = sw_unread_size(client->unread);
    switch (wanted->form) {
    case WANTS_SIZE: return wanted->size > max;
    case WANTS_DELIMITER:
        return found != NULL ? found->passed - wanted->size > max
                             : unread >= wanted->size && unread - wanted->size >= max;
    case WANTS_ALL: return unread > max;
    }
    return false;
}

static int refuse_long(lua_State *L, const struct client *client, const struct wanted *wanted) {
    const char *max = SW_DECIMAL(client->channel->options->max_read);
    if (wanted->form == WANTS_SIZE)
        lua_pushfstring(
            L, "%s bytes are more than max_read (%s): read them in parts, or give the client a larger max_read",
            SW_DECIMAL(wanted->size), max);
    else
        lua_pushfstring(L,
                        "%s has not come within max_read (%s bytes), and %s bytes are unread: read them by their "
                        "number, or give the client a larger max_read",
                        wanted->mark, max, SW_DECIMAL(sw_unread_size(client->unread)));
    return sw_push_refusal(L, SW_FRAME, lua_tostring(L, -1));
}

/* Pushes what was found, and consumes it. False: a finalizer has consumed something meanwhile. */
static bool push_found(lua_State *L, struct client *client, const struct found *found) {
    bool empties = found->passed == sw_unread_size(client->unread);
    if (empties && !sw_pull_before_last(L, client)) return false;
    if (!sw_receiveq_push_unread(L, client, 0, found->size)) {
        lua_pop(L, 1);
        return false;
    }
    if (found->passed > 0) sw_receiveq_consume_unread(client, found->passed);
    sw_receiveq_set_short(client, false);
    if (empties) sw_pull_after_last(L, client);
    return true;
}

/* The usual case of a script that reads many small pieces: so many bytes, and more, are there, and everything was
 * checked by an earlier read. It is worth a way of its own: half the time. False: nothing was done. */
static bool read_some(lua_State *L, struct client *client) {
    const struct sw_unread *unread = client->unread;
    bool was_checked =
        unread != NULL && !unread->is_short && client->uses_receive && !client->discards && unread->framed == NULL;
    if (!was_checked || lua_type(L, 2) != LUA_TNUMBER) return false;
    if (!lua_isnoneornil(L, 3)) sw_check_seconds(L, (struct sw_spot){"client:read", "timeout"}, 3);
    int is_whole;
    int64_t size = sw_to_integer(L, 2, &is_whole);
    if (!is_whole || size < 1 || (uint64_t)size >= sw_unread_size(unread)) return false;
    if ((uint64_t)size > client->channel->options->max_read) return false;
    if (sw_receiveq_push_unread(L, client, 0, (size_t)size)) {
        sw_receiveq_consume_some(client, (size_t)size);
        return true;
    }
    lua_pop(L, 1);
    return false;
}

/* Takes what is wanted from the unread bytes. Returns the number of values pushed; 0: they are too few. */
static int take_unread(lua_State *L, struct client *client, const struct wanted *wanted) {
    struct found found;
    while (sw_client_has_unread(client)) {
        bool is_found = find(client->unread, wanted, &found);
        if (is_too_long(client, wanted, is_found ? &found : NULL)) return refuse_long(L, client, wanted);
        if (!is_found) break;
        if (push_found(L, client, &found)) return 1;
    }
    return 0;
}

static int take(lua_State *L, struct client *client, void *subject) {
    const struct wanted *wanted = subject;
    if (wanted->form == WANTS_SIZE && is_too_long(client, wanted, NULL)) return refuse_long(L, client, wanted);
    for (;;) {
        int values = take_unread(L, client, wanted);
        if (values > 0) return values;
        enum sw_pulled pulled = sw_receiveq_pull(client);
        if (pulled == SW_PULLED_NO_MEMORY) return sw_push_no_memory(L);
        if (pulled == SW_PULLED_NONE) break;
    }
    sw_receiveq_set_short(client, true);
    return 0;
}

/* The rest, message, code. */
static int tell_end(lua_State *L, struct client *client, void *subject) {
    const struct wanted *wanted = subject;
    uint64_t serial = client->serial;
    size_t size = sw_client_has_unread(client) ? sw_unread_size(client->unread) : 0;
    int values = sw_pull_push_end(L, client);
    if (client->serial != serial) return 0;
    if (size > 0 || wanted->form == WANTS_ALL) {
        if (!sw_receiveq_push_unread(L, client, 0, size) || client->serial != serial) return 0;
        lua_replace(L, -1 - values);
    }
    sw_receiveq_tell_end(client);
    sw_receiveq_set_short(client, false);
    sw_pull_after_last(L, client);
    return values;
}

static void push_timeout(lua_State *L, const struct client *client, const struct sw_snapshot *snapshot, void *subject) {
    const struct wanted *wanted = subject;
    const char *what = wanted->mark;
    size_t unread = sw_client_has_unread(client) ? sw_unread_size(client->unread) : 0;
    if (wanted->form == WANTS_SIZE)
        what = lua_pushfstring(L, wanted->size == 1 ? "%s byte" : "%s bytes", SW_DECIMAL(wanted->size));
    sw_timeout_push_bytes(L, client, snapshot, what, unread);
    if (wanted->form == WANTS_SIZE) lua_remove(L, -2);
}

/***
 * @module sidewire.core
 */

/*** Reads from the byte stream, as file:read does; calls no handlers. For clients with framing = "raw" and without a
 * message handler. What has come and is not enough stays for the next read, also after a time-out. A read never joins
 * two connections: where one has ended, it returns the rest of the bytes, if there are any, with the reason, once; the
 * next read begins with the next connection. Other events stay for poll.
 * @function client:read
 * @tparam integer|string|table what a number of bytes (0: "" as soon as there are any); "l": a line without its "\n";
 * "L": with it; "a": all, to the end of the connection; { delimiter = "..." }: bytes up to this, without it. "*l" and
 * so on as well
 * @tparam[opt] number timeout seconds to wait; default: do not wait
 * @treturn[1] string the bytes
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: ETIMEDOUT (too little has come), EINTR, EFULL (unread events pause the reading: poll first),
 * EFRAME (more than max_read: nothing was consumed), ENOTCONN, ECLOSED, EFORKED, ENOMEM, or how the last connection or
 * attempt ended
 * @treturn[3] string where a connection has ended: its last bytes, if there are any ("" for "a" if there are none)
 * @treturn[3] string message
 * @treturn[3] string code: how the connection ended (EPEER: by the other side's FIN, as when a server closes it, ends or
 * is killed)
 * @raise another framing; a message handler is set; set_framing is in force; invalid what or timeout
 */
int sw_method_read(lua_State *L) {
    struct client *client = sw_check_usable(L, 1);
    if (client == NULL) return 3;
    if (read_some(L, client)) return 1;
    check_client(L, client);
    struct wanted wanted = check_wanted(L, 2);
    const struct sw_puller puller = {take, tell_end, push_timeout, &wanted};
    return sw_pull(L, client, "client:read", 3, &puller);
}
