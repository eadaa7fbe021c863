#include "channel/host_end.h"

#include <stdlib.h>

#include "channel/engine.h"
#include "channel/thread.h"

/* --- sending --- */

/* With the lock held, after something was posted. True: the caller must call post_down after it has released the
 * lock. */
static bool claim_down(struct sw_channel *channel) {
    if (channel->posted || !channel->attached) return false;
    channel->posted = true;
    return true;
}

/* With the lock held, after the slot's value was set. Returns the same as claim_down. */
static bool post_slot(struct sw_channel *channel, enum sw_slot slot) {
    channel->slots.posted |= slot;
    return claim_down(channel);
}

/* With the lock held, after a message was added to the outbox. Returns the same as claim_down. */
static bool mark_filled(struct sw_channel *channel) {
    if (channel->out.notified && !channel->out.wants_pages) return false;
    channel->out.notified = channel->attached;
    return claim_down(channel);
}

/* Without the lock, after claim_down returned true. False: there is no loop. */
static bool post_down(struct sw_channel *channel) {
    if (sw_engine_post_down(channel->engine, &sw_channel_ref(channel)->down)) return true;
    sw_channel_lock(channel);
    channel->posted = false;
    sw_channel_unlock(channel);
    sw_channel_unref(channel);
    return false;
}

static bool is_open(const struct sw_channel *channel, uint32_t connection) {
    return channel->state == SW_STATE_CONNECTED && channel->connection == connection && connection != 0;
}

static enum sw_err admit(struct sw_channel *channel, const struct sw_outgoing *message, size_t size) {
    if (channel->state == SW_STATE_CLOSED) return SW_CLOSED;
    if (message->is_bound && !is_open(channel, message->connection)) return SW_CLOSED;
    return sw_outbox_admit(&channel->out, size, channel->options->queue_limit);
}

/* Computes the message's size. False: it exceeds SIZE_MAX. */
static bool measure(const struct sw_outgoing *message, size_t *size) {
    *size = 0;
    for (size_t i = 0; i < message->count; i++) {
        if (message->pieces[i].size > SIZE_MAX - *size) return false;
        *size += message->pieces[i].size;
    }
    return true;
}

static bool add_pinned(struct sw_pages *pages, const struct sw_slice *pinned, int pin) {
    struct sw_page *page = sw_page_new_pinned(pinned->data, (uint32_t)pinned->size, pin);
    if (page != NULL) sw_pages_add(pages, page);
    return page != NULL;
}

/* Puts the message into pages. False: no memory; `pages` then has a part of the message. */
static bool build(struct sw_pages *pages, const struct sw_outgoing *message, size_t expected) {
    for (size_t i = 0; i < message->count; i++) {
        const struct sw_slice *piece = &message->pieces[i];
        const struct sw_page_source source = {piece->size > expected ? piece->size : expected, NULL};
        bool added = piece == message->pinned ? add_pinned(pages, piece, message->pin)
                                              : sw_pages_append(pages, piece->data, piece->size, &source);
        if (!added) return false;
    }
    return sw_pages_end_message(pages, &(struct sw_page_source){expected, NULL}, message->flags);
}

/* Puts a message of `size` bytes into new pages, each with room for `expected` bytes, and fills them without the lock.
 * The message was admitted before, and still fits, because only the host adds messages. */
static enum sw_err send_in_pages(struct sw_channel *channel, const struct sw_outgoing *message, size_t size,
                                 size_t expected, uint64_t *id) {
    struct sw_pages pages = {NULL, NULL};
    if (!build(&pages, message, expected)) {
        sw_pages_free(&pages); /* the caller ends the pin */
        return SW_SYSTEM;
    }
    sw_channel_lock(channel);
    *id = sw_outbox_join(&channel->out, &pages, size, message->pinned != NULL);
    bool must_post = mark_filled(channel);
    struct sw_pages excess = sw_pool_shrink(&channel->pool, sw_channel_pool_room(channel), size / SW_PAGE_MAX + 1);
    sw_channel_unlock(channel);
    sw_pages_free(&excess);
    if (must_post) post_down(channel);
    return SW_OK;
}

