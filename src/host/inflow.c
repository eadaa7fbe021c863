#include "host/host.h"

#include <lauxlib.h>
#include <stdlib.h>

#include "host/loan.h"

/* Delivered bytes are told to the channel in lumps: a lock for each would cost more than the delivery. */
enum { SETTLE_LUMP = 64 * 1024 };

enum { TURN = 32 }; /* records for one client before the next has its turn */

/* --- the runnable list --- */

void sw_inflow_unschedule(struct client *client) {
    if (!client->is_runnable) return;
    struct host *host = client->host;
    if (client->run_previous != NULL)
        client->run_previous->run_next = client->run_next;
    else
        host->runnable.head = client->run_next;
    if (client->run_next != NULL)
        client->run_next->run_previous = client->run_previous;
    else
        host->runnable.tail = client->run_previous;
    client->is_runnable = false;
}

static void put_last(struct client *client) {
    struct host *host = client->host;
    client->run_previous = host->runnable.tail;
    client->run_next = NULL;
    if (host->runnable.tail != NULL)
        host->runnable.tail->run_next = client;
    else
        host->runnable.head = client;
    host->runnable.tail = client;
    client->is_runnable = true;
    client->turn = 0;
}

void sw_inflow_schedule(struct client *client) {
    bool has_work = sw_inflow_work(client) > 0;
    if (has_work && !client->is_runnable) put_last(client);
    if (!has_work) sw_inflow_unschedule(client);
}

void sw_inflow_count_turn(struct client *client) {
    if (++client->turn < TURN || !client->is_runnable) return;
    sw_inflow_unschedule(client);
    put_last(client);
}

uint64_t sw_inflow_work(const struct client *client) {
    return client->report_count + (client->has_message_handler ? sw_inflow_messages(client) : 0);
}

/* --- taking --- */

static void add_report(struct client *client, struct sw_report *report) {
    report->next = NULL;
    *client->reports_tail = report;
    client->reports_tail = &report->next;
    client->report_count += 1 + (report->lost_unknown.first != 0) + (report->lost_unsent.first != 0);
}

static void take(struct client *client) {
    struct sw_delivery delivery;
    sw_channel_take(client->channel, &delivery);
    sw_pages_join(&client->messages.pages, &delivery.pages);
    client->taken = delivery.messages;
    for (struct sw_report *report = delivery.reports, *next; report != NULL; report = next) {
        next = report->next;
        add_report(client, report);
    }
    if (delivery.reserve != NULL) add_report(client, delivery.reserve);
    if (delivery.final != NULL) add_report(client, delivery.final);
    if (client->is_closed || client->discards) sw_inflow_drop_messages(client);
    sw_inflow_schedule(client);
}

/* Returns the pages of loans. */
static struct sw_pages collect(struct host *host) {
    struct sw_arrivals arrivals = sw_engine_take_arrivals(host->engine);
    for (struct sw_channel *channel = arrivals.ready, *next; channel != NULL; channel = next) {
        next = channel->next_ready;
        if (channel->owner != NULL) take(channel->owner);
        sw_channel_unref(channel);
    }
    return arrivals.returned;
}

void sw_inflow_collect(lua_State *L, struct host *host) {
    struct sw_pages returned = collect(host);
    sw_loans_end(L, &returned);
}

void sw_inflow_collect_last(struct host *host) {
    struct sw_pages returned = collect(host);
    sw_pages_free(&returned);
}

/* --- reports --- */

struct sw_report *sw_inflow_report(const struct client *client, bool in_order) {
    struct sw_report *report = client->reports;
    if (report == NULL || (in_order && report->after > client->passed)) return NULL;
    return report;
}

void sw_inflow_pass_report(struct client *client) {
    struct sw_report *report = client->reports;
    client->reports = report->next;
    if (client->reports == NULL) client->reports_tail = &client->reports;
    client->report_count--;
    client->serial++;
    struct sw_inbox *in = &client->channel->in;
    if (report == &in->reserve) sw_channel_free_reserve(client->channel);
    if (report == &in->reserve || report == &in->final) return;
    client->unsettled += sizeof *report;
    free(report);
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
    client->unsettled += sw_cursor_pass(&client->messages) + SW_MESSAGE_OVERHEAD;
    client->passed++;
    client->serial++;
    if (client->unsettled >= SETTLE_LUMP) sw_inflow_settle(client);
}

bool sw_inflow_take_message(lua_State *L, struct client *client) {
    if (push_message(L, client)) {
        pass_message(client);
        return true;
    }
    lua_pop(L, 1);
    return false;
}

void sw_inflow_settle(struct client *client) {
    if (client->unsettled == 0) return;
    size_t bytes = client->unsettled;
    client->unsettled = 0;
    sw_channel_delivered(client->channel, bytes);
}

void sw_inflow_drop_messages(struct client *client) {
    while (client->passed < client->taken) pass_message(client);
    sw_inflow_settle(client);
}

void sw_inflow_drop(struct client *client) {
    sw_cursor_drop(&client->messages);
    while (client->reports != NULL) sw_inflow_pass_report(client);
    client->passed = client->taken;
    client->report_count = 0;
    client->serial++;
}
