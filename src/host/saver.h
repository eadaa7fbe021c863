/* Settings that a client keeps: the core has no files, so a layer above it gives `new` a function that saves.
 *
 * The function belongs to that one client, and it is the only way in which anything can be put around the client's methods.
 * It gets the client and a table of what changed, or nil when the client is new, and returns true, or nil, message, code.
 */
#ifndef SW_HOST_SAVER_H
#define SW_HOST_SAVER_H

#include <lua.h>

#include "host/context.h"

/* Checks that a function, or nothing, stands at index. */
void sw_check_saver(lua_State *L, int index);

/* Gives the client, whose handle stands at index, the function at `saver` (or nil), and has it say yes to the client.
 * Returns how many results it pushed: the handle; or nil, message, code, and the client is retired, as it is when the
 * function raises. */
int sw_save_new(lua_State *L, int index, struct client *client, int saver);

/* Has the function, if there is one, save the server of which host and port (nil: as it was) stand at these places, or
 * the reconnect policy. Return how many results they pushed: true, or nil, message, code. */
int sw_save_server(lua_State *L, int index, const struct client *client, int hostname, int port);
int sw_save_reconnect(lua_State *L, int index, const struct client *client);

#endif
