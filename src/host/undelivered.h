/* One event of what came in, on its way to a handler or out of events(): push, see, pass (host/context.h has the rule).
 */
#ifndef SW_HOST_UNDELIVERED_H
#define SW_HOST_UNDELIVERED_H

#include <lua.h>
#include <stdbool.h>
#include <stdint.h>

#include "channel/report.h"
#include "host/context.h"

struct sw_undelivered {
    enum sw_event event;
    uint64_t serial; /* the client's when it was looked at: with another one, the event is gone */
};

/* Looks at the client's next event. False: there is none. With in_order, messages and reports come as they came in; else
 * reports only. */
bool sw_undelivered_look(const struct client *client, bool in_order, struct sw_undelivered *undelivered);

/* Pushes its values and consumes it. Returns how many, or -1, with nothing pushed, when a finalizer has taken it since
 * the look. */
int sw_undelivered_take(lua_State *L, struct client *client, const struct sw_undelivered *undelivered);

/* After close() nothing but losses and the close itself is told. */
bool sw_undelivered_is_wanted(const struct client *client, enum sw_event event);

/* The client, at index, has nothing more to deliver. */
void sw_undelivered_leave(lua_State *L, int index, struct client *client);

#endif
