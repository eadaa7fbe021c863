/* The inbox of one channel: messages and reports from the loop that the host has not taken.
 *
 * The loop puts whole messages (in pages) and reports; the host takes everything at once. Bytes count from then until
 * the host has delivered them, so inbox_limit also bounds what a slow script leaves undelivered. Two report slots are
 * part of the inbox, so the end of a connection and the close report need no memory. The functions need the channel's
 * lock, except sw_inbox_drop, which the last owner calls and which alone frees memory.
 */
#ifndef SW_CHANNEL_INBOX_H
#define SW_CHANNEL_INBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer/page.h"
#include "channel/report.h"
#include "channel/reports.h"

struct sw_inbox {
    struct sw_pages pages;     /* loop puts, host takes */
    struct sw_reports reports; /* loop puts, host takes and frees */
    struct sw_report reserve;  /* loop fills if there is no memory for a report; host owns it while reserve_taken */
    struct sw_report final;    /* loop fills with the close report; host owns it after it has taken it */
    bool reserve_used;         /* loop sets, host clears when the report was delivered */
    bool reserve_taken;        /* host has taken the report in `reserve` */
    bool has_final;            /* loop sets with `final`, host clears when it takes it */
    bool scheduled;            /* the channel is in the engine's list for the host */
    bool paused;               /* loop sets when the inbox is full, host clears when it is half empty */
    uint64_t messages;         /* loop counts messages put so far, over the client's life */
    size_t bytes;              /* of messages and reports: loop adds, host subtracts on delivery */
    size_t untaken;            /* message bytes in `pages` */
    unsigned undelivered;      /* number of reports: loop adds, host subtracts on delivery */
};

/* What the host takes at once. */
struct sw_delivery {
    struct sw_pages pages;
    struct sw_report *reports;
    struct sw_report *reserve; /* the inbox owns it, it follows `reports`; NULL: not used */
    struct sw_report *final;   /* the inbox owns it, it follows all others; NULL: not yet posted */
    uint64_t messages;         /* number of messages put so far, over the client's life */
};

void sw_inbox_init(struct sw_inbox *inbox);

/* False: the inbox may have no room for the report at the end of a new attempt, so none may be started. */
static inline bool sw_inbox_can_report(const struct sw_inbox *inbox) {
    return !inbox->reserve_used && inbox->undelivered < SW_REPORTS_MAX;
}

/* Frees everything that the host has not taken. */
void sw_inbox_drop(struct sw_inbox *inbox);

/* Appends pages that hold `count` whole messages. */
void sw_inbox_put(struct sw_inbox *inbox, struct sw_pages *pages, uint64_t count, size_t bytes);

/* Copies the messages of a page with few bytes into the last page of the inbox. False: that page has no room, and
 * nothing was done. */
bool sw_inbox_merge(struct sw_inbox *inbox, const struct sw_page *page, uint64_t count, size_t bytes);

/* Adds a report, which the inbox owns from now on. Returns the result of sw_reports_add. */
struct sw_add_result sw_inbox_report(struct sw_inbox *inbox, struct sw_report *report);

/* Copies a report for which there is no memory into the reserved slot. If that is in use, drops the report. */
void sw_inbox_put_reserved(struct sw_inbox *inbox, const struct sw_report *report);

/* Copies `report` (close) into the slot of the final report. */
void sw_inbox_put_final(struct sw_inbox *inbox, const struct sw_report *report);

/* Moves everything to *delivery. */
void sw_inbox_take(struct sw_inbox *inbox, struct sw_delivery *delivery);

/* Subtracts delivered bytes. True: reading was paused and may continue. */
bool sw_inbox_credit(struct sw_inbox *inbox, size_t bytes, size_t limit);

#endif
