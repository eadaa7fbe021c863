#include "host/receiveq.h"

#include <stdlib.h>
#include <string.h>

#include "base/options.h"
#include "base/tunables.h"
#include "buffer/cursor.h"
#include "buffer/page.h"
#include "channel/channel.h"
#include "channel/engine.h"
#include "channel/host_end.h"
#include "channel/inbox.h"
#include "channel/notifier.h"
#include "host/ends.h"
#include "host/luacompat.h"
#include "host/pin.h"
#include "host/unread.h"

/* --- lists --- */

static void remove_from_list(struct client *client) {
    struct clients *list = client->list;
    if (list == NULL) return;
    if (client->list_previous != NULL)
        client->list_previous->list_next = client->list_next;
    else
        list->head = client->list_next;
    if (client->list_next != NULL)
        client->list_next->list_previous = client->list_previous;
    else
        list->tail = client->list_previous;
    client->list = NULL;
}

static void append(struct clients *list, struct client *client) {
    client->list_previous = list->tail;
    client->list_next = NULL;
    if (list->tail != NULL)
        list->tail->list_next = client;
    else
        list->head = client;
    list->tail = client;
    client->list = list;
    client->turn = 0;
}

/* events() delivers messages, but not the bytes of a client with set_framing, which only receive can tell apart. */
static bool has_messages_for_events(const struct client *client) {
    return sw_receiveq_count_messages(client) > 0 && sw_client_framed(client) == NULL;
}

/* Unread bytes that were too few for the last read are nothing to take, until more comes. */
static bool has_messages_for_receive(const struct client *client) {
    bool is_short = client->unread != NULL && client->unread->is_short;
    return (is_short ? sw_receiveq_count_whole(client) : sw_receiveq_count_messages(client)) > 0;
}

static struct clients *choose_list(const struct client *client) {
    if (sw_receiveq_count_events(client) > 0) return &client->context->runnable;
    return has_messages_for_events(client) ? &client->context->unread : NULL;
}

/* True: poll has something to deliver to a handler, or so many reports have no handler that poll should drop them. */
static bool has_handled(const struct client *client) {
    if (client->handled_count > 0) return true;
    if (sw_client_has_handler(client, SW_EVENT_MESSAGE) && sw_receiveq_count_messages(client) > 0) return true;
    uint64_t unhandled = client->report_count * sizeof(struct sw_report);
    return unhandled > 0 && unhandled >= client->channel->options->inbox_limit / SW_UNHANDLED_SHARE;
}

static unsigned find_readiness(const struct client *client) {
    bool has_anything = has_messages_for_events(client) || client->report_count > 0;
    bool has_pulled = client->uses_receive && (has_messages_for_receive(client) || client->has_untold_end);
    return (unsigned)has_anything << SW_READY_FOR_EVENTS | (unsigned)has_handled(client) << SW_READY_FOR_POLL |
           (unsigned)has_pulled << SW_READY_FOR_RECEIVE |
           (unsigned)(has_anything && !client->uses_receive) << SW_READY_UNCLAIMED;
}

bool sw_receiveq_has_wanted(const struct context *context) {
    switch (context->consumer) {
    case SW_CONSUMER_UNKNOWN:
        return context->ready_counts[SW_READY_UNCLAIMED] > 0 || context->ready_counts[SW_READY_FOR_RECEIVE] > 0;
    case SW_CONSUMER_POLL:
        return context->ready_counts[SW_READY_FOR_POLL] > 0 || context->ready_counts[SW_READY_FOR_RECEIVE] > 0;
    case SW_CONSUMER_EVENTS: return context->ready_counts[SW_READY_FOR_EVENTS] > 0;
    }
    return false;
}

/* The script may now want what it did not want before. The notifier stays readable until sw_receiveq_notify. */
static void notify_if_wanted(const struct context *context) {
    if (sw_notifier_is_open(context->engine) && sw_receiveq_has_wanted(context)) sw_notifier_signal(context->engine);
}

void sw_receiveq_notify(const struct context *context) {
    if (!sw_notifier_is_open(context->engine)) return;
    if (sw_receiveq_has_wanted(context))
        sw_notifier_signal(context->engine);
    else
        sw_notifier_clear(context->engine);
}

void sw_receiveq_set_consumer(struct context *context, enum sw_consumer consumer) {
    if (context->consumer == consumer) return;
    context->consumer = consumer;
    notify_if_wanted(context);
}

