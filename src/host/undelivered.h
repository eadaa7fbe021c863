/* The next event of a client, while poll or events() delivers it in the steps of host/context.h.
 */
#ifndef SW_HOST_UNDELIVERED_H
#define SW_HOST_UNDELIVERED_H

#include <stdbool.h>
#include <stdint.h>

#include "channel/report.h"
#include "host/context.h"
#include "host/luacompat.h"

struct sw_undelivered {
    enum sw_event event;
    bool in_order;
    uint64_t serial; /* client->serial at sw_undelivered_peek; if that differs now, the event was consumed meanwhile */
};

/* Finds the client's next event without consuming it. False: there is none. With in_order, messages and reports are in
 * the order in which they came; without it, messages are left out. */
bool sw_undelivered_peek(const struct client *client, bool in_order, struct sw_undelivered *undelivered);

/* Pushes the event's values and consumes the event. Returns the number of values. -1: a finalizer has consumed the
 * event since sw_undelivered_peek, and nothing was pushed. */
int sw_undelivered_take(lua_State *L, struct client *client, const struct sw_undelivered *undelivered);

/* False: the script has closed the client, and the event is neither lost nor close. */
bool sw_undelivered_is_wanted(const struct client *client, enum sw_event event);

/* Updates the client, whose handle is at index, after its last event was consumed. */
void sw_undelivered_finish(lua_State *L, int index, struct client *client);

#endif
