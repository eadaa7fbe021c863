#include "channel/reports.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/list.h"

void sw_reports_init(struct sw_reports *list) { *list = (struct sw_reports){.tail = &list->head}; }

/* --- kept reports: a ring; `kept` is its last report, whose `next` is the first --- */

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

/* Appends ring b to ring a; both are given by their last report. Returns the last report of the result. */
static struct sw_report *join_rings(struct sw_report *a, struct sw_report *b) {
    if (a == NULL || b == NULL) return a != NULL ? a : b;
    struct sw_report *first = a->next;
    a->next = b->next;
    b->next = first;
    return b;
}

void sw_report_free(struct sw_report *report) {
    free(report->partial);
    sw_causes_unref(sw_report_causes(report));
    sw_bad_frame_unref(sw_report_bad_frame(report));
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

/* If the later range continues the earlier one, adds that to it and clears the earlier one. */
static void extend_range(struct sw_loss *later, struct sw_loss *earlier) {
    if (earlier->first == 0 || later->first != earlier->last + 1) return;
    later->first = earlier->first;
    earlier->first = 0;
}

/* Adds the lost messages of the earlier report to the later one. True: the later report keeps the earlier one, because
 * a range does not continue. */
static bool take_losses(struct sw_report *report, struct sw_report *earlier) {
    if (report->kept == NULL) {
        extend_range(&report->lost_unknown, &earlier->lost_unknown);
        extend_range(&report->lost_unsent, &earlier->lost_unsent);
    }
    bool is_kept = sw_report_own_ranges(earlier) > 0;
    report->kept_ranges += sw_report_ranges(earlier);
    struct sw_report *kept = earlier->kept;
    earlier->kept = NULL;
    earlier->kept_ranges = 0;
    if (is_kept) {
        earlier->next = earlier;
        kept = join_rings(kept, earlier);
    }
    report->kept = join_rings(kept, report->kept);
    return is_kept;
}

/* --- adding --- */

/* Adds `report`, a disconnect, and removes the previous connection without messages: its connect, its disconnect and
 * the retries after that. The connect of `report` stays. */
static struct sw_add_result merge(struct sw_reports *list, struct sw_report *report) {
    struct sw_report *connect = *list->silent_connect, *disconnect = connect->next, *retries = disconnect->next;
    struct sw_report *reconnect = *list->newest_connect;
    assert(disconnect->event == SW_EVENT_DISCONNECT && reconnect->event == SW_EVENT_CONNECT);
    assert(!disconnect->is_embedded); /* no connection starts while the reserved slot is in use */
    *list->newest_connect = NULL;     /* ends the list of retries, if there are any */
    if (retries == reconnect) retries = NULL;
    list->count -= 2;
    for (const struct sw_report *retry = retries; retry != NULL; retry = retry->next) list->count--;
    reconnect->merged += connect->merged + 1; /* both may come from another list, where they were merged before */
    report->merged += disconnect->merged + 1;
    *list->silent_connect = reconnect;
    list->tail = &reconnect->next;
    append(list, report);
    bool is_kept = take_losses(report, disconnect);
    connect->next = is_kept ? retries : disconnect;
    if (!is_kept) disconnect->next = retries;
    return (struct sw_add_result){connect, is_kept};
}

static struct sw_add_result add_disconnect(struct sw_reports *list, struct sw_report *report, bool may_merge) {
    struct sw_add_result added = {NULL, 0};
    bool is_silent =
        list->newest_connect != NULL && (*list->newest_connect)->after == report->after && report->partial == NULL;
    /* The connect of the previous connection. */
    const struct sw_report *before = list->silent_connect != NULL ? *list->silent_connect : NULL;
    if (is_silent && may_merge && before != NULL && before->after == report->after &&
        before->next->will_retry == report->will_retry) {
        added = merge(list, report);
    } else {
        append(list, report);
        list->silent_connect = is_silent ? list->newest_connect : NULL;
    }
    list->newest_connect = NULL;
    return added;
}

/* True for two retries, and for two errors without lost messages. */
static bool can_replace(const struct sw_report *newest, const struct sw_report *later) {
    if (later->is_embedded) return false;
    if (newest->event != later->event || sw_report_ranges(newest) + sw_report_ranges(later) > 0) return false;
    return later->event == SW_EVENT_RETRY || later->event == SW_EVENT_ERROR;
}

/* Copies the later report over the newest one, which keeps its place in the list. The later one gets its error, with its
 * causes or bad frame, to be freed with it. */
static void replace(struct sw_report *newest, struct sw_report *later) {
    const struct sw_report before = *newest;
    *newest = *later;
    newest->next = NULL;
    newest->after = before.after;
    newest->is_embedded = before.is_embedded;
    newest->merged += before.merged + 1;
    later->error = before.error;
    later->causes = before.causes;
}

struct sw_add_result sw_reports_add(struct sw_reports *list, struct sw_report *report) {
    struct sw_report *newest = sw_reports_newest(list);
    bool may_merge = list->count >= SW_REPORTS_UNMERGED;
    report->next = NULL;
    if (report->event == SW_EVENT_DISCONNECT) return add_disconnect(list, report, may_merge);
    if (may_merge && report->event == SW_EVENT_DRAIN && list->has_drain) return (struct sw_add_result){report, 0};
    if (may_merge && can_replace(newest, report)) {
        replace(newest, report);
        return (struct sw_add_result){report, 0};
    }
    list->newest_connect = report->event == SW_EVENT_CONNECT ? list->tail : NULL;
    if (report->event != SW_EVENT_CONNECT && report->event != SW_EVENT_RETRY) list->silent_connect = NULL;
    if (report->event == SW_EVENT_DRAIN) list->has_drain = true;
    append(list, report);
    return (struct sw_add_result){NULL, 0};
}

/* --- taking --- */

/* Corrects *link, a pointer to a `next` field or to the list's head, after `first` was removed. */
static void correct_link(struct sw_reports *list, struct sw_report ***link, struct sw_report *first) {
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
    correct_link(list, &list->newest_connect, first);
    correct_link(list, &list->silent_connect, first);
    first->next = NULL;
    return first;
}

struct sw_report *sw_reports_take(struct sw_reports *list) {
    struct sw_report *head = list->head;
    sw_reports_init(list);
    return head;
}
