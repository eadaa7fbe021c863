/* sidewire.sw_module_events(): the same queue as poll's, without handlers. */
#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

#include "host/context.h"
#include "host/event.h"
#include "host/functions.h"
#include "host/handle.h"
#include "host/receiveq.h"
#include "host/undelivered.h"
#include "host/usable.h"
#include "host/waiting.h"

/* Those that have something for poll come first; each list gives each its turn. */
static struct client *next_with_something(const struct context *context) {
    return context->runnable.head != NULL ? context->runnable.head : context->unread.head;
}

static int next_event(lua_State *L) {
    struct context *context = sw_context(L);
    if (sw_context_refuses(L, context)) return 3;
    lua_settop(L, 0);
    for (struct client *client; (client = next_with_something(context)) != NULL;) {
        struct sw_undelivered undelivered;
        lua_settop(L, 0);
        if (!sw_push_client(L, client) || !sw_undelivered_look(client, true, &undelivered)) continue;
        lua_pushstring(L, sw_event_name(undelivered.event));
        int count = sw_undelivered_take(L, client, &undelivered);
        sw_receiveq_schedule(client); /* it may have nothing more for poll, though something for us */
        if (count < 0) continue;
        bool wanted = sw_undelivered_is_wanted(client, undelivered.event);
        sw_receiveq_count_turn(client);
        if (client->list == NULL) sw_undelivered_leave(L, 1, client);
        if (wanted) return count + 2;
    }
    return 0;
}

/***
 * @module sidewire.core
 */

/*** Iterates over what came in, for all clients, instead of handlers: client, event name, and the handler's arguments.
 * Ends when nothing is left; never waits.
 * @function events
 * @treturn[1] function iterator
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: ECLOSED (the Lua state is closing), ENOMEM (in the child of a fork)
 */
int sw_module_events(lua_State *L) {
    struct context *context = sw_context(L);
    if (sw_context_refuses(L, context)) return 3;
    context->taking = SW_TAKES_BY_EVENTS;
    sw_wait_leave(context);
    sw_receiveq_take_all(L, context);
    lua_pushvalue(L, lua_upvalueindex(UPVALUE_CONTEXT));
    lua_pushcclosure(L, next_event, 1);
    return 1;
}
