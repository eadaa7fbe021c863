#include "host/usable.h"

#include "base/error.h"
#include "host/check.h"
#include "host/event.h"
#include "host/forked.h"
#include "host/luacompat.h"
#include "host/raise.h"

bool sw_context_refuses(lua_State *L, struct context *context) {
    if (context->has_ended)
        sw_push_refusal(L, SW_CLOSED, "this Lua state is closing");
    else if (!sw_forked_renew(L, context))
        sw_push_no_memory(L);
    else
        return false;
    return true;
}

int sw_push_forked(lua_State *L) {
    return sw_push_refusal(
        L, SW_FORKED, "not usable after fork: this client is the parent process's; make one with sidewire.new here");
}

static void push_methods(lua_State *L) {
    sw_push_context_value(L, CONTEXT_CLIENT_META);
    sw_push_methods(L);
}

struct handle *sw_check_handle(lua_State *L, int index) {
    struct handle *handle = sw_to_kind(L, index, &sw_client_kind, sizeof *handle);
    if (handle == NULL) sw_refuse_self(L, index, sw_client_kind.name, "client", push_methods);
    return handle;
}

struct client *sw_check_usable_slowly(lua_State *L, int index) {
    struct client *client = sw_check_handle(L, index)->client;
    if (client != NULL && sw_client_is_forked(client)) return sw_push_forked(L), NULL;
    if (sw_context_refuses(L, client != NULL ? client->context : sw_context(L))) return NULL;
    if (client == NULL) {
        push_methods(L);
        const char *method = sw_push_name_in(L);
        sw_raise(L, "client%s%s: this client was collected", method != NULL ? ":" : "", method != NULL ? method : "");
    }
    return client;
}
