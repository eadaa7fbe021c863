#include "host/receiveq.h"

#include <lauxlib.h>
#include <stdlib.h>

#include "base/options.h"
#include "base/tunables.h"
#include "buffer/cursor.h"
#include "buffer/page.h"
#include "channel/channel.h"
#include "channel/engine.h"
#include "channel/host_end.h"
#include "channel/inbox.h"
#include "host/pin.h"

/* --- lists --- */

static void take_out(struct client *client) {
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

static void put_last(struct clients *list, struct client *client) {
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

static struct clients *choose_list(const struct client *client) {
    if (sw_receiveq_work(client) > 0) return &client->context->runnable;
    return sw_receiveq_messages(client) > 0 ? &client->context->unread : NULL;
}

static bool has_heard(const struct client *client) {
    if (client->heard_count > 0) return true;
    if (sw_client_hears(client, SW_EVENT_MESSAGE) && sw_receiveq_messages(client) > 0) return true;
    uint64_t unheard = client->report_count * sizeof(struct sw_report);
    return unheard > 0 && unheard >= client->channel->options->inbox_limit / SW_UNHEARD_SHARE;
}

static unsigned find_holdings(const struct client *client) {
    bool has_messages = sw_receiveq_messages(client) > 0, has_anything = has_messages || client->report_count > 0;
    bool has_pulled = client->is_pulled && (has_messages || client->has_end);
    return (unsigned)has_anything << SW_HOLDS_ANYTHING | (unsigned)has_heard(client) << SW_HOLDS_HEARD |
           (unsigned)has_pulled << SW_HOLDS_PULLED |
           (unsigned)(has_anything && !client->is_pulled) << SW_HOLDS_UNCLAIMED;
}

static void count_holdings(struct client *client) {
    unsigned now = find_holdings(client), changed = now ^ client->holds;
    if (changed == 0) return;
    for (int holding = 0; holding < SW_HOLDINGS; holding++) {
        unsigned bit = 1u << holding, *count = &client->context->holding[holding];
        if ((changed & bit) != 0) *count = (now & bit) != 0 ? *count + 1 : *count - 1;
    }
    client->holds = now;
}

void sw_receiveq_schedule(struct client *client) {
    struct clients *list = choose_list(client);
    if (client->list != list) {
        take_out(client);
        if (list != NULL) put_last(list, client);
    }
    count_holdings(client);
}

void sw_receiveq_count_turn(struct client *client) {
    struct clients *list = client->list;
    if (++client->turn < SW_TURN || list == NULL) return;
    take_out(client);
    put_last(list, client);
}

uint64_t sw_receiveq_work(const struct client *client) {
    return client->report_count + (sw_client_hears(client, SW_EVENT_MESSAGE) ? sw_receiveq_messages(client) : 0);
}

bool sw_receiveq_ends_wait(const struct context *context) {
    switch (context->taking) {
    case SW_TAKES_UNKNOWN: return context->holding[SW_HOLDS_UNCLAIMED] > 0 || context->holding[SW_HOLDS_PULLED] > 0;
    case SW_TAKES_BY_POLL: return context->holding[SW_HOLDS_HEARD] > 0 || context->holding[SW_HOLDS_PULLED] > 0;
    case SW_TAKES_BY_EVENTS: return context->holding[SW_HOLDS_ANYTHING] > 0;
    }
    return false;
}

/* --- taking --- */

/* What lies in the reserved slot keeps the loop from going on until it is delivered, so it always counts. */
static bool is_heard(const struct client *client, const struct sw_report *report) {
    return report == &client->channel->in.reserve || sw_client_hears(client, report->event) ||
           (sw_report_ranges(report) > 0 && sw_client_hears(client, SW_EVENT_LOST));
}

/* No connection follows by itself. */
static bool is_end(const struct sw_report *report) {
    return (report->event == SW_EVENT_DISCONNECT && !report->will_retry) || report->event == SW_EVENT_ERROR ||
           report->event == SW_EVENT_CLOSE;
}

/* Events that it stands for: losses are told apart. */
static unsigned count_events(const struct sw_report *report) { return 1 + sw_report_ranges(report); }

static void count_reports(struct client *client) {
    client->report_count = client->heard_count = 0;
    for (const struct sw_report *report = client->reports.head; report != NULL; report = report->next) {
        client->report_count += count_events(report);
        client->heard_count += is_heard(client, report);
    }
}

void sw_receiveq_recount(struct client *client) {
    count_reports(client);
    sw_receiveq_schedule(client);
}

/* Reports that merge with others count for the inbox no longer. The counts of the client are to be made anew. */
static void drop_reports(struct client *client, const struct sw_added *added) {
    size_t count = added->kept;
    for (const struct sw_report *report = added->dropped; report != NULL; report = report->next) count++;
    client->uncredited.bytes += count * sizeof(struct sw_report);
    client->uncredited.reports += (unsigned)count;
    client->uncredited.told -= (ptrdiff_t)added->kept;
    client->serial++; /* what is at the head may be another one */
    sw_reports_free(added->dropped);
}

/* True: count_reports must follow. */
static bool add_report(struct client *client, struct sw_report *report) {
    client->report_count += count_events(report);
    client->heard_count += is_heard(client, report);
    if (is_end(report)) client->ends_taken++;
    client->has_end = client->has_end || (is_end(report) && !client->is_closed);
    const struct sw_added added = sw_reports_add(&client->reports, report);
    if (added.dropped != NULL) drop_reports(client, &added);
    return added.dropped != NULL;
}

static void take(struct client *client) {
    struct sw_delivery delivery;
    sw_channel_take(client->channel, &delivery);
    sw_pages_join_compact(&client->messages.pages, &delivery.pages);
    client->taken = delivery.messages;
    bool has_dropped = false;
    for (struct sw_report *report = delivery.reports, *next; report != NULL; report = next) {
        next = report->next;
        has_dropped = add_report(client, report) || has_dropped;
    }
    if (delivery.reserve != NULL) has_dropped = add_report(client, delivery.reserve) || has_dropped;
    if (delivery.final != NULL) add_report(client, delivery.final); /* which takes the place of none */
    if (has_dropped) count_reports(client);
    if (client->is_closed || client->discards) sw_receiveq_drop_messages(client);
    sw_receiveq_schedule(client);
}

/* Returns the pages of pins. */
static struct sw_pages collect(struct context *context) {
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
    struct sw_pages completions = collect(context);
    sw_pins_end(L, &completions);
}

void sw_receiveq_take_last(struct context *context) {
    struct sw_pages completions = collect(context);
    sw_pages_free(&completions);
}

/* --- reports --- */

struct sw_report *sw_receiveq_report(const struct client *client, bool in_order) {
    struct sw_report *report = client->reports.head;
    if (report == NULL || (in_order && report->after > client->passed)) return NULL;
    return report;
}

/* Takes the first of its ranges off a report that tells a loss. */
static void take_range(struct sw_report *report) {
    struct sw_loss *loss = report->lost_unknown.first != 0 ? &report->lost_unknown : &report->lost_unsent;
    loss->first = 0;
}

void sw_receiveq_pass_loss(struct client *client) {
    struct sw_report *report = client->reports.head, *kept = sw_reports_first_kept(report);
    client->heard_count -= is_heard(client, report);
    client->report_count--;
    take_range(kept != NULL ? kept : report);
    if (kept != NULL) report->kept_ranges--;
    if (kept != NULL && sw_report_own_ranges(kept) == 0) {
        free(sw_reports_shift_kept(report));
        client->uncredited.told++;
    }
    client->heard_count += is_heard(client, report);
    client->serial++;
}

/* Whoever was told this end may have to be told a later one. */
static bool has_later_end(const struct client *client) {
    const struct sw_report *report = client->reports.head;
    while (report != NULL && !is_end(report)) report = report->next;
    return report != NULL;
}

void sw_receiveq_pass_report(struct client *client) {
    client->heard_count -= is_heard(client, client->reports.head);
    struct sw_report *report = sw_reports_shift(&client->reports);
    client->report_count -= count_events(report);
    client->serial++;
    if (client->has_end && is_end(report)) client->has_end = has_later_end(client);
    for (; report->kept != NULL; client->uncredited.told++) free(sw_reports_shift_kept(report));
    report->kept_ranges = 0;
    struct sw_inbox *in = &client->channel->in;
    if (report == &in->reserve) sw_channel_post_reserve_free(client->channel);
    if (report == &in->reserve || report == &in->final) return;
    client->uncredited.bytes += sizeof *report;
    client->uncredited.reports++;
    free(report);
}

void sw_receiveq_pass_end(struct client *client) {
    client->has_end = false;
    count_holdings(client);
}

/* --- messages --- */

/* False: a finalizer that ran meanwhile took the message, and what was pushed is not it. */
static bool push_message(lua_State *L, struct client *client) {
    uint64_t serial = client->serial;
    struct sw_message message = sw_cursor_message(&client->messages);
    if (message.bytes != NULL) {
        lua_pushlstring(L, (const char *)message.bytes, message.size);
    } else {
        luaL_Buffer buffer;
        char *to = luaL_buffinitsize(L, &buffer, message.size);
        if (client->serial == serial) sw_cursor_copy(&client->messages, 0, message.size, to);
        luaL_pushresultsize(&buffer, message.size);
    }
    return client->serial == serial;
}

static void pass_message(struct client *client) {
    client->uncredited.bytes += sw_cursor_pass(&client->messages) + SW_MESSAGE_OVERHEAD;
    client->passed++;
    client->serial++;
    if (client->uncredited.bytes >= SW_CREDIT_LUMP) sw_receiveq_post_credit(client);
}

bool sw_receiveq_take_message(lua_State *L, struct client *client) {
    if (push_message(L, client)) {
        pass_message(client);
        return true;
    }
    lua_pop(L, 1);
    return false;
}

void sw_receiveq_post_credit(struct client *client) {
    const struct sw_credit credit = client->uncredited;
    if (credit.bytes == 0 && credit.told == 0) return;
    client->uncredited = (struct sw_credit){0, 0, 0};
    sw_channel_post_credit(client->channel, &credit, &client->messages.emptied);
}

void sw_receiveq_drop_messages(struct client *client) {
    while (client->passed < client->taken) pass_message(client);
    sw_receiveq_post_credit(client);
}

void sw_receiveq_drop(struct client *client) {
    sw_cursor_drop(&client->messages);
    client->has_end = false;
    while (client->reports.head != NULL) sw_receiveq_pass_report(client);
    client->passed = client->taken;
    client->report_count = client->heard_count = 0;
    client->serial++;
    sw_receiveq_schedule(client);
}