/* With the lock held. True: the last page of the outbox has room for the message, perhaps because this added a page. */
static bool find_room(struct sw_channel *channel, size_t size, size_t limit) {
    return size <= sw_outbox_room(&channel->out) || sw_outbox_add_page(&channel->out, &channel->pool, size, limit);
}

enum sw_err sw_channel_send(struct sw_channel *channel, const struct sw_outgoing *message, uint64_t *id) {
    SW_ON_HOST_THREAD();
    size_t size, expected = 0, limit = channel->options->queue_limit;
    bool must_post = false;
    if (!measure(message, &size)) return SW_TOOBIG;
    sw_channel_lock(channel);
    enum sw_err refused = admit(channel, message, size);
    bool fits = refused == SW_OK && message->pinned == NULL && find_room(channel, size, limit);
    if (fits) {
        *id = sw_outbox_append(&channel->out, message->pieces, message->count, message->flags);
        must_post = mark_filled(channel);
    } else if (refused == SW_OK && message->pinned == NULL) {
        expected = sw_outbox_page_size(&channel->out, size); /* leaves room for further messages */
        sw_outbox_want_pages(&channel->out, &channel->pool, limit);
    }
    sw_channel_unlock(channel);
    if (refused != SW_OK) return refused;
    if (!fits) return send_in_pages(channel, message, size, expected, id);
    if (must_post) post_down(channel);
    return SW_OK;
}

enum sw_err sw_channel_post_once(struct sw_channel *channel, struct sw_once *once, uint32_t connection) {
    SW_ON_HOST_THREAD();
    bool tell = false;
    sw_channel_lock(channel);
    enum sw_err refused = SW_CLOSED;
    if (is_open(channel, connection))
        refused = sw_outbox_admit(&channel->out, sw_once_cost(once), channel->options->queue_limit);
    if (refused == SW_OK) {
        once->after = channel->out.last_id;
        channel->out.bytes += sw_once_cost(once);
        sw_once_add(&channel->once, once);
        tell = post_slot(channel, SW_SLOT_ONCE);
    }
    sw_channel_unlock(channel);
    if (refused != SW_OK) free(once);
    if (tell) post_down(channel);
    return refused;
}

/* --- copies --- */

/* For a channel without a loop: all unfinished messages are in the outbox, which only the host uses then. */
static void copy_without_loop(struct sw_channel *channel) {
    struct sw_copy copy = {.first = channel->out.last_id + 1};
    for (const struct sw_page *page = channel->out.pages.head; page != NULL; page = page->next)
        copy.first -= page->ends;
    if (!sw_pages_copy(channel->out.pages.head, 0, 0, NULL, &copy.pages)) copy.first = 0;
    sw_channel_lock(channel);
    channel->copy = copy;
    channel->copy_awaited = false;
    channel->slots.posted &= ~(unsigned)SW_SLOT_COPY; /* so that a later loop makes no second copy */
    sw_channel_unlock(channel);
}

void sw_channel_post_copy_request(struct sw_channel *channel) {
    sw_channel_drop_copy(channel); /* of an earlier call that a Lua error ended */
    sw_channel_lock(channel);
    channel->copy_awaited = true;
    bool must_post = post_slot(channel, SW_SLOT_COPY);
    sw_channel_unlock(channel);
    if (must_post) post_down(channel);
}

void sw_channel_drop_copy(struct sw_channel *channel) {
    SW_ON_HOST_THREAD();
    sw_channel_lock(channel);
    struct sw_pages pages = channel->copy.pages;
    channel->copy.pages = (struct sw_pages){NULL, NULL};
    channel->copy_awaited = false;
    channel->slots.posted &= ~(unsigned)SW_SLOT_COPY;
    sw_channel_unlock(channel);
    sw_pages_free(&pages);
}

