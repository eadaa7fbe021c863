/* The end of a Lua state: src/sidewire.c calls this from the finalizer of its sentinel. */
#ifndef SW_HOST_MODULE_H
#define SW_HOST_MODULE_H

#include <stdbool.h>

#include "host/context.h"
#include "host/luacompat.h"

/* Ends all clients, stops the loop thread and detaches the engine. The context userdata is at index. is_nested: it is
 * called within another function of the module, so the memory of the clients stays until the process ends. */
void sw_host_close(lua_State *L, int index, struct context *context, bool is_nested);

#endif
