/* A list of reports, first in, first out, that stays short however long it is not read.
 *
 * A script may never ask what becomes of its client, which goes on connecting all the same. So once SW_REPORTS_EACH
 * reports wait, the list keeps of what repeats itself only the newest:
 *
 *     retry, retry                            -> the later retry
 *     drain ... drain                         -> the earlier drain
 *     error, error                            -> the later error, which tells how many it stands for (merged)
 *     connect, disconnect, retry ...,
 *     connect, disconnect                     -> the later two, if neither connection brought a message or a part of one;
 *                                                each tells how many it stands for
 *
 * Lost messages are told in any case. What an earlier disconnect tells of them the later one takes over: ranges that
 * continue each other become one; else the later one keeps the earlier one for its ranges.
 *
 * A list belongs to one thread at a time. Nothing here allocates or frees but sw_reports_free.
 */
#ifndef SW_CHANNEL_REPORTS_H
#define SW_CHANNEL_REPORTS_H

#include <stdbool.h>

#include "base/tunables.h"
#include "channel/report.h"

struct sw_reports {
    struct sw_report *head, **tail;
    unsigned count;
    bool has_drain;
    /* Links to reports in the list; NULL: there is none. */
    struct sw_report **opened; /* to the newest report, if that is a connect */
    struct sw_report **quiet;  /* to the connect of the newest disconnect, if these may be merged with the next two */
};

void sw_reports_init(struct sw_reports *list);

/* Frees one report, which keeps none. */
void sw_report_free(struct sw_report *report);

/* Frees the reports from this one on, and those that they keep. */
void sw_reports_free(struct sw_report *report);

/* Of the reports that a report keeps for their ranges, the oldest: it is to be told first. NULL: it keeps none. */
struct sw_report *sw_reports_first_kept(const struct sw_report *report);

/* Takes that out, which there must be; for free(). Its ranges are told: kept_ranges is the caller's. */
struct sw_report *sw_reports_shift_kept(struct sw_report *report);

struct sw_added {
    struct sw_report *dropped; /* reports that are of no use any more, perhaps the one added: for sw_reports_free */
    unsigned kept;             /* 1: a report has left the list, but is kept for its ranges of lost messages; else 0 */
};

/* Puts a report at the end. Its `after` is set. */
struct sw_added sw_reports_add(struct sw_reports *list, struct sw_report *report);

/* The last report; NULL: the list is empty. */
struct sw_report *sw_reports_newest(const struct sw_reports *list);

/* Takes the first report out, which there must be. */
struct sw_report *sw_reports_shift(struct sw_reports *list);

/* Takes all of them out. */
struct sw_report *sw_reports_take(struct sw_reports *list);

#endif
