#include "host/bad_frame.h"

#include <string.h>

#include "base/decimal.h"
#include "host/read_framing.h"
#include "host/unfit.h"

void sw_bad_frame_copy(const struct sw_bad_frame *frame, const struct sw_framing *framing,
                       struct sw_bad_frame_copy *copy) {
    copy->framing = frame != NULL ? framing : NULL;
    if (frame == NULL) return;
    copy->fault = frame->fault;
    copy->begun = frame->begun;
    copy->size = frame->size;
    memcpy(copy->bytes, frame->bytes, sizeof copy->bytes);
}

static const char *push_problem(lua_State *L, const struct sw_bad_frame_copy *frame, const char *message) {
    const struct sw_framing *framing = frame->framing;
    const char *max = SW_DECIMAL(framing->max);
    switch (frame->fault.kind) {
    case SW_FAULT_TOO_LONG: return lua_pushfstring(L, "%s is longer than max_message (%s)", message, max);
    case SW_FAULT_CLAIM:
        return lua_pushfstring(L, "%s claims %s bytes, more than max_message (%s)", message,
                               sw_push_bytes(L, frame->fault.claimed), max);
    default: return lua_pushfstring(L, "%s of %s", sw_push_fault(L, framing, &frame->fault), message);
    }
}

const char *sw_push_bad_frame(lua_State *L, const struct sw_bad_frame_copy *frame) {
    int top = lua_gettop(L);
    const char *message = "the message";
    if (frame->begun != SW_BAD_FRAME_ANYWHERE)
        message =
            lua_pushfstring(L, "the message that begins at byte %s of the connection", SW_DECIMAL(frame->begun + 1));
    const char *problem = push_problem(L, frame, message);
    const char *shown = sw_push_quoted(L, frame->bytes, frame->size, frame->fault.at > frame->size);
    lua_pushfstring(L, "framing %s: %s: %s", sw_push_framing(L, frame->framing), problem, shown);
    lua_insert(L, top + 1);
    lua_settop(L, top + 1);
    return lua_tostring(L, -1);
}
