/* Checks whether a function or method may run now.
 *
 * A script can call a method with any value, with a collected client, in the child of a fork, and in a finalizer that
 * runs while the Lua state closes. Every function and method begins with one of these checks.
 */
#ifndef SW_HOST_USABLE_H
#define SW_HOST_USABLE_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

#include "channel/engine.h"
#include "host/context.h"
#include "host/userdata.h"

/* True: the module cannot be used, and nil, message, code were pushed. This is so in the child of a fork (EFORKED), and
 * in finalizers that run after the module's own (ECLOSED). */
bool sw_context_refuses(lua_State *L, const struct context *context);

/* The handle at index. Raises for any other value. */
struct handle *sw_check_handle(lua_State *L, int index);

/* The client of the handle at index. Raises for any other value, and for a collected client. NULL: sw_context_refuses
 * has returned true, and the caller returns the 3 values that it has pushed. The inline part handles the usual case. */
struct client *sw_check_usable_slowly(lua_State *L, int index);
static inline struct client *sw_check_usable(lua_State *L, int index) {
    const struct handle *handle = sw_to_kind(L, index, &sw_client_kind, sizeof *handle);
    struct client *client = handle != NULL ? handle->client : NULL;
    bool is_usable = client != NULL && client->context->engine != NULL && !sw_engine_forked(client->context->engine);
    return is_usable ? client : sw_check_usable_slowly(L, index);
}

#endif
