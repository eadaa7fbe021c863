/* The option table of sidewire.new: read, checked, completed with the defaults of the contract. */
#ifndef SW_HOST_OPTIONS_H
#define SW_HOST_OPTIONS_H

#include <lua.h>

#include "base/options.h"

/* Reads the table at index. The handlers (`on`) are checked here too, but stay in the table. Raises on misuse. */
void sw_options_read(lua_State *L, int index, struct sw_options *options);

#endif
