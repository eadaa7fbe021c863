/* Messages on their way out, as far as more than client:send deals with them.
 */
#ifndef SW_HOST_SEND_H
#define SW_HOST_SEND_H

#include <lua.h>

#include "base/error.h"
#include "base/framing.h"

/* Pushes why the framing cannot carry a message of that size: SW_FRAME or, for its length prefix, SW_TOOBIG. */
const char *sw_push_unfit(lua_State *L, const struct sw_framing *framing, enum sw_err err, size_t size);

#endif
