#include "host/unfit.h"

#include <stdint.h>

#include "base/decimal.h"

static const char *push_beyond_prefix(lua_State *L, const struct sw_framing *framing, size_t size) {
    uint64_t longest = (UINT64_C(1) << 8 * sw_framing_prefix(framing->kind)) - 1;
    return lua_pushfstring(L, "message too big: it has %s bytes, and the framing's length prefix says %s at most",
                           SW_DECIMAL(size), SW_DECIMAL(longest));
}

const char *sw_push_unfit(lua_State *L, const struct sw_framing *framing, enum sw_err err, size_t size) {
    if (err == SW_TOOBIG) return push_beyond_prefix(L, framing, size);
    switch (framing->kind) {
    case SW_FRAMING_FIXED:
        return lua_pushfstring(
            L, "the framing { fixed = %d } carries messages of just that size, and this one has %s bytes",
            (int)framing->size, SW_DECIMAL(size));
    case SW_FRAMING_RAW: return lua_pushfstring(L, "the framing \"raw\" cannot carry an empty message");
    case SW_FRAMING_LINE:
        return lua_pushfstring(L, "the framing \"line\" cannot carry a message that holds \"\\n\" or ends in \"\\r\"");
    default:
        return lua_pushfstring(L, "the framing cannot carry a message that holds its delimiter or forms one with it");
    }
}
