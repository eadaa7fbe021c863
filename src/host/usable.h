/* Checks whether a function or method may run now.
 *
 * A script can call a method with any value, with a collected client, in the child of a fork with a client of the
 * parent, and in a finalizer that runs while the Lua state closes. Every function and method begins with one of these
 * checks.
 */
#ifndef SW_HOST_USABLE_H
#define SW_HOST_USABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "channel/engine.h"
#include "host/context.h"
#include "host/luacompat.h"
#include "host/userdata.h"

/* True: the module cannot be used, and nil, message, code were pushed. This is so in finalizers that run after the
 * module's own (ECLOSED). In the child of a fork the context first starts anew; if there is not enough memory for that,
 * this is so as well (ENOMEM). */
bool sw_context_refuses(lua_State *L, struct context *context);

/* Pushes nil, message, "EFORKED"; returns 3. */
int sw_push_forked(lua_State *L);

/* True in a forked child for a client of the parent. */
static inline bool sw_client_is_forked(const struct client *client) {
    return client->context->engine != NULL && sw_engine_forked(client->context->engine);
}

/* The handle at index. Raises for any other value. */
struct handle *sw_check_handle(lua_State *L, int index);

/* The client of the handle at index. Raises for any other value, and for a collected client. NULL: it is a client of the
 * parent in a forked child, or sw_context_refuses has returned true; the caller returns the 3 values that were pushed.
 * The inline part handles the usual case. */
struct client *sw_check_usable_slowly(lua_State *L, int index);
static inline struct client *sw_check_usable(lua_State *L, int index) {
    const struct handle *handle = sw_to_kind(L, index, &sw_client_kind, sizeof *handle);
    struct client *client = handle != NULL ? handle->client : NULL;
    bool is_usable = client != NULL && !client->context->has_ended && !sw_engine_forked(client->context->engine);
    return is_usable ? client : sw_check_usable_slowly(L, index);
}

#endif
