/* From a script's userdata to the client, and the end of both.
 *
 * The collector may run at any allocation, and with it finalizers, which may call whatever they like: so a method can
 * find, between two of its lines, that its own client was closed, or retired by a `__gc` that was called by hand. What it
 * never finds is freed memory, and it need do nothing for that: host.h says why.
 */
#ifndef SW_HOST_HANDLE_H
#define SW_HOST_HANDLE_H

#include "host/host.h"

/* The handle at index; raises for anything else. */
struct handle *sw_check_handle(lua_State *L, int index);

/* Pushes an empty handle. */
struct handle *sw_push_handle(lua_State *L);

/* Has the handle at index stand for a complete client, which the host is responsible for from now on. */
void sw_handle_fill(lua_State *L, int index, struct client *client);

/* Closes the client whose handle stands at index, if there is one still, and retires it, unheard. */
void sw_client_retire(lua_State *L, int index);

/* Frees all clients while the Lua state ends; the host userdata stands at index. */
void sw_clients_free(lua_State *L, int index, struct host *host);

extern const luaL_Reg sw_handle_metamethods[], sw_keeper_metamethods[];

#endif
