/* May this client, or this Lua state's module, be used now, and what is said if not?
 *
 * A script can call a method with anything, with a client that was collected, with one of the process that this one was
 * forked from, and in a finalizer that runs while the Lua state closes. Every function and method asks here first, so
 * this stands below all of them.
 */
#ifndef SW_HOST_USABLE_H
#define SW_HOST_USABLE_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

#include "channel/engine.h"
#include "host/context.h"
#include "host/userdata.h"

/* True, with three values pushed (nil, message, code), where nothing works any more: in finalizers that run after the
 * module's own (ECLOSED). In the child of a fork the context begins anew, for which there may be no memory (ENOMEM). */
bool sw_context_refuses(lua_State *L, struct context *context);

/* Pushes nil, message, "EFORKED"; returns 3. */
int sw_push_forked(lua_State *L);

/* Is it a client of the process that this one was forked from? */
static inline bool sw_client_is_forked(const struct client *client) {
    return client->context->engine != NULL && sw_engine_forked(client->context->engine);
}

/* The handle at index; raises for anything else. */
struct handle *sw_check_handle(lua_State *L, int index);

/* The client at index; raises for anything else, and for one that was collected. NULL, with nil, message and code pushed,
 * for the parent's in the child of a fork, and where sw_context_refuses. What most calls find is looked at here. */
struct client *sw_check_unusual(lua_State *L, int index);
static inline struct client *sw_check_usable(lua_State *L, int index) {
    const struct handle *handle = sw_to_kind(L, index, &sw_client_kind, sizeof *handle);
    struct client *client = handle != NULL ? handle->client : NULL;
    bool is_usual = client != NULL && client->context->engine != NULL && !sw_engine_forked(client->context->engine);
    return is_usual ? client : sw_check_unusual(L, index);
}

#endif
