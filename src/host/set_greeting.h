/* The greeting: one message or a list of them, encoded once for all connections.
 */
#ifndef SW_HOST_SET_GREETING_H
#define SW_HOST_SET_GREETING_H

#include <lua.h>

#include "base/options.h"
#include "channel/greeting.h"

/* The value at index (a string or number, a list of them, or nil for none) as a greeting with one reference; NULL: none.
 * Raises on misuse, naming `where`. */
struct sw_greeting *sw_greeting_read(lua_State *L, const char *where, const struct sw_options *options, int index);

#endif
