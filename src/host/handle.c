#include "host/handle.h"

#include <stdlib.h>

#include "base/kept.h"
#include "base/options.h"
#include "base/server.h"
#include "base/state.h"
#include "channel/channel.h"
#include "channel/engine.h"
#include "channel/host_end.h"
#include "host/ending.h"
#include "host/functions.h"
#include "host/luacompat.h"
#include "host/receiveq.h"
#include "host/unread.h"
#include "host/usable.h"
#include "host/userdata.h"
#include "host/waiting.h"

/* --- finding the handle of a client --- */

/* Pushes the client's handle or keeper. NULL: Lua is collecting it, and nil was pushed. */
static void *push_registered(lua_State *L, const struct client *client) {
    sw_push_context_value(L, CONTEXT_CLIENTS);
    lua_rawgetp(L, -1, client);
    lua_remove(L, -2);
    return lua_touserdata(L, -1);
}

bool sw_push_client(lua_State *L, struct client *client) {
    if (push_registered(L, client) != NULL) return true;
    lua_pop(L, 1);
    sw_receiveq_drop(client);
    return false;
}

/* --- lists --- */

static void link_into(struct client **list, struct client *client) {
    client->previous = NULL;
    client->next = *list;
    if (client->next != NULL) client->next->previous = client;
    *list = client;
}

static void unlink_from(struct client **list, struct client *client) {
    if (client->previous != NULL)
        client->previous->next = client->next;
    else
        *list = client->next;
    if (client->next != NULL) client->next->previous = client->previous;
}

/* --- keeping alive --- */

static bool must_live(const struct client *client) {
    if (client->is_over) return false;
    if (client->handlers == 0 && !client->discards)
        return sw_receiveq_count_messages(client) > 0 || client->report_count > 0;
    struct sw_snapshot snapshot;
    sw_channel_snapshot(client->channel, &snapshot);
    return snapshot.state != SW_STATE_IDLE || snapshot.undelivered || client->report_count > 0;
}

void sw_client_anchor(lua_State *L, int index, const struct client *client) {
    index = lua_absindex(L, index);
    sw_push_context_value(L, CONTEXT_ANCHORS);
    lua_pushvalue(L, index);
    if (must_live(client))
        lua_pushboolean(L, true);
    else
        lua_pushnil(L);
    lua_rawset(L, -3);
    lua_pop(L, 1);
}

/* --- making --- */

static struct handle *push_handle(lua_State *L, const struct sw_kind *kind, int values, int meta) {
    struct handle *handle = lua_newuserdatauv(L, sizeof *handle, values);
    *handle = (struct handle){kind, NULL};
    sw_push_context_value(L, meta);
    lua_setmetatable(L, -2);
    return handle;
}

struct handle *sw_push_handle(lua_State *L) {
    return push_handle(L, &sw_client_kind, CLIENT_VALUES, CONTEXT_CLIENT_META);
}

/* Registers the userdata at index as the handle or keeper of the client. */
static void register_handle(lua_State *L, int index, const struct client *client) {
    index = lua_absindex(L, index);
    sw_push_context_value(L, CONTEXT_CLIENTS);
    lua_pushvalue(L, index);
    lua_rawsetp(L, -2, client);
    lua_pop(L, 1);
}

void sw_handle_fill(lua_State *L, int index, struct client *client) {
    struct handle *handle = lua_touserdata(L, index);
    link_into(&client->context->clients, client);
    handle->client = client;
    register_handle(L, index, client);
}

/* --- ending --- */

/* Frees a retired client, which is in no list any more. */
static void free_client(struct client *client) {
    struct context *context = client->context;
    if (context->watched == client) sw_wait_end(context);
    sw_receiveq_drop(client);
    client->channel->owner = NULL;
    sw_servers_set(&client->servers, NULL);
    sw_channel_unref(client->channel);
    sw_unread_free(client);
    free(client);
}

