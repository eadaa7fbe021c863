/* Handles: how scripts refer to clients, and how clients end.
 *
 * Any allocation by Lua may run finalizers, which may call any function. So a client can be closed, or retired by a
 * call of its `__gc`, while one of its methods runs. Its memory stays valid all the time: host/context.h explains why.
 */
#ifndef SW_HOST_HANDLE_H
#define SW_HOST_HANDLE_H

#include <stdbool.h>

#include "host/context.h"
#include "host/luacompat.h"

/* The client of the handle at index, which must be a handle. NULL: the client is retired, or not yet made. */
static inline struct client *sw_client_at(lua_State *L, int index) {
    const struct handle *handle = lua_touserdata(L, index);
    return handle->client;
}

/* Pushes the client's handle. False: Lua is collecting the handle, but has not yet called its finalizer; nothing was
 * pushed, and what was received for the client is dropped. */
bool sw_push_client(lua_State *L, struct client *client);

/* Protects the handle at index from the collector while its client can still have events for a handler, or has
 * undelivered ones; else ends that protection. */
void sw_client_anchor(lua_State *L, int index, const struct client *client);

/* Pushes an empty handle. */
struct handle *sw_push_handle(lua_State *L);

/* Sets the client of the empty handle at index. The context owns the client from now on. */
void sw_handle_fill(lua_State *L, int index, struct client *client);

/* Closes and retires the client of the handle at index, if it has one. No events follow. In a forked child, for a client
 * of the parent, this only closes the child's copies of its sockets. */
void sw_client_retire(lua_State *L, int index);

/* Closes all clients at the end of the Lua state, and frees them unless keeps_memory: a function that still runs may use
 * them. It also keeps those whose handles may still have a finalizer to run. True: it has kept some. The context userdata
 * is at index. */
bool sw_clients_end(lua_State *L, int index, struct context *context, bool keeps_memory);

#endif
