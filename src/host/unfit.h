/* Why a framing cannot carry a message, in words: the same ones for what is sent and for a greeting.
 */
#ifndef SW_HOST_UNFIT_H
#define SW_HOST_UNFIT_H

#include <lua.h>
#include <stddef.h>

#include "base/error.h"
#include "base/framing.h"

/* Pushes why the framing cannot carry a message of that size: SW_FRAME or, for its length prefix, SW_TOOBIG. */
const char *sw_push_unfit(lua_State *L, const struct sw_framing *framing, enum sw_err err, size_t size);

#endif
