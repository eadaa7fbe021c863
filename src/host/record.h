/* One record of what came in, on its way to a handler or out of events(): push, see, pass (host/host.h has the rule).
 */
#ifndef SW_HOST_RECORD_H
#define SW_HOST_RECORD_H

#include <lua.h>
#include <stdbool.h>
#include <stdint.h>

#include "channel/report.h"
#include "host/host.h"

struct sw_record {
    enum sw_event event;
    uint64_t serial; /* the client's when it was looked at: with another one, the record is gone */
};

/* Looks at the client's next record. False: there is none. With in_order, messages and reports come as they came in; else
 * reports only. */
bool sw_record_look(const struct client *client, bool in_order, struct sw_record *record);

/* Pushes its values and consumes it. Returns how many, or -1, with nothing pushed, when a finalizer has taken it since
 * the look. */
int sw_record_take(lua_State *L, struct client *client, const struct sw_record *record);

/* After close() nothing but losses and the close itself is told. */
bool sw_record_is_wanted(const struct client *client, enum sw_event event);

/* The client, at index, has nothing more to deliver. */
void sw_record_leave(lua_State *L, int index, struct client *client);

#endif
