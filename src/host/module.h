/* What src/sidewire.c calls when the Lua state ends: its sentinel knows the moment, this room what there is to end. */
#ifndef SW_HOST_MODULE_H
#define SW_HOST_MODULE_H

#include <lua.h>

#include "host/context.h"

/* The Lua state ends: stops the loop, lets the engine and whatever clients there still are go. The context userdata stands
 * at index. */
void sw_host_close(lua_State *L, int index, struct context *context);

#endif