static void count_readiness(struct client *client) {
    unsigned now = find_readiness(client), changed = now ^ client->readiness;
    if (changed == 0) return;
    for (int holding = 0; holding < SW_READINESS_COUNT; holding++) {
        unsigned bit = 1u << holding, *count = &client->context->ready_counts[holding];
        if ((changed & bit) != 0) *count = (now & bit) != 0 ? *count + 1 : *count - 1;
    }
    client->readiness = now;
    notify_if_wanted(client->context);
}

void sw_receiveq_schedule(struct client *client) {
    struct clients *list = choose_list(client);
    if (client->list != list) {
        remove_from_list(client);
        if (list != NULL) append(list, client);
    }
    count_readiness(client);
}

void sw_receiveq_count_turn(struct client *client) {
    struct clients *list = client->list;
    if (++client->turn < SW_EVENTS_PER_TURN || list == NULL) return;
    remove_from_list(client);
    append(list, client);
}

uint64_t sw_receiveq_count_events(const struct client *client) {
    return client->report_count +
           (sw_client_has_handler(client, SW_EVENT_MESSAGE) ? sw_receiveq_count_messages(client) : 0);
}

/* --- taking --- */

/* True: a handler is set for the report or for its lost messages. A report in the reserved slot always counts, because
 * the loop waits until it is delivered. */
static bool is_handled(const struct client *client, const struct sw_report *report) {
    return report == &client->channel->in.reserve || sw_client_has_handler(client, report->event) ||
           (sw_report_ranges(report) > 0 && sw_client_has_handler(client, SW_EVENT_LOST));
}

/* True: after this report, the client makes no further attempt without a new connect. */
static bool is_end(const struct sw_report *report) {
    return (report->event == SW_EVENT_DISCONNECT && !report->will_retry) || report->event == SW_EVENT_ERROR ||
           report->event == SW_EVENT_CLOSE;
}

/* True: receive may have to tell it: the end of a connection, or of all attempts. */
static bool is_untold_end(const struct sw_report *report) {
    return report->event == SW_EVENT_DISCONNECT ? !report->is_told : is_end(report);
}

/* The number of events in the report: each range of lost messages is an event of its own. */
static unsigned count_events(const struct sw_report *report) { return 1 + sw_report_ranges(report); }

static void count_reports(struct client *client) {
    client->report_count = client->handled_count = 0;
    for (const struct sw_report *report = client->reports.head; report != NULL; report = report->next) {
        client->report_count += count_events(report);
        client->handled_count += is_handled(client, report);
    }
}

void sw_receiveq_recount(struct client *client) {
    count_reports(client);
    sw_receiveq_schedule(client);
}

/* Frees reports that were merged away, and credits them to the inbox. The caller must then call count_reports. */
static void drop_reports(struct client *client, const struct sw_add_result *added) {
    size_t count = added->kept;
    for (const struct sw_report *report = added->dropped; report != NULL; report = report->next) count++;
    client->uncredited.bytes += count * sizeof(struct sw_report);
    client->uncredited.reports += (unsigned)count;
    client->uncredited.kept_reports -= (int)added->kept;
    client->serial++; /* the first report may have changed */
    sw_reports_free(added->dropped);
}

/* Adds a report that was taken. True: the caller must call count_reports. */
static bool add_report(struct client *client, struct sw_report *report) {
    client->report_count += count_events(report);
    client->handled_count += is_handled(client, report);
    sw_ends_note(client, report);
    if (is_end(report)) client->ends_taken++;
    client->has_untold_end = client->has_untold_end || (is_untold_end(report) && !client->is_closed);
    const struct sw_add_result added = sw_reports_add(&client->reports, report);
    if (added.dropped != NULL) drop_reports(client, &added);
    return added.dropped != NULL;
}

static void take_delivery(struct client *client, struct sw_delivery *delivery) {
    sw_pages_join_compact(&client->messages.pages, &delivery->pages);
    client->taken = delivery->messages;
    bool has_dropped = false;
    for (struct sw_report *report = delivery->reports, *next; report != NULL; report = next) {
        next = report->next;
        has_dropped = add_report(client, report) || has_dropped;
    }
    if (delivery->reserve != NULL) has_dropped = add_report(client, delivery->reserve) || has_dropped;
    if (delivery->final != NULL) add_report(client, delivery->final); /* a close report is never merged */
    if (has_dropped) {
        count_reports(client);
        sw_ends_recount(client);
    }
    if (client->is_closed || client->discards) sw_receiveq_drop_messages(client);
    sw_receiveq_schedule(client);
}

