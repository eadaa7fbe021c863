/* May this client, or this Lua state's module, be used now, and what is said if not?
 *
 * A script can call a method with anything, with a client that was collected, in the child of a fork, and in a
 * finalizer that runs while the Lua state closes. Every function and method asks here first, so this stands below all
 * of them.
 */
#ifndef SW_HOST_USABLE_H
#define SW_HOST_USABLE_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

#include "channel/engine.h"
#include "host/context.h"
#include "host/userdata.h"

/* True, with three values pushed (nil, message, code), where nothing works any more: in the child of a fork (EFORKED),
 * and in finalizers that run after the module's own (ECLOSED). */
bool sw_context_refuses(lua_State *L, const struct context *context);

/* The handle at index; raises for anything else. */
struct handle *sw_check_handle(lua_State *L, int index);

/* The client at index; raises for anything else, and for one that was collected. NULL where sw_host_refuses, with what
 * that pushed. What most calls find is looked at here. */
struct client *sw_check_unusual(lua_State *L, int index);
static inline struct client *sw_check_usable(lua_State *L, int index) {
    const struct handle *handle = sw_to_kind(L, index, &sw_client_kind, sizeof *handle);
    struct client *client = handle != NULL ? handle->client : NULL;
    bool is_usual = client != NULL && client->context->engine != NULL && !sw_engine_forked(client->context->engine);
    return is_usual ? client : sw_check_unusual(L, index);
}

#endif
