#include "channel/channel.h"

#include "base/memory.h"
#include "channel/engine.h"
#include "channel/thread.h"

/* --- life --- */

struct sw_channel *sw_channel_new(struct sw_engine *engine, const struct sw_options *options) {
    struct sw_channel *channel = sw_allocate_zeroed(sizeof *channel);
    if (channel == NULL) return NULL;
    if (sw_lock_init(&channel->lock) != 0) {
        free(channel);
        return NULL;
    }
    atomic_init(&channel->refs, 1);
    atomic_init(&channel->fd, -1);
    channel->engine = sw_engine_ref(engine);
    channel->options = *options;
    channel->commands_tail = &channel->commands;
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
    sw_pages_free(&channel->out.pages);
    sw_pages_free(&channel->out.spare);
    sw_inbox_drop(&channel->in);
    sw_greeting_unref(channel->greeting);
    sw_pages_free(&channel->copy.pages);
    pthread_mutex_destroy(&channel->lock);
    sw_engine_unref(channel->engine);
    free(channel);
}

static void lock(struct sw_channel *channel) { pthread_mutex_lock(&channel->lock); }
static void unlock(struct sw_channel *channel) { pthread_mutex_unlock(&channel->lock); }

/* --- host thread: sending --- */

/* With the lock held: must the engine's dirty list get the channel? */
static bool mark_dirty(struct sw_channel *channel) {
    if (channel->dirty || !channel->attached) return false;
    channel->dirty = true;
    return true;
}

/* With the lock held: the same after a message was added. */
static bool mark_filled(struct sw_channel *channel) {
    if (channel->out.announced) return false;
    channel->out.announced = channel->attached;
    return mark_dirty(channel);
}

/* After mark_dirty said so. */
static bool announce(struct sw_channel *channel) {
    if (sw_engine_announce(channel->engine, channel)) return true;
    lock(channel);
    channel->dirty = false;
    unlock(channel);
    return false;
}

static enum sw_err admit(struct sw_channel *channel, size_t size) {
    if (channel->state == SW_STATE_CLOSED) return SW_CLOSED;
    return sw_outbox_admit(&channel->out, size, channel->options.queue_limit);
}

/* Copies the pieces into a fresh chain as one message. */
static void fill(struct sw_pages *chain, const struct sw_slice *pieces, size_t count, uint32_t flags) {
    struct sw_page *page = chain->head;
    for (size_t i = 0; i < count; i++) {
        const unsigned char *bytes = pieces[i].data;
        size_t left = pieces[i].size;
        while (left > sw_page_room(page)) {
            size_t room = sw_page_room(page);
            sw_page_put(page, bytes, room);
            bytes += room;
            left -= room;
            page = page->next;
        }
        sw_page_put(page, bytes, left);
    }
    sw_page_end(page, flags);
}

/* The message does not fit into the last page. Pages are made, and filled, without the lock; only the host adds, so
 * what was admitted stays admitted. */
static enum sw_err send_in_new_pages(struct sw_channel *channel, const struct sw_slice *pieces, size_t count,
                                     size_t size, uint32_t flags, size_t page_size, uint64_t *id) {
    struct sw_pages chain;
    if (!sw_pages_new(page_size, &chain)) return SW_SYSTEM;
    fill(&chain, pieces, count, flags);
    lock(channel);
    *id = sw_outbox_join(&channel->out, &chain, size);
    bool tell = mark_filled(channel);
    unlock(channel);
    if (tell) announce(channel);
    return SW_OK;
}

