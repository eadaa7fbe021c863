#include "host/ends.h"

#include <stddef.h>

#include "channel/channel.h"
#include "channel/host_end.h"
#include "channel/reports.h"

static bool is_untold(const struct sw_report *report) {
    return report->event == SW_EVENT_DISCONNECT && !report->is_told;
}

/* The script pulls messages, or may begin to. */
static bool may_pull(const struct client *client) {
    return !sw_client_has_handler(client, SW_EVENT_MESSAGE) && !client->discards && !client->is_closed;
}

void sw_ends_note(struct client *client, struct sw_report *report) {
    if (report->event != SW_EVENT_DISCONNECT) return;
    report->is_told = client->discards || client->is_closed;
    report->is_credited = false;
    client->untold += !report->is_told;
}

/* --- freeing --- */

static void give_credit(struct client *client, const struct sw_report *report) {
    client->uncredited.bytes += sw_report_cost(report);
    client->uncredited.reports++;
}

static void free_report(struct client *client, struct sw_report *report) {
    struct sw_inbox *in = &client->channel->in;
    if (report == &in->reserve) sw_channel_post_reserve_free(client->channel);
    if (report == &in->reserve || report == &in->final) return;
    if (report->event != SW_EVENT_DISCONNECT || !report->is_credited) give_credit(client, report);
    sw_report_free(report);
}

/* --- the ring: `held` is its last report, whose `next` is the first --- */

static void add_held(struct client *client, struct sw_report *report) {
    struct sw_report *last = client->held;
    report->next = last != NULL ? last->next : report;
    if (last != NULL) last->next = report;
    client->held = report;
}

static struct sw_report *shift_held(struct client *client) {
    struct sw_report *last = client->held, *first = last->next;
    if (first == last)
        client->held = NULL;
    else
        last->next = first->next;
    return first;
}

/* True: no message is between the end that was held last and this one. */
static bool repeats(const struct client *client, const struct sw_report *report) {
    return client->held != NULL && client->held->after == report->after;
}

/* The reserved slot is held only for unread messages, which must not be joined with those of another connection: the
 * loop makes no attempt while the slot is in use. */
static bool must_hold(const struct client *client, const struct sw_report *report) {
    if (!is_untold(report) || !may_pull(client)) return false;
    bool has_unread = client->consumed < report->after;
    return has_unread || (client->uses_receive && !report->is_embedded);
}

void sw_ends_release(struct client *client, struct sw_report *report) {
    if (!must_hold(client, report) || repeats(client, report)) {
        client->untold -= is_untold(report);
        free_report(client, report);
        return;
    }
    if (client->consumed >= report->after) { /* it may be held for long, and no unread message keeps it company */
        give_credit(client, report);
        report->is_credited = true;
    }
    add_held(client, report);
}

/* --- telling --- */

static struct sw_report *first_in_list(const struct client *client) {
    struct sw_report *report = client->reports.head;
    while (report != NULL && !is_untold(report)) report = report->next;
    return report;
}

void sw_ends_recount(struct client *client) {
    const struct sw_report *last = client->held;
    client->untold = 0;
    for (const struct sw_report *report = client->reports.head; report != NULL; report = report->next)
        client->untold += is_untold(report);
    for (const struct sw_report *report = last; report != NULL; report = report->next != last ? report->next : NULL)
        client->untold++;
}

const struct sw_report *sw_ends_first_of(const struct client *client) {
    return client->held != NULL ? client->held->next : first_in_list(client);
}

void sw_ends_pass(struct client *client) {
    client->untold--;
    client->serial++;
    if (client->held != NULL)
        free_report(client, shift_held(client));
    else
        first_in_list(client)->is_told = true;
}

void sw_ends_pass_in_order(struct client *client, struct sw_report *report) {
    if (!is_untold(report)) return;
    report->is_told = true;
    client->untold--;
}

void sw_ends_forget_held(struct client *client) {
    while (client->held != NULL) sw_ends_pass(client);
}

void sw_ends_forget(struct client *client) {
    while (client->untold > 0) sw_ends_pass(client);
}
