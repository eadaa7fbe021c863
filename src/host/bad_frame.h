/* A bad frame (channel/bad_frame.h) in words: for the event of the connection that it has ended.
 */
#ifndef SW_HOST_BAD_FRAME_H
#define SW_HOST_BAD_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/framing.h"
#include "channel/bad_frame.h"
#include "host/luacompat.h"

/* A copy for a caller that needs it after its report may have been freed. */
struct sw_bad_frame_copy {
    const struct sw_framing *framing; /* NULL: nothing is known of a bad frame */
    struct sw_fault fault;
    uint64_t begun; /* as in struct sw_bad_frame; SW_BAD_FRAME_ANYWHERE: not known */
    size_t size;
    unsigned char bytes[SW_BAD_FRAME_SHOWN];
};

#define SW_BAD_FRAME_ANYWHERE UINT64_MAX

/* Copies it; NULL: nothing is known. */
void sw_bad_frame_copy(const struct sw_bad_frame *frame, const struct sw_framing *framing,
                       struct sw_bad_frame_copy *copy);

/* Pushes and returns a sentence: which framing, what was expected, where, and the frame's first bytes. */
const char *sw_push_bad_frame(lua_State *L, const struct sw_bad_frame_copy *frame);

#endif
