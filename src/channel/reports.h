/* A first-in, first-out list of reports that stays short even if it is never read.
 *
 * A script need not poll, but its client connects again and again, and each connection makes reports. So once
 * SW_REPORTS_UNMERGED reports wait, adding a report merges these:
 *
 *     retry, retry                            -> the later retry
 *     drain ... drain                         -> the earlier drain
 *     error, error                            -> the later error, if neither has lost messages
 *     connect, disconnect, retry ...,
 *     connect, disconnect                     -> the later connect and disconnect, if neither connection
 *                                                brought a message or a part of one, and an attempt follows both or
 *                                                neither
 *
 * The field `merged` of the remaining connect, disconnect or error counts the reports that it replaces.
 *
 * Every lost message is reported. The later disconnect takes over the lost messages of the earlier one: if its ranges
 * continue those of the earlier one, they are extended; else its ring `kept` keeps the earlier report.
 *
 * A list belongs to one thread at a time. No function allocates memory, and only sw_reports_free frees it.
 */
#ifndef SW_CHANNEL_REPORTS_H
#define SW_CHANNEL_REPORTS_H

#include <stdbool.h>

#include "base/tunables.h"
#include "channel/report.h"

struct sw_reports {
    struct sw_report *head, **tail;
    unsigned count;
    bool has_drain; /* the list contains a drain report */
    /* These two find a connect report, as `tail` finds the end: by the address of the pointer to it, which is `head` or
     * the `next` of the report before it. NULL: there is no such report. */
    struct sw_report **newest_connect; /* the newest report, if that is a connect */
    struct sw_report **silent_connect; /* that of the last connection that has ended, if it brought no message */
};

void sw_reports_init(struct sw_reports *list);

/* Frees one report, which has no kept reports. */
void sw_report_free(struct sw_report *report);

/* Frees this report, all that follow it, and their kept reports. */
void sw_reports_free(struct sw_report *report);

/* The oldest of the kept reports, whose lost messages the host reports first. NULL: there is none. */
struct sw_report *sw_reports_first_kept(const struct sw_report *report);

/* Removes the oldest kept report, which must exist. The caller frees it and subtracts its ranges from
 * report->kept_ranges. */
struct sw_report *sw_reports_shift_kept(struct sw_report *report);

struct sw_add_result {
    struct sw_report *dropped; /* list of reports merged away, maybe the new one; the caller calls sw_reports_free */
    unsigned kept;             /* how many reports (0 or 1) have moved from the list into a ring `kept` */
};

/* Adds a report at the end. The caller has set its `after`. */
struct sw_add_result sw_reports_add(struct sw_reports *list, struct sw_report *report);

/* The newest report. NULL: the list is empty. */
struct sw_report *sw_reports_newest(const struct sw_reports *list);

/* Removes the first report, which must exist. */
struct sw_report *sw_reports_shift(struct sw_reports *list);

/* Removes all reports and returns the first. */
struct sw_report *sw_reports_take(struct sw_reports *list);

#endif
