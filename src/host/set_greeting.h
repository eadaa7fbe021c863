/* Encodes a greeting, one message or a list of messages, once for all connections.
 */
#ifndef SW_HOST_SET_GREETING_H
#define SW_HOST_SET_GREETING_H

#include "base/options.h"
#include "channel/greeting.h"
#include "host/luacompat.h"

/* Reads the value at index: a string or number, a list of them, or nil. Returns a greeting with one reference; NULL:
 * none. Raises on misuse; `where` names the function in the message. */
struct sw_greeting *sw_greeting_read(lua_State *L, const char *where, const struct sw_options *options, int index);

#endif