enum sw_err sw_channel_send(struct sw_channel *channel, const struct sw_slice *pieces, size_t count, uint32_t flags,
                            uint64_t *id) {
    SW_ON_HOST_THREAD();
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        if (pieces[i].size > SIZE_MAX - size) return SW_TOOBIG;
        size += pieces[i].size;
    }
    lock(channel);
    enum sw_err refused = admit(channel, size);
    if (refused != SW_OK) {
        unlock(channel);
        return refused;
    }
    if (size > sw_outbox_room(&channel->out) && !sw_outbox_use_spare(&channel->out, size)) {
        size_t page_size = sw_outbox_page_size(&channel->out, size);
        unlock(channel);
        return send_in_new_pages(channel, pieces, count, size, flags, page_size, id);
    }
    *id = sw_outbox_append(&channel->out, pieces, count, flags);
    bool tell = mark_filled(channel);
    unlock(channel);
    if (tell) announce(channel);
    return SW_OK;
}

/* --- host thread: the fate of messages --- */

bool sw_channel_confirm(struct sw_channel *channel, uint64_t id) {
    SW_ON_HOST_THREAD();
    lock(channel);
    bool reached = id <= channel->gauges.reached;
    bool tell = reached && id > channel->confirmed && mark_dirty(channel);
    if (reached && id > channel->confirmed) channel->confirmed = id;
    unlock(channel);
    if (tell) announce(channel);
    return reached;
}

void sw_channel_set_greeting(struct sw_channel *channel, struct sw_greeting *greeting) {
    SW_ON_HOST_THREAD();
    lock(channel);
    struct sw_greeting *before = channel->greeting;
    channel->greeting = greeting;
    unlock(channel);
    sw_greeting_unref(before);
}

/* No loop looks after the channel: all there is lies in the outbox, which only the host touches then. */
static void copy_here(struct sw_channel *channel) {
    struct sw_copy copy = {.first = channel->out.last_id + 1};
    for (const struct sw_page *page = channel->out.pages.head; page != NULL; page = page->next)
        copy.first -= page->ends;
    copy.failed = !sw_pages_copy(channel->out.pages.head, 0, 0, &copy.pages);
    sw_channel_give_copy(channel, &copy);
}

void sw_channel_want_copy(struct sw_channel *channel) {
    SW_ON_HOST_THREAD();
    lock(channel);
    struct sw_pages stale = channel->copy.pages; /* of a wait that was interrupted */
    channel->copy.pages = (struct sw_pages){NULL, NULL};
    channel->copy_wanted = true;
    bool tell = mark_dirty(channel);
    unlock(channel);
    sw_pages_free(&stale);
    if (tell) announce(channel);
}

bool sw_channel_take_copy(struct sw_channel *channel, struct sw_copy *copy) {
    SW_ON_HOST_THREAD();
    lock(channel);
    bool orphaned = channel->copy_wanted && !channel->attached;
    unlock(channel);
    if (orphaned) copy_here(channel);
    lock(channel);
    bool is_there = !channel->copy_wanted;
    if (is_there) {
        *copy = channel->copy;
        channel->copy.pages = (struct sw_pages){NULL, NULL};
    }
    unlock(channel);
    return is_there;
}

/* --- host thread: commands --- */

struct sw_command *sw_channel_command(struct sw_channel *channel, enum sw_verb verb) {
    struct sw_command *command = verb == SW_CLOSE ? &channel->close_command : sw_allocate_zeroed(sizeof *command);
    if (command == NULL) return NULL;
    command->verb = verb;
    command->embedded = verb == SW_CLOSE;
    return command;
}

bool sw_channel_order(struct sw_channel *channel, struct sw_command *command, enum sw_state state) {
    SW_ON_HOST_THREAD();
    lock(channel);
    command->next = NULL;
    command->number = ++channel->command;
    command->fence = channel->out.last_id;
    *channel->commands_tail = command;
    channel->commands_tail = &command->next;
    if (command->verb != SW_SERVER && command->verb != SW_RECONNECT) channel->state = state;
    if (command->verb == SW_CONNECT) channel->attached = true;
    bool tell = mark_dirty(channel), attached = channel->attached;
    unlock(channel);
    return tell ? announce(channel) : attached && sw_engine_alive(channel->engine);
}

