/* sidewire.events(): the same queue as poll's, without handlers. */
#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

#include "host/event.h"
#include "host/functions.h"
#include "host/handle.h"
#include "host/host.h"
#include "host/inflow.h"
#include "host/record.h"
#include "host/usable.h"
#include "host/waiting.h"

/* Those that have something for poll come first; each list gives each its turn. */
static struct client *next_with_something(const struct host *host) {
    return host->runnable.head != NULL ? host->runnable.head : host->unread.head;
}

static int next_event(lua_State *L) {
    struct host *host = sw_host(L);
    if (sw_host_refuses(L, host)) return 3;
    lua_settop(L, 0);
    for (struct client *client; (client = next_with_something(host)) != NULL;) {
        struct sw_record record;
        lua_settop(L, 0);
        if (!sw_push_client(L, client) || !sw_record_look(client, true, &record)) continue;
        lua_pushstring(L, sw_event_name(record.event));
        int count = sw_record_take(L, client, &record);
        sw_inflow_schedule(client); /* it may have nothing more for poll, though something for us */
        if (count < 0) continue;
        bool wanted = sw_record_is_wanted(client, record.event);
        sw_inflow_count_turn(client);
        if (client->list == NULL) sw_record_leave(L, 1, client);
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
 * @treturn[2] string code: EFORKED, ECLOSED (the Lua state is closing)
 */
static int events(lua_State *L) {
    struct host *host = sw_host(L);
    if (sw_host_refuses(L, host)) return 3;
    host->taking = SW_TAKES_BY_EVENTS;
    sw_wait_leave(host);
    sw_inflow_collect(L, host);
    lua_pushvalue(L, lua_upvalueindex(UPVALUE_HOST));
    lua_pushcclosure(L, next_event, 1);
    return 1;
}

const luaL_Reg sw_events_functions[] = {
    {"events", events},
    {NULL, NULL},
};
