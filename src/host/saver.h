/* Settings that a client keeps: the core has no files, so a layer above it gives `new` a function that saves.
 *
 * The function belongs to that one client, and it is the only way in which anything can be put around the client's methods.
 * It gets the client and a table of what changed, or nil when the client is new, and returns true, or nil, message, code.
 */
#ifndef SW_HOST_SAVER_H
#define SW_HOST_SAVER_H

#include "host/host.h"

/* Checks that a function, or nothing, stands at index. */
void sw_check_saver(lua_State *L, int index);

/* Gives the client, whose handle stands at index, the function at `saver`. */
void sw_set_saver(lua_State *L, int index, struct client *client, int saver);

/* Has the function, if there is one, save the table on top (nil: the client is new), and pops that. Returns how many
 * results it pushed: true, or nil, message, code. */
int sw_save(lua_State *L, int index, const struct client *client);

/* The same for a server of which host and port (nil: as it was) stand at these places. */
int sw_save_server(lua_State *L, int index, const struct client *client, int host, int port);

#endif