bool sw_channel_announce(struct sw_channel *channel) {
    lock(channel);
    bool tell = mark_dirty(channel);
    unlock(channel);
    return tell ? announce(channel) : sw_engine_alive(channel->engine);
}

void sw_channel_withdraw(struct sw_channel *channel) {
    SW_ON_HOST_THREAD();
    lock(channel);
    struct sw_command *commands = channel->commands;
    channel->commands = NULL;
    channel->commands_tail = &channel->commands;
    channel->attached = false;
    channel->state = SW_STATE_IDLE;
    unlock(channel);
    sw_commands_free(commands);
}

void sw_channel_watch(struct sw_channel *channel, bool watched) {
    lock(channel);
    channel->watched = watched;
    unlock(channel);
}

void sw_channel_silence(struct sw_channel *channel) {
    lock(channel);
    channel->silent = true;
    unlock(channel);
}

void sw_channel_look(struct sw_channel *channel, struct sw_view *view) {
    lock(channel);
    view->state = channel->state;
    view->attached = channel->attached;
    view->gone = channel->state == SW_STATE_CLOSED && !channel->attached;
    view->paused = channel->in.paused || channel->in.reserve_used;
    view->undelivered = channel->in.bytes > 0 || channel->in.reserve_used || channel->in.finished;
    view->accepted = channel->out.last_id;
    view->queue_bytes = channel->out.bytes;
    view->inbox_bytes = channel->in.bytes;
    view->ended = channel->ended;
    view->gauges = channel->gauges;
    unlock(channel);
}

void sw_channel_set_wishes(struct sw_channel *channel, struct sw_wishes wishes) {
    lock(channel);
    bool tell = channel->discard != wishes.discard && mark_dirty(channel);
    channel->discard = wishes.discard;
    channel->wants_log = wishes.wants_log;
    channel->wants_acked = wishes.wants_acked;
    unlock(channel);
    if (tell) announce(channel);
}

/* --- host thread: receiving --- */

void sw_channel_take(struct sw_channel *channel, struct sw_delivery *delivery) {
    SW_ON_HOST_THREAD();
    lock(channel);
    sw_inbox_take(&channel->in, delivery);
    unlock(channel);
}

void sw_channel_free_reserve(struct sw_channel *channel) {
    lock(channel);
    channel->in.reserve_used = channel->in.reserve_taken = false;
    bool tell = mark_dirty(channel); /* the loop held back until the slot is free */
    unlock(channel);
    if (tell) announce(channel);
}

void sw_channel_delivered(struct sw_channel *channel, size_t bytes) {
    lock(channel);
    bool tell = sw_inbox_release(&channel->in, bytes, channel->options.inbox_limit) && mark_dirty(channel);
    unlock(channel);
    if (tell) announce(channel);
}

/* With the lock held: must the engine's ready list get the channel? */
static bool mark_ready(struct sw_channel *channel) {
    if (channel->in.announced || channel->silent) return false;
    channel->in.announced = true;
    return true;
}

void sw_channel_close_here(struct sw_channel *channel) {
    SW_ON_HOST_THREAD();
    struct sw_report last = {.event = SW_EVENT_CLOSE};
    lock(channel);
    struct sw_pages unsent = channel->out.pages;
    channel->out.pages = (struct sw_pages){NULL, NULL};
    struct sw_gauges *gauges = &channel->gauges;
    uint64_t done = gauges->handed;
    if (channel->out.last_id > done) last.lost_unsent = (struct sw_loss){done + 1, channel->out.last_id};
    gauges->lost_unsent += channel->out.last_id - done;
    gauges->handed = channel->out.last_id;
    channel->out.bytes = 0;
    channel->state = SW_STATE_CLOSED;
    channel->attached = false;
    sw_inbox_finish(&channel->in, &last);
    bool tell = mark_ready(channel);
    unlock(channel);
    sw_pages_free(&unsent);
    if (tell) sw_engine_tell_host(channel->engine, channel);
}

