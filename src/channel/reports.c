#include "channel/reports.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/list.h"

void sw_reports_init(struct sw_reports *list) { *list = (struct sw_reports){.tail = &list->head}; }

/* --- kept reports: a ring, of which `kept` is the last, and its `next` the first --- */

struct sw_report *sw_reports_first_kept(const struct sw_report *report) {
    return report->kept != NULL ? report->kept->next : NULL;
}

struct sw_report *sw_reports_shift_kept(struct sw_report *report) {
    struct sw_report *last = report->kept, *first = last->next;
    if (first == last)
        report->kept = NULL;
    else
        last->next = first->next;
    return first;
}

/* Of two rings, given by their last, the second behind the first. */
static struct sw_report *join(struct sw_report *a, struct sw_report *b) {
    if (a == NULL || b == NULL) return a != NULL ? a : b;
    struct sw_report *first = a->next;
    a->next = b->next;
    b->next = first;
    return b;
}

void sw_report_free(struct sw_report *report) {
    free(report->partial);
    free(report);
}

void sw_reports_free(struct sw_report *report) {
    while (report != NULL) {
        struct sw_report *next = report->next;
        while (report->kept != NULL) sw_report_free(sw_reports_shift_kept(report));
        sw_report_free(report);
        report = next;
    }
}

struct sw_report *sw_reports_newest(const struct sw_reports *list) {
    return list->head != NULL ? SW_HOLDER(list->tail, struct sw_report, next) : NULL;
}

static void append(struct sw_reports *list, struct sw_report *report) {
    report->next = NULL;
    *list->tail = report;
    list->tail = &report->next;
    list->count++;
}

/* --- ranges of lost messages --- */

/* The later range also tells of the earlier one, if it continues it. */
static void absorb(struct sw_loss *later, struct sw_loss *earlier) {
    if (earlier->first == 0 || later->first != earlier->last + 1) return;
    later->first = earlier->first;
    earlier->first = 0;
}

/* The later report also tells of what the earlier one does. True: it keeps that for it. */
static bool take_losses(struct sw_report *report, struct sw_report *earlier) {
    if (report->kept == NULL) {
        absorb(&report->lost_unknown, &earlier->lost_unknown);
        absorb(&report->lost_unsent, &earlier->lost_unsent);
    }
    bool is_kept = sw_report_own_ranges(earlier) > 0;
    report->kept_ranges += sw_report_ranges(earlier);
    struct sw_report *kept = earlier->kept;
    earlier->kept = NULL;
    earlier->kept_ranges = 0;
    if (is_kept) {
        earlier->next = earlier;
        kept = join(kept, earlier);
    }
    report->kept = join(kept, report->kept);
    return is_kept;
}

/* --- adding --- */

/* The report, a disconnect, and the connect before it take the place of the quiet two and the retries behind these. */
static struct sw_added merge(struct sw_reports *list, struct sw_report *report) {
    struct sw_report *connect = *list->quiet, *disconnect = connect->next, *retries = disconnect->next;
    struct sw_report *reconnect = *list->opened;
    assert(disconnect->event == SW_EVENT_DISCONNECT && reconnect->event == SW_EVENT_CONNECT);
    assert(!disconnect->is_embedded); /* while that slot is in use, no connection begins */
    *list->opened = NULL;             /* ends the retries, if there are any */
    if (retries == reconnect) retries = NULL;
    list->count -= 2;
    for (const struct sw_report *retry = retries; retry != NULL; retry = retry->next) list->count--;
    reconnect->merged += connect->merged + 1; /* from another list, they may stand for many already */
    report->merged += disconnect->merged + 1;
    *list->quiet = reconnect;
    list->tail = &reconnect->next;
    append(list, report);
    bool is_kept = take_losses(report, disconnect);
    connect->next = is_kept ? retries : disconnect;
    if (!is_kept) disconnect->next = retries;
    return (struct sw_added){connect, is_kept};
}

static struct sw_added add_disconnect(struct sw_reports *list, struct sw_report *report, bool is_long) {
    struct sw_added added = {NULL, 0};
    bool is_quiet = list->opened != NULL && (*list->opened)->after == report->after && report->partial == NULL;
    const struct sw_report *before = list->quiet != NULL ? *list->quiet : NULL; /* the connect of the last quiet one */
    if (is_quiet && is_long && before != NULL && before->after == report->after &&
        before->next->will_retry == report->will_retry) {
        added = merge(list, report);
    } else {
        append(list, report);
        list->quiet = is_quiet ? list->opened : NULL;
    }
    list->opened = NULL;
    return added;
}

/* Two retries, or two errors that tell of no loss; the later is to be dropped. */
static bool is_alike(const struct sw_report *newest, const struct sw_report *later) {
    if (later->is_embedded) return false;
    if (newest->event != later->event || sw_report_ranges(newest) + sw_report_ranges(later) > 0) return false;
    return later->event == SW_EVENT_RETRY || later->event == SW_EVENT_ERROR;
}

/* The newest report tells from now on what the later one does. */
static void supersede(struct sw_report *newest, const struct sw_report *later) {
    const struct sw_report before = *newest;
    *newest = *later;
    newest->next = NULL;
    newest->after = before.after;
    newest->is_embedded = before.is_embedded;
    newest->merged += before.merged + 1;
}

struct sw_added sw_reports_add(struct sw_reports *list, struct sw_report *report) {
    struct sw_report *newest = sw_reports_newest(list);
    bool is_long = list->count >= SW_REPORTS_EACH;
    report->next = NULL;
    if (report->event == SW_EVENT_DISCONNECT) return add_disconnect(list, report, is_long);
    if (is_long && report->event == SW_EVENT_DRAIN && list->has_drain) return (struct sw_added){report, 0};
    if (is_long && is_alike(newest, report)) {
        supersede(newest, report);
        return (struct sw_added){report, 0};
    }
    list->opened = report->event == SW_EVENT_CONNECT ? list->tail : NULL;
    if (report->event != SW_EVENT_CONNECT && report->event != SW_EVENT_RETRY) list->quiet = NULL;
    if (report->event == SW_EVENT_DRAIN) list->has_drain = true;
    append(list, report);
    return (struct sw_added){NULL, 0};
}

/* --- taking --- */

/* The link lay in the report that was the first, and lies in the list itself now; or it led to that report. */
static void move_link(struct sw_reports *list, struct sw_report ***link, struct sw_report *first) {
    if (*link == &list->head) *link = NULL;
    if (*link == &first->next) *link = &list->head;
}

struct sw_report *sw_reports_shift(struct sw_reports *list) {
    struct sw_report *first = list->head;
    assert(first != NULL);
    list->head = first->next;
    list->count--;
    if (list->head == NULL) list->tail = &list->head;
    if (first->event == SW_EVENT_DRAIN) list->has_drain = false;
    move_link(list, &list->opened, first);
    move_link(list, &list->quiet, first);
    first->next = NULL;
    return first;
}

struct sw_report *sw_reports_take(struct sw_reports *list) {
    struct sw_report *head = list->head;
    sw_reports_init(list);
    return head;
}