bool sw_channel_take_copy(struct sw_channel *channel, struct sw_copy *copy) {
    SW_ON_HOST_THREAD();
    sw_channel_lock(channel);
    bool has_no_loop = channel->copy_awaited && !channel->attached;
    sw_channel_unlock(channel);
    if (has_no_loop) copy_without_loop(channel);
    sw_channel_lock(channel);
    bool is_there = !channel->copy_awaited;
    if (is_there) {
        *copy = channel->copy;
        channel->copy.pages = (struct sw_pages){NULL, NULL};
    }
    sw_channel_unlock(channel);
    return is_there;
}

/* --- commands --- */

struct sw_command *sw_channel_command(struct sw_channel *channel, enum sw_verb verb) {
    struct sw_command *command = verb == SW_CLOSE ? &channel->close_command : calloc(1, sizeof *command);
    if (command == NULL) return NULL;
    command->verb = verb;
    command->embedded = verb == SW_CLOSE;
    return command;
}

/* With the lock held: the loop handles this channel from now on. The loop may be a new one, so it must also take the
 * slots that an earlier loop has taken. */
static void attach(struct sw_channel *channel) {
    channel->slots.posted |= SW_SLOT_CONFIRMED | SW_SLOT_CREDIT | SW_SLOT_INTEREST;
    channel->attached = true;
}

/* With the lock held: sets the state that the command leads to, until the loop posts one. Each of these commands ends a
 * connection that is open. */
static void assume_state(struct sw_channel *channel, enum sw_state state) {
    if (channel->state == SW_STATE_CONNECTED) channel->ended = sw_error_make(SW_CLOSED, SW_STAGE_CLOSE);
    channel->state = state;
}

bool sw_channel_post_command(struct sw_channel *channel, struct sw_command *command, enum sw_state state) {
    SW_ON_HOST_THREAD();
    sw_channel_lock(channel);
    command->next = NULL;
    command->number = ++channel->command;
    command->fence = channel->out.last_id;
    *channel->commands_tail = command;
    channel->commands_tail = &command->next;
    if (command->verb != SW_SERVER && command->verb != SW_SHUT_DOWN) assume_state(channel, state);
    if (command->verb == SW_CONNECT) attach(channel);
    bool must_post = claim_down(channel), attached = channel->attached;
    sw_channel_unlock(channel);
    return must_post ? post_down(channel) : attached && sw_engine_is_alive(channel->engine);
}

bool sw_channel_schedule(struct sw_channel *channel) {
    sw_channel_lock(channel);
    bool must_post = claim_down(channel);
    sw_channel_unlock(channel);
    return must_post ? post_down(channel) : sw_engine_is_alive(channel->engine);
}

void sw_channel_withdraw_commands(struct sw_channel *channel) {
    SW_ON_HOST_THREAD();
    sw_channel_lock(channel);
    struct sw_command *commands = channel->commands;
    channel->commands = NULL;
    channel->commands_tail = &channel->commands;
    channel->attached = false;
    channel->state = SW_STATE_IDLE;
    sw_channel_unlock(channel);
    sw_commands_free(commands);
}

/* --- slots --- */

bool sw_channel_post_confirmed(struct sw_channel *channel, uint64_t id) {
    SW_ON_HOST_THREAD();
    sw_channel_lock(channel);
    bool reached = id <= channel->gauges.reached, newer = reached && id > channel->slots.confirmed;
    if (newer) channel->slots.confirmed = id;
    bool must_post = newer && post_slot(channel, SW_SLOT_CONFIRMED);
    sw_channel_unlock(channel);
    if (must_post) post_down(channel);
    return reached;
}