/* --- loop thread --- */

void sw_channel_collect(struct sw_channel *channel, struct sw_batch *batch) {
    SW_ON_LOOP_THREAD();
    lock(channel);
    channel->dirty = false;
    batch->commands = channel->commands;
    channel->commands = NULL;
    channel->commands_tail = &channel->commands;
    batch->attached = channel->attached;
    batch->paused = channel->in.paused;
    batch->reserve_free = !channel->in.reserve_used;
    batch->discard = channel->discard;
    batch->copy_wanted = channel->copy_wanted;
    batch->confirmed = channel->confirmed;
    unlock(channel);
}

uint64_t sw_channel_take_messages(struct sw_channel *channel, struct sw_pages *pages, struct sw_pages *spent) {
    SW_ON_LOOP_THREAD();
    lock(channel);
    *pages = channel->out.pages;
    channel->out.pages = (struct sw_pages){NULL, NULL};
    if (channel->out.spare.head == NULL) sw_pages_join(&channel->out.spare, spent);
    if (pages->head == NULL) channel->out.announced = false;
    uint64_t fence = channel->commands != NULL ? channel->commands->fence : UINT64_MAX;
    unlock(channel);
    return fence;
}

void sw_channel_trim(struct sw_channel *channel) {
    SW_ON_LOOP_THREAD();
    lock(channel);
    struct sw_pages spare = channel->out.spare;
    channel->out.spare = (struct sw_pages){NULL, NULL};
    unlock(channel);
    sw_pages_free(&spare);
}

/* With the lock held. */
static void set_state(struct sw_channel *channel, uint64_t known, enum sw_state state, const struct sw_error *ended) {
    if (known != channel->command) return;
    channel->state = state;
    if (ended != NULL) channel->ended = *ended;
}

void sw_channel_show(struct sw_channel *channel, uint64_t known, enum sw_state state, const struct sw_error *ended) {
    SW_ON_LOOP_THREAD();
    lock(channel);
    set_state(channel, known, state, ended);
    bool nudge = channel->watched;
    unlock(channel);
    if (nudge) sw_engine_tell_host(channel->engine, NULL);
}

bool sw_channel_put(struct sw_channel *channel, struct sw_pages *pages, uint64_t count, size_t bytes) {
    SW_ON_LOOP_THREAD();
    lock(channel);
    sw_inbox_put(&channel->in, pages, count, bytes);
    if (channel->in.bytes >= channel->options.inbox_limit) channel->in.paused = true;
    bool paused = channel->in.paused;
    bool tell = mark_ready(channel);
    unlock(channel);
    if (tell) sw_engine_tell_host(channel->engine, channel);
    return paused;
}

bool sw_channel_is_full(struct sw_channel *channel) {
    lock(channel);
    if (channel->in.bytes >= channel->options.inbox_limit) channel->in.paused = true;
    bool full = channel->in.paused || channel->in.reserve_used;
    unlock(channel);
    return full;
}

/* Logs are for who has a handler, and must not fill the inbox. */
static bool wants_log(struct sw_channel *channel) {
    lock(channel);
    bool wanted = channel->wants_log && !channel->in.paused;
    unlock(channel);
    return wanted;
}

static struct sw_report *copy_report(const struct sw_report *report) {
    struct sw_report *copy = sw_allocate(sizeof *copy);
    if (copy != NULL) *copy = *report;
    return copy;
}

/* With the lock held: puts the copy, or does what can be done without. True as mark_ready. */
static bool put_report(struct sw_channel *channel, struct sw_report *copy, const struct sw_report *report) {
    bool must_not_be_lost = report->event == SW_EVENT_DISCONNECT || report->event == SW_EVENT_ERROR;
    if (copy != NULL)
        sw_inbox_report(&channel->in, copy);
    else if (must_not_be_lost)
        sw_inbox_reserve(&channel->in, report);
    return (copy != NULL || must_not_be_lost) && mark_ready(channel);
}

