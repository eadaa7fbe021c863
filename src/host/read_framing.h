/* Reads a framing that a script gives, and names one in sentences.
 */
#ifndef SW_HOST_READ_FRAMING_H
#define SW_HOST_READ_FRAMING_H

#include <stdint.h>

#include "base/framing.h"
#include "host/check.h"
#include "host/luacompat.h"

/* Reads the framing at index: a word or a table. It is not complete: max is missing. Raises what is wrong with it. */
void sw_check_framing(lua_State *L, struct sw_spot spot, int index, struct sw_framing *framing);

/* Completes it: max is `max_message`, or the default of such a framing, if that is 0, but at most `limit`. Raises where a
 * max_message does not fit the framing. `where` is the called function. */
void sw_framing_complete(lua_State *L, const char *where, struct sw_framing *framing, int64_t max_message,
                         uint64_t limit);

/* Pushes and returns it as a script would write it: "line" in quotes, { fixed = 64 }. */
const char *sw_push_framing(lua_State *L, const struct sw_framing *framing);

/* Pushes and returns bytes in quotes, printable, with escapes as Lua has them; `is_cut`: with "..." for more. */
const char *sw_push_quoted(lua_State *L, const unsigned char *bytes, size_t size, bool is_cut);

#endif
