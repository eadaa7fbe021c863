/* Savers: functions that store the settings of a client. The core opens no files, so a Lua layer passes a saver to
 * `new`.
 *
 * A saver belongs to one client. It is called with the client and a table of the changed settings (nil for a new
 * client), and returns true, or nil, message, code. There is no other way to extend a client's methods.
 */
#ifndef SW_HOST_SAVER_H
#define SW_HOST_SAVER_H

#include "host/context.h"
#include "host/luacompat.h"

/* Raises unless a function, nil or nothing is at index. */
void sw_check_saver(lua_State *L, int index);

/* Sets the saver of the client with the handle at `index` to the function at index `saver`, and calls it. Without a
 * saver, or if the saver agrees, pushes the handle and returns 1. If the saver fails, retires the client, pushes nil,
 * message, code and returns 3. If it raises, retires the client and raises the error. */
int sw_save_new(lua_State *L, int index, struct client *client, int saver);

/* Call the saver, if there is one, with the client's servers (host and port, or server, a list of URLs), or
 * with the reconnect policy. Push true, or nil, message, code, and return the number of values. */
int sw_save_server(lua_State *L, int index, const struct client *client);
int sw_save_reconnect(lua_State *L, int index, const struct client *client);

#endif
