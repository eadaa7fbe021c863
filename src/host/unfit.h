/* Explains why a framing cannot carry a message, in the same words for send and for greetings, and what is wrong with a
 * frame, in the same words for what is sent and for what comes in.
 */
#ifndef SW_HOST_UNFIT_H
#define SW_HOST_UNFIT_H

#include <stdint.h>

#include "base/error.h"
#include "base/fault.h"
#include "base/framing.h"
#include "host/luacompat.h"

/* Pushes and returns why the framing cannot carry a message of `size` bytes. err is the result of sw_encode: SW_FRAME, with
 * the fault of its envelope, or SW_TOOBIG if the length in front cannot express the size. */
const char *sw_push_unfit(lua_State *L, const struct sw_framing *framing, enum sw_err err, uint64_t size,
                          const struct sw_fault *fault);

/* Pushes and returns "expected a digit at byte 3"; for a fault that is found at a byte. */
const char *sw_push_fault(lua_State *L, const struct sw_framing *framing, const struct sw_fault *fault);

/* Pushes and returns a number of bytes in decimal, which may have all 64 bits. */
const char *sw_push_bytes(lua_State *L, uint64_t bytes);

#endif