/* With the lock held. True: the loop waits for this credit. */
static bool apply_credit(struct sw_channel *channel, const struct sw_credit *credit) {
    bool could_report = sw_inbox_can_report(&channel->in);
    bool has_credit = sw_inbox_credit(&channel->in, credit->bytes, channel->options->inbox_limit);
    channel->in.undelivered -= credit->reports;
    channel->out.kept_reports -= (size_t)credit->kept_reports;
    bool may_drain = credit->kept_reports > 0 && channel->out.refused_size > 0;
    return has_credit || may_drain || could_report != sw_inbox_can_report(&channel->in);
}

void sw_channel_post_credit(struct sw_channel *channel, const struct sw_credit *credit, struct sw_pages *emptied) {
    sw_channel_lock(channel);
    bool is_awaited = apply_credit(channel, credit);
    bool must_post = is_awaited && post_slot(channel, SW_SLOT_CREDIT);
    sw_pool_put(&channel->pool, emptied, sw_channel_pool_room(channel));
    sw_channel_unlock(channel);
    sw_pages_free(emptied);
    if (must_post) post_down(channel);
}

void sw_channel_post_reserve_free(struct sw_channel *channel) {
    sw_channel_lock(channel);
    channel->in.reserve_used = channel->in.reserve_taken = false;
    bool must_post = post_slot(channel, SW_SLOT_CREDIT); /* the loop waits for the reserved slot */
    sw_channel_unlock(channel);
    if (must_post) post_down(channel);
}

void sw_channel_post_interest(struct sw_channel *channel, struct sw_interest interest) {
    sw_channel_lock(channel);
    bool changes = channel->slots.interest.messages != interest.messages; /* the loop reads the others at each report */
    channel->slots.interest = interest;
    bool must_post = changes && post_slot(channel, SW_SLOT_INTEREST);
    sw_channel_unlock(channel);
    if (must_post) post_down(channel);
}

void sw_channel_post_bad_frame(struct sw_channel *channel, uint32_t connection) {
    SW_ON_HOST_THREAD();
    sw_channel_lock(channel);
    channel->slots.bad_frame = connection;
    bool must_post = post_slot(channel, SW_SLOT_BAD_FRAME);
    sw_channel_unlock(channel);
    if (must_post) post_down(channel);
}

void sw_channel_post_reconnect(struct sw_channel *channel, const struct sw_reconnect *reconnect) {
    SW_ON_HOST_THREAD();
    sw_channel_lock(channel);
    channel->slots.reconnect = *reconnect;
    channel->slots.reconnect_after = channel->command;
    bool must_post = post_slot(channel, SW_SLOT_RECONNECT);
    sw_channel_unlock(channel);
    if (must_post) post_down(channel);
}

void sw_channel_set_greeting(struct sw_channel *channel, struct sw_greeting *greeting) {
    SW_ON_HOST_THREAD();
    sw_channel_lock(channel);
    struct sw_greeting *before = channel->greeting;
    channel->greeting = greeting;
    sw_channel_unlock(channel);
    sw_greeting_unref(before);
}

/* --- messages, reports and state from the loop --- */

void sw_channel_take(struct sw_channel *channel, struct sw_delivery *delivery) {
    SW_ON_HOST_THREAD();
    sw_channel_lock(channel);
    channel->in.scheduled = false;
    sw_inbox_take(&channel->in, delivery);
    sw_channel_unlock(channel);
}

void sw_channel_take_early(struct sw_channel *channel, struct sw_delivery *delivery) {
    SW_ON_HOST_THREAD();
    sw_channel_lock(channel);
    sw_inbox_take(&channel->in, delivery);
    sw_channel_unlock(channel);
}

void sw_channel_set_wake_on(struct sw_channel *channel, enum sw_wake_on wake_on) {
    sw_channel_lock(channel);
    channel->wake_on = wake_on;
    sw_channel_unlock(channel);
}

void sw_channel_orphan(struct sw_channel *channel) {
    sw_channel_lock(channel);
    channel->orphaned = true;
    sw_channel_unlock(channel);
}

