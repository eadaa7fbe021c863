#include "channel/channel.h"

#include <stdlib.h>

#include "base/server.h"
#include "channel/engine.h"
#include "channel/thread.h"

_Static_assert((int)SW_SERVERS_MAX <= 16 && (int)SW_STATE_CLOSED < 16, "server and state have four bits each");

struct sw_channel *sw_channel_new(struct sw_engine *engine, struct sw_options *options) {
    struct sw_channel *channel = options != NULL ? calloc(1, sizeof *channel) : NULL;
    if (channel == NULL) {
        sw_options_unref(options);
        return NULL;
    }
    sw_lock_init(&channel->lock);
    atomic_init(&channel->refs, 1);
    channel->engine = sw_engine_ref(engine);
    atomic_fetch_add_explicit(&engine->open, 1, memory_order_relaxed);
    channel->options = options;
    channel->commands_tail = &channel->commands;
    channel->slots.interest.messages = true;
    sw_inbox_init(&channel->in);
    return channel;
}

struct sw_channel *sw_channel_ref(struct sw_channel *channel) {
    atomic_fetch_add_explicit(&channel->refs, 1, memory_order_relaxed);
    return channel;
}

void sw_channel_unref(struct sw_channel *channel) {
    if (atomic_fetch_sub_explicit(&channel->refs, 1, memory_order_acq_rel) > 1) return;
    sw_commands_free(channel->commands);
    sw_engine_free_pages(channel->engine, &channel->out.pages);
    sw_pages_free(&channel->pool.free);
    while (channel->once != NULL) sw_once_drop(&channel->once);
    sw_inbox_drop(&channel->in);
    sw_greeting_unref(channel->greeting);
    sw_causes_unref(channel->causes);
    sw_pages_free(&channel->copy.pages);
    sw_options_unref(channel->options);
    sw_lock_destroy(&channel->lock);
    sw_engine_unref(channel->engine);
    free(channel);
}

void sw_channel_post_up(struct sw_channel *channel) {
    sw_engine_post_up(channel->engine, &sw_channel_ref(channel)->up);
}

void sw_channel_drop_greeting(struct sw_channel *channel) {
    sw_channel_lock(channel);
    struct sw_greeting *greeting = channel->greeting;
    channel->greeting = NULL;
    sw_channel_unlock(channel);
    sw_greeting_unref(greeting);
}
