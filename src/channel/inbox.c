#include "channel/inbox.h"

#include <stdlib.h>

void sw_inbox_init(struct sw_inbox *inbox) {
    memset(inbox, 0, sizeof *inbox);
    inbox->tail = &inbox->reports;
}

void sw_inbox_drop(struct sw_inbox *inbox) {
    sw_pages_free(&inbox->pages);
    while (inbox->reports != NULL) {
        struct sw_report *report = inbox->reports;
        inbox->reports = report->next;
        free(report);
    }
    inbox->tail = &inbox->reports;
    inbox->reserve_used = false;
}

void sw_inbox_put(struct sw_inbox *inbox, struct sw_pages *pages, uint64_t count, size_t bytes) {
    sw_pages_join(&inbox->pages, pages);
    inbox->messages += count;
    inbox->bytes += bytes;
}

bool sw_inbox_merge(struct sw_inbox *inbox, const struct sw_page *page, uint64_t count, size_t bytes) {
    if (inbox->pages.tail == NULL || !sw_page_absorb(inbox->pages.tail, page)) return false;
    inbox->messages += count;
    inbox->bytes += bytes;
    return true;
}

void sw_inbox_report(struct sw_inbox *inbox, struct sw_report *report) {
    report->next = NULL;
    report->after = inbox->messages;
    *inbox->tail = report;
    inbox->tail = &report->next;
    inbox->waiting++;
    inbox->bytes += sizeof *report;
}

struct sw_report *sw_inbox_newest(const struct sw_inbox *inbox) {
    if (inbox->reports == NULL) return NULL;
    return (struct sw_report *)(void *)((char *)inbox->tail - offsetof(struct sw_report, next));
}

static void fill(struct sw_report *slot, const struct sw_report *report, uint64_t after) {
    *slot = *report;
    slot->next = NULL;
    slot->after = after;
}

bool sw_inbox_supersede(struct sw_inbox *inbox, const struct sw_report *report) {
    struct sw_report *newest = sw_inbox_newest(inbox);
    if (inbox->waiting < SW_REPORTS_EACH || newest->event != SW_EVENT_RETRY || report->event != SW_EVENT_RETRY)
        return false;
    fill(newest, report, newest->after);
    return true;
}

void sw_inbox_reserve(struct sw_inbox *inbox, const struct sw_report *report) {
    if (inbox->reserve_used) {
        /* No attempt starts before the slot is free, so this ends what the slot says will go on. */
        if (!inbox->reserve_taken) inbox->reserve.will_retry = false;
        return;
    }
    fill(&inbox->reserve, report, inbox->messages);
    inbox->reserve_used = true;
}

void sw_inbox_finish(struct sw_inbox *inbox, const struct sw_report *report) {
    fill(&inbox->final, report, inbox->messages);
    inbox->finished = true;
}

void sw_inbox_take(struct sw_inbox *inbox, struct sw_delivery *delivery) {
    delivery->pages = inbox->pages;
    delivery->reports = inbox->reports;
    delivery->messages = inbox->messages;
    delivery->reserve = inbox->reserve_used && !inbox->reserve_taken ? &inbox->reserve : NULL;
    delivery->final = inbox->finished ? &inbox->final : NULL;
    inbox->reserve_taken = inbox->reserve_used;
    inbox->pages = (struct sw_pages){NULL, NULL};
    inbox->reports = NULL;
    inbox->tail = &inbox->reports;
    inbox->waiting = 0;
    inbox->finished = inbox->announced = false;
}

bool sw_inbox_release(struct sw_inbox *inbox, size_t bytes, size_t limit) {
    assert(bytes <= inbox->bytes);
    inbox->bytes -= bytes;
    if (!inbox->paused || inbox->bytes > limit / 2) return false;
    inbox->paused = false;
    return true;
}
