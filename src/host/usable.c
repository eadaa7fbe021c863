#include "host/usable.h"

#include <lauxlib.h>

#include "base/error.h"
#include "host/event.h"

bool sw_context_refuses(lua_State *L, const struct context *context) {
    if (context->engine == NULL)
        sw_push_refusal(L, SW_CLOSED, "this Lua state is closing");
    else if (sw_engine_forked(context->engine))
        sw_push_refusal(L, SW_FORKED, "not usable after fork: make a new Lua state in the child");
    else
        return false;
    return true;
}

struct handle *sw_check_handle(lua_State *L, int index) {
    struct handle *handle = sw_to_kind(L, index, &sw_client_kind, sizeof *handle);
    if (handle == NULL) {
        const char *given = luaL_typename(L, index);
        luaL_argerror(L, index,
                      lua_pushfstring(L, "%s expected, got %s: call methods with a colon, client:send(message)",
                                      sw_client_kind.name, given));
    }
    return handle;
}

struct client *sw_check_usable_slowly(lua_State *L, int index) {
    struct client *client = sw_check_handle(L, index)->client;
    if (sw_context_refuses(L, client != NULL ? client->context : sw_context(L))) return NULL;
    if (client == NULL) luaL_argerror(L, index, "this client was collected");
    return client;
}