static void take(struct client *client) {
    struct sw_delivery delivery;
    sw_channel_take(client->channel, &delivery);
    take_delivery(client, &delivery);
}

void sw_receiveq_take_early(struct client *client) {
    struct sw_delivery delivery;
    sw_channel_take_early(client->channel, &delivery);
    take_delivery(client, &delivery);
}

/* Takes messages and reports of all channels in the engine's list. Returns pages of pinned strings. */
static struct sw_pages take_arrivals(struct context *context) {
    struct sw_arrivals arrivals = sw_engine_take_arrivals(context->engine);
    for (struct sw_link *link = arrivals.channels, *next; link != NULL; link = next) {
        struct sw_channel *channel = sw_channel_of_up(link);
        next = link->next;
        if (channel->owner != NULL) take(channel->owner);
        sw_channel_unref(channel);
    }
    return arrivals.completions;
}

void sw_receiveq_take_all(lua_State *L, struct context *context) {
    if (!sw_engine_has_arrivals(context->engine)) return;
    sw_pins_push(L);
    struct sw_pages completions = take_arrivals(context);
    sw_pins_end(L, &completions);
}

void sw_receiveq_take_last(struct context *context) {
    struct sw_pages completions = take_arrivals(context);
    sw_pages_free(&completions);
}

/* --- reports --- */

struct sw_report *sw_receiveq_report(const struct client *client, bool in_order) {
    struct sw_report *report = client->reports.head;
    if (report == NULL || (in_order && report->after > client->consumed)) return NULL;
    return report;
}

/* Removes the first range of lost messages from the report, which has one. */
static void remove_range(struct sw_report *report) {
    struct sw_loss *loss = report->lost_unknown.first != 0 ? &report->lost_unknown : &report->lost_unsent;
    loss->first = 0;
}

void sw_receiveq_consume_loss(struct client *client) {
    struct sw_report *report = client->reports.head, *kept = sw_reports_first_kept(report);
    client->handled_count -= is_handled(client, report);
    client->report_count--;
    remove_range(kept != NULL ? kept : report);
    if (kept != NULL) report->kept_ranges--;
    if (kept != NULL && sw_report_own_ranges(kept) == 0) {
        sw_report_free(sw_reports_shift_kept(report));
        client->uncredited.kept_reports++;
    }
    client->handled_count += is_handled(client, report);
    client->serial++;
}

/* True: another end is among the reports that are not yet delivered. */
static bool has_later_end(const struct client *client) {
    const struct sw_report *report = client->reports.head;
    while (report != NULL && !is_untold_end(report)) report = report->next;
    return report != NULL;
}

void sw_receiveq_consume_report(struct client *client) {
    client->handled_count -= is_handled(client, client->reports.head);
    struct sw_report *report = sw_reports_shift(&client->reports);
    client->report_count -= count_events(report);
    client->serial++;
    if (client->has_untold_end && is_untold_end(report)) client->has_untold_end = has_later_end(client);
    for (; report->kept != NULL; client->uncredited.kept_reports++) sw_report_free(sw_reports_shift_kept(report));
    report->kept_ranges = 0;
    sw_ends_release(client, report);
}

void sw_receiveq_clear_end(struct client *client) {
    client->has_untold_end = false;
    count_readiness(client);
}

/* --- messages --- */

void sw_receiveq_set_short(struct client *client, bool is_short) {
    if (client->unread == NULL || client->unread->is_short == is_short) return;
    client->unread->is_short = is_short;
    count_readiness(client);
}

bool sw_receiveq_push_unread(lua_State *L, const struct client *client, size_t from, size_t size) {
    uint64_t serial = client->serial;
    const struct sw_unread *unread = client->unread;
    if (size == 0 || SW_PUSH_COPIES_FIRST) {
        lua_pushlstring(L, size > 0 ? (const char *)unread->bytes + unread->start + from : "", size);
    } else {
        luaL_Buffer buffer;
        char *to = luaL_buffinitsize(L, &buffer, size);
        if (client->serial == serial) memcpy(to, unread->bytes + unread->start + from, size);
        luaL_pushresultsize(&buffer, size);
    }
    return client->serial == serial;
}

