#include "channel/bad_frame.h"

#include <stdlib.h>
#include <string.h>

struct sw_bad_frame *sw_bad_frame_new(void) {
    struct sw_bad_frame *frame = calloc(1, sizeof *frame);
    if (frame != NULL) atomic_init(&frame->refs, 1);
    return frame;
}

void sw_bad_frame_add(struct sw_bad_frame *frame, const void *bytes, size_t size) {
    size_t room = SW_BAD_FRAME_SHOWN - frame->size;
    if (size > room) size = room;
    if (size == 0) return;
    memcpy(frame->bytes + frame->size, bytes, size);
    frame->size += (uint32_t)size;
}

struct sw_bad_frame *sw_bad_frame_ref(struct sw_bad_frame *frame) {
    if (frame != NULL) atomic_fetch_add_explicit(&frame->refs, 1, memory_order_relaxed);
    return frame;
}

void sw_bad_frame_unref(struct sw_bad_frame *frame) {
    if (frame == NULL || atomic_fetch_sub_explicit(&frame->refs, 1, memory_order_acq_rel) > 1) return;
    free(frame);
}
