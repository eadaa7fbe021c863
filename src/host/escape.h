/* Bytes as a string literal of Lua has them, for error messages. */
#ifndef SW_HOST_ESCAPE_H
#define SW_HOST_ESCAPE_H

#include "host/luacompat.h"

/* Adds the byte: as it is, or as an escape if it is no printable ASCII, a backslash or a double quote. */
void sw_add_escaped(luaL_Buffer *buffer, unsigned char byte);

#endif
