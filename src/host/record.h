/* One record of what came in, on its way to a handler or out of events(): push, see, pass (host/host.h has the rule).
 */
#ifndef SW_HOST_RECORD_H
#define SW_HOST_RECORD_H

#include "host/host.h"

/* Pushes the values of the client's next record, puts its event's name at name_at (0: nowhere) and consumes it. Returns
 * how many values, or -1 when there was none or a finalizer took it meanwhile: what stands above name_at is undefined
 * then. With in_order, messages and reports come as they came in; else reports only. */
int sw_record_take(lua_State *L, struct client *client, bool in_order, int name_at, enum sw_event *event);

/* After close() nothing but losses and the close itself is told. */
bool sw_record_is_wanted(const struct client *client, enum sw_event event);

/* The client, at index, has nothing more to deliver. */
void sw_record_leave(lua_State *L, int index, struct client *client);

#endif
