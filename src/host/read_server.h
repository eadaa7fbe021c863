/* Reads servers as scripts give them: a URL or a list of URLs (base/url.h). A host and a port are read in host/check.h. */
#ifndef SW_HOST_READ_SERVER_H
#define SW_HOST_READ_SERVER_H

#include <stdbool.h>

#include "base/server.h"
#include "host/check.h"
#include "host/luacompat.h"

/* Is the value at index a URL or a list, and not a host name, which a port may follow? */
bool sw_is_server(lua_State *L, int index);

/* Reads the URL or list at index; choice->order remains as it is. Raises on misuse. */
void sw_check_server(lua_State *L, struct sw_spot spot, int index, struct sw_choice *choice);

/* Pushes the URL of the server; nil if its host or port is not set. */
void sw_push_url(lua_State *L, const struct sw_endpoint *server);

/* Pushes the list of their URLs; nil if one of them has none. */
void sw_push_urls(lua_State *L, const struct sw_choice *servers);

#endif
