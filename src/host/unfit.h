/* Explains why a framing cannot carry a message, in the same words for send and for greetings.
 */
#ifndef SW_HOST_UNFIT_H
#define SW_HOST_UNFIT_H

#include <stddef.h>

#include "base/error.h"
#include "base/framing.h"
#include "host/luacompat.h"

/* Pushes and returns why the framing cannot carry a message of `size` bytes. err is the result of sw_encode: SW_FRAME,
 * or SW_TOOBIG if the length prefix is too short. */
const char *sw_push_unfit(lua_State *L, const struct sw_framing *framing, enum sw_err err, size_t size);

#endif