/* With the lock held: the messages and bytes that count against queue_limit, without SW_MESSAGE_OVERHEAD. */
static void measure_queue(const struct sw_channel *channel, struct sw_snapshot *snapshot) {
    const struct sw_gauges *gauges = &channel->gauges;
    bool retains = channel->options->retain >= SW_RETAIN_UNACKED;
    snapshot->queue_messages = channel->out.last_id - sw_gauges_not_queued(gauges) + (retains ? gauges->in_flight : 0);
    snapshot->queue_bytes = channel->out.bytes;
    if (channel->out.bytes > 0) snapshot->queue_bytes -= (size_t)snapshot->queue_messages * SW_MESSAGE_OVERHEAD;
}

void sw_channel_snapshot(struct sw_channel *channel, struct sw_snapshot *snapshot) {
    sw_channel_lock(channel);
    snapshot->state = channel->state;
    snapshot->server = channel->server;
    snapshot->ended_server = channel->ended_server;
    snapshot->attempt_due = channel->attempt_due;
    snapshot->connection = channel->connection;
    snapshot->attached = channel->attached;
    snapshot->gone = channel->gone;
    snapshot->paused = channel->in.paused || channel->in.reserve_used;
    snapshot->blocks_attempts = !sw_inbox_can_report(&channel->in);
    snapshot->undelivered = channel->in.bytes > 0 || channel->in.reserve_used || channel->in.has_final;
    snapshot->accepted = channel->out.last_id;
    measure_queue(channel, snapshot);
    snapshot->inbox_bytes = channel->in.bytes;
    snapshot->ended = channel->ended;
    snapshot->gauges = channel->gauges;
    sw_channel_unlock(channel);
}

struct sw_causes *sw_channel_causes(struct sw_channel *channel, const struct sw_error *ended) {
    sw_channel_lock(channel);
    bool has_them = sw_causes_have(channel->causes, ended);
    struct sw_causes *causes = has_them ? sw_causes_ref(channel->causes) : NULL;
    sw_channel_unlock(channel);
    return causes;
}

/* --- closing without a loop --- */

/* With the lock held: empties the outbox, whose messages will never be sent, and reports them lost. Returns their
 * pages. */
static struct sw_pages drop_outbox(struct sw_channel *channel, struct sw_report *last) {
    struct sw_outbox *out = &channel->out;
    struct sw_pages left = out->pages;
    struct sw_gauges *gauges = &channel->gauges;
    if (out->last_id > gauges->handed) last->lost_unsent = (struct sw_loss){gauges->handed + 1, out->last_id};
    gauges->lost_unsent += out->last_id - gauges->handed;
    gauges->handed = out->last_id;
    out->pages = (struct sw_pages){NULL, NULL};
    out->bytes = 0;
    return left;
}

/* With the lock held: posts the client's last report. Returns the same as sw_channel_claim_up. */
static bool put_close_report(struct sw_channel *channel, const struct sw_report *last) {
    channel->state = SW_STATE_CLOSED;
    sw_channel_mark_gone(channel);
    sw_inbox_put_final(&channel->in, last);
    return sw_channel_claim_up(channel);
}

void sw_channel_close_without_loop(struct sw_channel *channel) {
    SW_ON_HOST_THREAD();
    struct sw_report last = {.event = SW_EVENT_CLOSE};
    struct sw_pages left = {NULL, NULL};
    sw_channel_lock(channel);
    bool is_done = channel->gone; /* the loop has closed the client, and ended afterwards */
    if (!is_done) left = drop_outbox(channel, &last);
    bool must_post = !is_done && put_close_report(channel, &last);
    sw_channel_unlock(channel);
    sw_engine_free_pages(channel->engine, &left);
    sw_channel_drop_greeting(channel);
    if (must_post) sw_channel_post_up(channel);
}
