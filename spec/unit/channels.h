/* What unit tests of channels share: an engine without a loop, channels of it, messages for them. */
#ifndef UNIT_CHANNELS_H
#define UNIT_CHANNELS_H

#include "channel/engine.h"
#include "channel/host_end.h"

/* For an engine that is never started. */
static inline void *no_loop(void *engine) {
    sw_engine_unref(engine);
    return NULL;
}

/* With its own reference. */
static inline struct sw_channel *new_channel(struct sw_engine *engine, size_t queue_limit) {
    const struct sw_options options = {.queue_limit = queue_limit, .inbox_limit = SIZE_MAX / 4};
    struct sw_options *last = NULL, *shared = sw_options_share(&last, &options);
    sw_options_unref(last);
    return sw_channel_new(engine, shared);
}

/* Sends in two pieces. */
static inline enum sw_err send_bytes(struct sw_channel *channel, const void *bytes, size_t size, uint64_t *id) {
    const struct sw_slice pieces[] = {{bytes, size / 3}, {(const char *)bytes + size / 3, size - size / 3}};
    const struct sw_outgoing message = {.pieces = pieces, .count = 2};
    return sw_channel_send(channel, &message, id);
}

#endif