/* Closes the client, drops all that was received for it, and moves it to the list of retired clients. */
static void retire(struct client *client) {
    sw_channel_orphan(client->channel);
    sw_client_close(client, client->channel->options->linger);
    sw_receiveq_drop(client);
    client->channel->owner = NULL;
    unlink_from(&client->context->clients, client);
    link_into(&client->context->retired, client);
    client->is_over = true;
}

/* Sets the keeper of the handle at index. If there is no memory for it, the client stays until the Lua state ends. */
static void give_keeper(lua_State *L, int index, struct client *client) {
    index = lua_absindex(L, index);
    struct handle *keeper = push_handle(L, &sw_keeper_kind, 0, CONTEXT_KEEPER_META);
    register_handle(L, -1, client);
    keeper->client = client;
    lua_setiuservalue(L, index, CLIENT_KEEPER);
}

/* sw_clients_end was called, within a function that still runs, and has kept the client's memory. */
static bool has_ended(const struct client *client) { return client->context->has_ended; }

void sw_client_retire(lua_State *L, int index) {
    struct handle *handle = lua_touserdata(L, index);
    struct client *client = handle->client;
    if (client == NULL) return;
    handle->client = NULL;
    if (has_ended(client) || sw_client_is_forked(client)) return;
    retire(client);
    if (sw_find_context(L) == NULL) return; /* without a keeper, the client stays until the Lua state ends */
    give_keeper(L, index, client);
    sw_client_anchor(L, index, client);
}

/* __gc of handles. Scripts with the debug library can call it at any time, with any argument. */
static int collect(lua_State *L) {
    sw_check_handle(L, 1);
    sw_client_retire(L, 1);
    return 0;
}

/* __gc of keepers. If a script calls it, it does nothing, because the client is still registered: Lua removes the entry
 * from the weak table before it calls a finalizer. While the Lua state closes, Lua does not remove it; then the
 * sentinel's finalizer frees all clients. */
static int collect_keeper(lua_State *L) {
    struct handle *keeper = sw_to_kind(L, 1, &sw_keeper_kind, sizeof *keeper);
    struct client *client = keeper != NULL ? keeper->client : NULL;
    if (client == NULL || has_ended(client) || sw_client_is_forked(client) || sw_find_context(L) == NULL) return 0;
    if (push_registered(L, client) == keeper) return 0;
    keeper->client = NULL;
    unlink_from(&client->context->retired, client);
    free_client(client);
    return 0;
}

/* Empties the client's handle or keeper at the end of the Lua state, if it still exists in the weak table. One can
 * remain there: a finalizer has made it, and Lua runs no finalizer for it any more; or a script has removed its
 * metatable. False: it is not there. */
static bool empty_handle(lua_State *L, int clients, const struct client *client) {
    struct handle *handle = lua_rawgetp(L, clients, client) == LUA_TUSERDATA ? lua_touserdata(L, -1) : NULL;
    if (handle != NULL) handle->client = NULL;
    lua_pop(L, 1);
    return handle != NULL;
}

bool sw_clients_end(lua_State *L, int index, struct context *context, bool keeps_memory) {
    bool has_kept = false;
    lua_getiuservalue(L, index, CONTEXT_CLIENTS);
    int clients = lua_gettop(L);
    while (context->clients != NULL) {
        empty_handle(L, clients, context->clients);
        retire(context->clients);
    }
    for (struct client *client = context->retired, *next; client != NULL; client = next) {
        next = client->next;
        /* A handle that is not in the table may still have its finalizer to run. */
        bool is_empty = empty_handle(L, clients, client) || !SW_COLLECTS_AT_CLOSE;
        if (is_empty && !keeps_memory) {
            free_client(client);
        } else {
            sw_keep(client);
            has_kept = true;
        }
    }
    context->retired = NULL;
    lua_pop(L, 1);
    return has_kept;
}

const luaL_Reg sw_handle_metamethods[] = {
    {"__gc", collect},
    {NULL, NULL},
};

const luaL_Reg sw_keeper_metamethods[] = {
    {"__gc", collect_keeper},
    {NULL, NULL},
};