bool sw_channel_show_with(struct sw_channel *channel, uint64_t known, enum sw_state state, const struct sw_error *ended,
                          const struct sw_report *report) {
    SW_ON_LOOP_THREAD();
    struct sw_report *copy = copy_report(report);
    lock(channel);
    set_state(channel, known, state, ended);
    bool tell = put_report(channel, copy, report);
    bool nudge = tell || channel->watched;
    unlock(channel);
    if (nudge) sw_engine_tell_host(channel->engine, tell ? channel : NULL);
    return copy != NULL;
}

bool sw_channel_report(struct sw_channel *channel, const struct sw_report *report) {
    if (report->event == SW_EVENT_LOG && !wants_log(channel)) return true;
    struct sw_report *copy = copy_report(report);
    lock(channel);
    bool tell = put_report(channel, copy, report);
    unlock(channel);
    if (tell) sw_engine_tell_host(channel->engine, channel);
    return copy != NULL;
}

/* With the lock held: makes the newest report say more. False: it is another one, or taken. */
static bool extend_acked(struct sw_channel *channel, uint64_t id) {
    struct sw_report *newest = sw_inbox_newest(&channel->in);
    if (newest == NULL || newest->event != SW_EVENT_ACKED) return false;
    newest->acked = id;
    newest->after = channel->in.messages;
    return true;
}

void sw_channel_acked(struct sw_channel *channel, uint64_t id) {
    SW_ON_LOOP_THREAD();
    lock(channel);
    bool done = !channel->wants_acked || extend_acked(channel, id);
    unlock(channel);
    const struct sw_report report = {.event = SW_EVENT_ACKED, .acked = id};
    if (!done) sw_channel_report(channel, &report); /* without memory: the next one says it */
}

struct sw_greeting *sw_channel_greeting(struct sw_channel *channel) {
    SW_ON_LOOP_THREAD();
    lock(channel);
    struct sw_greeting *greeting = sw_greeting_ref(channel->greeting);
    unlock(channel);
    return greeting;
}

void sw_channel_give_copy(struct sw_channel *channel, const struct sw_copy *copy) {
    lock(channel);
    struct sw_pages stale = channel->copy.pages;
    channel->copy = *copy;
    channel->copy_wanted = false;
    bool nudge = channel->watched;
    unlock(channel);
    sw_pages_free(&stale);
    if (nudge) sw_engine_tell_host(channel->engine, NULL);
}

void sw_channel_gauges(struct sw_channel *channel, struct sw_gauges *gauges) {
    lock(channel);
    *gauges = channel->gauges;
    unlock(channel);
}

void sw_channel_detach(struct sw_channel *channel) {
    lock(channel);
    channel->attached = channel->commands != NULL; /* these want an answer first */
    unlock(channel);
}

void sw_channel_finish(struct sw_channel *channel, const struct sw_report *report) {
    SW_ON_LOOP_THREAD();
    lock(channel);
    channel->attached = false;
    sw_inbox_finish(&channel->in, report);
    bool tell = mark_ready(channel);
    unlock(channel);
    sw_engine_tell_host(channel->engine, tell ? channel : NULL); /* a host that waits for the end has nothing to take */
}

void sw_channel_account(struct sw_channel *channel, const struct sw_gauges *gauges, size_t released) {
    SW_ON_LOOP_THREAD();
    lock(channel);
    channel->gauges = *gauges;
    bool drain = sw_outbox_release(&channel->out, released, channel->options.queue_limit);
    bool nudge = channel->watched;
    unlock(channel);
    if (nudge) sw_engine_tell_host(channel->engine, NULL);
    if (!drain) return;
    const struct sw_report report = {.event = SW_EVENT_DRAIN};
    if (sw_channel_report(channel, &report)) return;
    lock(channel); /* no memory: still owed */
    if (channel->out.refused == 0) channel->out.refused = 1;
    unlock(channel);
}
