/* The end of a Lua state: src/sidewire.c calls this from the finalizer of its sentinel. */
#ifndef SW_HOST_MODULE_H
#define SW_HOST_MODULE_H

#include "host/context.h"
#include "host/luacompat.h"

/* Frees all clients, stops the loop thread and detaches the engine. The context userdata is at index. */
void sw_host_close(lua_State *L, int index, struct context *context);

#endif
