#include "channel/inbox.h"

#include <stdlib.h>

void sw_inbox_init(struct sw_inbox *inbox) {
    memset(inbox, 0, sizeof *inbox);
    sw_reports_init(&inbox->reports);
}

void sw_inbox_drop(struct sw_inbox *inbox) {
    sw_pages_free(&inbox->pages);
    sw_reports_free(sw_reports_take(&inbox->reports));
    inbox->reserve_used = false;
}

static void count_messages(struct sw_inbox *inbox, uint64_t count, size_t bytes) {
    inbox->messages += count;
    inbox->bytes += bytes;
    inbox->untaken += bytes;
}

void sw_inbox_put(struct sw_inbox *inbox, struct sw_pages *pages, uint64_t count, size_t bytes) {
    sw_pages_join(&inbox->pages, pages);
    count_messages(inbox, count, bytes);
}

bool sw_inbox_merge(struct sw_inbox *inbox, const struct sw_page *page, uint64_t count, size_t bytes) {
    if (inbox->pages.tail == NULL || !sw_page_absorb(inbox->pages.tail, page)) return false;
    count_messages(inbox, count, bytes);
    return true;
}

/* What a report costs beside its struct. One that is kept for its lost messages has no more than that. */
static size_t own_cost(const struct sw_report *report) { return sw_report_cost(report) - sizeof *report; }

struct sw_add_result sw_inbox_report(struct sw_inbox *inbox, struct sw_report *report) {
    unsigned before = inbox->reports.count;
    report->after = inbox->messages;
    inbox->bytes += own_cost(report);
    struct sw_add_result added = sw_reports_add(&inbox->reports, report);
    for (const struct sw_report *dropped = added.dropped; dropped != NULL; dropped = dropped->next)
        inbox->bytes -= own_cost(dropped);
    inbox->bytes -= before * sizeof *report;
    inbox->bytes += inbox->reports.count * sizeof *report;
    inbox->undelivered -= before;
    inbox->undelivered += inbox->reports.count;
    return added;
}

static void fill(struct sw_report *slot, const struct sw_report *report, uint64_t after) {
    *slot = *report;
    slot->next = NULL;
    slot->after = after;
    slot->is_embedded = true;
    slot->lacks_partial = report->partial != NULL;
    slot->partial = NULL;
    slot->lacks_causes = report->lacks_causes || sw_report_causes(report) != NULL;
    if (slot->event != SW_EVENT_CONNECT) slot->causes = NULL;
}

void sw_inbox_put_reserved(struct sw_inbox *inbox, const struct sw_report *report) {
    if (inbox->reserve_used) {
        /* No attempt starts while the slot is in use, so this report says that the client has stopped retrying. */
        if (!inbox->reserve_taken) inbox->reserve.will_retry = false;
        return;
    }
    fill(&inbox->reserve, report, inbox->messages);
    inbox->reserve_used = true;
}

void sw_inbox_put_final(struct sw_inbox *inbox, const struct sw_report *report) {
    fill(&inbox->final, report, inbox->messages);
    inbox->has_final = true;
}

void sw_inbox_take(struct sw_inbox *inbox, struct sw_delivery *delivery) {
    delivery->pages = inbox->pages;
    delivery->reports = sw_reports_take(&inbox->reports);
    delivery->messages = inbox->messages;
    delivery->reserve = inbox->reserve_used && !inbox->reserve_taken ? &inbox->reserve : NULL;
    delivery->final = inbox->has_final ? &inbox->final : NULL;
    inbox->reserve_taken = inbox->reserve_used;
    inbox->pages = (struct sw_pages){NULL, NULL};
    inbox->untaken = 0;
    inbox->has_final = false;
}

bool sw_inbox_credit(struct sw_inbox *inbox, size_t bytes, size_t limit) {
    assert(bytes <= inbox->bytes);
    inbox->bytes -= bytes;
    if (!inbox->paused || inbox->bytes > limit / 2) return false;
    inbox->paused = false;
    return true;
}
