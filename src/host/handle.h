/* From a script's userdata to the client, and the end of both.
 *
 * The collector may run at any allocation, and with it finalizers, which may call whatever they like: so a method can
 * find, between two of its lines, that its own client was closed, or retired by a `__gc` that was called by hand. What it
 * never finds is freed memory, and it need do nothing for that: host.h says why.
 */
#ifndef SW_HOST_HANDLE_H
#define SW_HOST_HANDLE_H

#include <lua.h>
#include <stdbool.h>

#include "host/context.h"

/* The client whose handle stands at index; NULL: it is retired, or there is none yet. Nothing is checked. */
static inline struct client *sw_client_at(lua_State *L, int index) {
    const struct handle *handle = lua_touserdata(L, index);
    return handle->client;
}

/* Pushes the client's handle; the context userdata is an upvalue. False: it is being collected, and only its finalizer has
 * not run yet (that of another object has); nobody can be told what came in for it, so that is dropped, and nothing is
 * pushed. */
bool sw_push_client(lua_State *L, struct client *client);

/* Keeps the handle at index alive for as long as the contract says of its client, and no longer. */
void sw_client_anchor(lua_State *L, int index, const struct client *client);

/* Pushes an empty handle. */
struct handle *sw_push_handle(lua_State *L);

/* Has the handle at index stand for a complete client, which the host is responsible for from now on. */
void sw_handle_fill(lua_State *L, int index, struct client *client);

/* Closes the client whose handle stands at index, if there is one still, and retires it, unheard. Of a parent's client
 * only the child's copies of its sockets are closed. */
void sw_client_retire(lua_State *L, int index);

/* Frees all clients while the Lua state ends; the context userdata stands at index. */
void sw_clients_free(lua_State *L, int index, struct context *context);

#endif
