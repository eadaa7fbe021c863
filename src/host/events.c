/* sidewire.events(): an iterator over the events that poll would deliver to handlers. */
#include <stdbool.h>
#include <stddef.h>

#include "host/context.h"
#include "host/event.h"
#include "host/functions.h"
#include "host/handle.h"
#include "host/luacompat.h"
#include "host/raise.h"
#include "host/receiveq.h"
#include "host/undelivered.h"
#include "host/unread.h"
#include "host/usable.h"
#include "host/waiting.h"

/* Clients with events for poll come first. sw_receiveq_count_turn rotates each list. */
static struct client *next_client(const struct context *context) {
    return context->runnable.head != NULL ? context->runnable.head : context->unread.head;
}

static int next_event(lua_State *L) {
    struct context *context = sw_context(L);
    if (sw_context_refuses(L, context)) return 3;
    lua_settop(L, 0);
    for (struct client *client; (client = next_client(context)) != NULL;) {
        struct sw_undelivered undelivered;
        lua_settop(L, 0);
        bool in_order = sw_client_framed(client) == NULL; /* else its bytes are for receive */
        if (!sw_push_client(L, client) || !sw_undelivered_peek(client, in_order, &undelivered)) continue;
        lua_pushstring(L, sw_event_name(undelivered.event));
        int count = sw_undelivered_take(L, client, &undelivered);
        sw_receiveq_schedule(client); /* it may belong into the other list now */
        if (count < 0) continue;
        bool wanted = sw_undelivered_is_wanted(client, undelivered.event);
        sw_receiveq_count_turn(client);
        if (client->list == NULL) sw_undelivered_finish(L, 1, client);
        if (wanted) return count + 2;
    }
    sw_receiveq_notify(context);
    return 0;
}

/***
 * @module sidewire.core
 */

/*** Iterates over the events of all clients, without handlers: client, event name, and the arguments that a handler
 * would get. Ends when no event is left; never waits.
 * @function events
 * @treturn[1] function iterator
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: ECLOSED (the Lua state is closing), ENOMEM (in the child of a fork)
 * @raise any argument: `for ... in sidewire.events do` without the call gives some
 */
int sw_module_events(lua_State *L) {
    sw_refuse_colon(L, "sidewire.events");
    if (lua_gettop(L) > 0)
        sw_raise(L, "sidewire.events: call it without arguments: for client, event, ... in sidewire.events() do");
    struct context *context = sw_context(L);
    if (sw_context_refuses(L, context)) return 3;
    sw_receiveq_set_consumer(context, SW_CONSUMER_EVENTS);
    sw_wait_end(context);
    sw_receiveq_take_all(L, context);
    lua_pushvalue(L, lua_upvalueindex(UPVALUE_CONTEXT));
    lua_pushcclosure(L, next_event, 1);
    return 1;
}