/* Pushes the next message. False: a finalizer has consumed it meanwhile, and the pushed string is not valid. */
static bool push_message(lua_State *L, struct client *client) {
    uint64_t serial = client->serial;
    if (sw_client_has_unread(client)) return sw_receiveq_push_unread(L, client, 0, sw_unread_size(client->unread));
    struct sw_message message = sw_cursor_message(&client->messages);
    if (message.bytes != NULL && SW_PUSH_COPIES_FIRST) {
        lua_pushlstring(L, (const char *)message.bytes, message.size);
    } else {
        luaL_Buffer buffer;
        char *to = luaL_buffinitsize(L, &buffer, message.size);
        if (client->serial == serial) sw_cursor_copy(&client->messages, 0, message.size, to);
        luaL_pushresultsize(&buffer, message.size);
    }
    return client->serial == serial;
}

/* events() delivers messages also beyond an end that poll has delivered and receive has not told: such an end has no
 * place among the messages any more. */
static void pass_ends_before_message(struct client *client) {
    const struct sw_report *end = sw_ends_first(client);
    if (end == NULL || end->after > client->consumed) return;
    for (; end != NULL && end->after <= client->consumed; end = sw_ends_first(client)) sw_ends_pass(client);
    client->has_untold_end = has_later_end(client);
}

/* The unread bytes count as one message, and were credited when they came there. */
static void consume_message(struct client *client) {
    pass_ends_before_message(client);
    if (sw_client_has_unread(client)) {
        sw_receiveq_consume_unread(client, sw_unread_size(client->unread));
        return;
    }
    client->uncredited.bytes += sw_cursor_pass(&client->messages) + SW_MESSAGE_OVERHEAD;
    client->consumed++;
    client->serial++;
    if (client->uncredited.bytes >= SW_CREDIT_BATCH) sw_receiveq_post_credit(client);
}

void sw_receiveq_consume_unread(struct client *client, size_t size) {
    sw_unread_pass(client->unread, size);
    client->serial++;
    if (!sw_client_has_unread(client)) client->consumed++;
}

enum sw_pulled sw_receiveq_pull(struct client *client) {
    if (sw_receiveq_count_before_end(client) <= sw_client_has_unread(client)) return SW_PULLED_NONE;
    bool joins = sw_client_has_unread(client);
    size_t size = sw_cursor_message(&client->messages).size;
    unsigned char *to = sw_unread_reserve(client->unread, size);
    if (to == NULL) return SW_PULLED_NO_MEMORY;
    sw_cursor_copy(&client->messages, 0, size, to);
    client->unread->end += size;
    client->uncredited.bytes += sw_cursor_pass(&client->messages) + SW_MESSAGE_OVERHEAD;
    client->consumed += joins;
    client->serial++;
    if (client->uncredited.bytes >= SW_CREDIT_BATCH) sw_receiveq_post_credit(client);
    return SW_PULLED;
}

bool sw_receiveq_take_message(lua_State *L, struct client *client) {
    if (push_message(L, client)) {
        consume_message(client);
        return true;
    }
    lua_pop(L, 1);
    return false;
}

void sw_receiveq_post_credit(struct client *client) {
    const struct sw_credit credit = client->uncredited;
    if (credit.bytes == 0 && credit.kept_reports == 0) return;
    client->uncredited = (struct sw_credit){0, 0, 0};
    sw_channel_post_credit(client->channel, &credit, &client->messages.emptied);
}

/* An end is over: what was set for its connection is, too. */
static void pass_end(struct client *client) {
    sw_ends_pass(client);
    if (sw_client_framed(client) != NULL) sw_unread_set_framing(client->unread, NULL);
}

void sw_receiveq_tell_end(struct client *client) {
    if (sw_client_has_unread(client)) sw_receiveq_consume_unread(client, sw_unread_size(client->unread));
    pass_end(client);
    client->has_untold_end = has_later_end(client);
    sw_receiveq_schedule(client);
}

void sw_receiveq_pass_ends(struct client *client) {
    for (const struct sw_report *end; (end = sw_ends_first(client)) != NULL && end->after == client->consumed;)
        pass_end(client);
    sw_receiveq_clear_end(client);
}

void sw_receiveq_drop_messages(struct client *client) {
    sw_ends_forget(client);
    while (client->consumed < client->taken) consume_message(client);
    sw_receiveq_post_credit(client);
}

void sw_receiveq_drop(struct client *client) {
    sw_cursor_drop(&client->messages);
    if (sw_client_has_unread(client)) sw_unread_pass(client->unread, sw_unread_size(client->unread));
    client->has_untold_end = false;
    sw_ends_forget(client);
    while (client->reports.head != NULL) sw_receiveq_consume_report(client);
    client->consumed = client->taken;
    client->report_count = client->handled_count = 0;
    client->serial++;
    sw_receiveq_schedule(client);
}
