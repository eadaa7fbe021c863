/* The greeting: one message or a list of them, encoded once for all connections.
 */
#ifndef SW_HOST_GREETING_H
#define SW_HOST_GREETING_H

#include "host/host.h"

/* Sets the client's greeting to the value at index: a string or number, a list of them, or nil for none. Raises on
 * misuse, naming `where`. */
void sw_set_greeting(lua_State *L, const char *where, struct client *client, int index);

#endif
