#include "host/unfit.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/decimal.h"
#include "codec/codec.h"
#include "host/read_framing.h"

const char *sw_push_bytes(lua_State *L, uint64_t bytes) {
    char text[SW_DECIMAL_SIZE];
    (void)snprintf(text, sizeof text, "%" PRIu64, bytes);
    return lua_pushstring(L, text), lua_tostring(L, -1);
}

const char *sw_push_fault(lua_State *L, const struct sw_framing *framing, const struct sw_fault *fault) {
    static const char *const expected[] = {
#define ROW(fault, expected) [SW_FAULT_##fault] = (expected),
        SW_FAULTS(ROW)
#undef ROW
    };
    if (fault->kind == SW_FAULT_NEGATIVE)
        return lua_pushfstring(L, "expected a length of at least %d, because of its adjustment, got %s at byte %s",
                               -(int)framing->adjustment, sw_push_bytes(L, fault->claimed), SW_DECIMAL(fault->at));
    return lua_pushfstring(L, "expected %s at byte %s", expected[fault->kind], SW_DECIMAL(fault->at));
}

static const char *push_beyond_length(lua_State *L, const struct sw_framing *framing, uint64_t size) {
    return lua_pushfstring(L, "message too big: it has %s bytes, and the framing's length prefix says %s at most",
                           SW_DECIMAL(size), sw_push_bytes(L, sw_framing_longest(framing)));
}

/* The message must be exactly one frame, and is none. */
static const char *push_no_frame(lua_State *L, const struct sw_framing *framing, uint64_t size,
                                 const struct sw_fault *fault) {
    const char *what = framing->kind == SW_FRAMING_RESP ? "value" : "frame";
    switch (fault->kind) {
    case SW_FAULT_INCOMPLETE:
        return lua_pushfstring(L, "expected more: it ends after %s bytes, in the middle of one", SW_DECIMAL(size));
    case SW_FAULT_REST:
        return lua_pushfstring(L, "expected its end at byte %s, where the %s is complete", SW_DECIMAL(fault->at), what);
    case SW_FAULT_CLAIM:
        return lua_pushfstring(L, "expected at least %s bytes, as it says at byte %s, and it has %s",
                               sw_push_bytes(L, fault->claimed), SW_DECIMAL(fault->at), SW_DECIMAL(size));
    default: return sw_push_fault(L, framing, fault);
    }
}

const char *sw_push_unfit(lua_State *L, const struct sw_framing *framing, enum sw_err err, uint64_t size,
                          const struct sw_fault *fault) {
    if (err == SW_TOOBIG) return push_beyond_length(L, framing, size);
    switch (framing->kind) {
    case SW_FRAMING_FIXED:
        return lua_pushfstring(
            L, "the framing { fixed = %d } carries messages of just that size, and this one has %s bytes",
            (int)framing->size, SW_DECIMAL(size));
    case SW_FRAMING_RAW: return lua_pushfstring(L, "the framing \"raw\" cannot carry an empty message");
    case SW_FRAMING_LINE:
        return lua_pushfstring(L, "the framing \"line\" adds the \"\\n\" itself: a message must not hold one, nor end "
                                  "in \"\\r\", which framing = { delimiter = \"\\n\" } carries");
    case SW_FRAMING_COUNTED:
        if (!framing->keeps)
            return lua_pushfstring(L, "the framing %s carries messages of at least %d bytes, and this one has %s",
                                   sw_push_framing(L, framing), (int)framing->adjustment, SW_DECIMAL(size));
        return lua_pushfstring(L, "the framing %s carries exactly one frame as a message: %s",
                               sw_push_framing(L, framing), push_no_frame(L, framing, size, fault));
    case SW_FRAMING_RESP:
        return lua_pushfstring(L, "the framing \"resp\" carries exactly one value as a message: %s",
                               push_no_frame(L, framing, size, fault));
    default:
        return lua_pushfstring(
            L, "the framing adds its delimiter itself: a message must not hold it, nor form one with it");
    }
}
