/* Messages and reports from one connection, on their way from the loop to the host.
 *
 * The loop puts whole messages (in pages) and reports; the host takes everything in one swap. Bytes count from put to
 * delivery, so that inbox_limit bounds what a slow script can pile up; two report slots are reserved, so that neither
 * the end of a connection nor the client's last event needs memory. All functions are called with the channel's lock
 * held (drop: by the last owner) and none but drop frees.
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
    struct sw_report reserve;  /* loop fills when a report found no memory; the host's while it is taken */
    struct sw_report final;    /* loop fills, once: close; then the host's */
    bool reserve_used;         /* loop sets, host clears when the report was delivered */
    bool reserve_taken;        /* host: it has it */
    bool has_last;             /* loop sets: final is there; host clears when it takes it */
    bool scheduled;            /* the channel stands in the engine's list for the host */
    bool paused;               /* loop sets when full, host clears when half empty again */
    uint64_t messages;         /* loop: put so far, over the client's life */
    size_t bytes;              /* loop adds, host subtracts on delivery; reports, too */
    size_t untaken;            /* of messages, still in `pages` */
    unsigned undelivered;      /* reports: loop adds, host subtracts on delivery */
};

/* What the host takes in one swap. */
struct sw_delivery {
    struct sw_pages pages;
    struct sw_report *reports;
    struct sw_report *reserve; /* the inbox's own: follows the reports; NULL: not used */
    struct sw_report *final;   /* the inbox's own: follows everything; NULL: not yet */
    uint64_t messages;         /* put in all so far */
};

void sw_inbox_init(struct sw_inbox *inbox);

/* False: there might be no place for what a connection that is begun now tells at its end. */
static inline bool sw_inbox_can_report(const struct sw_inbox *inbox) {
    return !inbox->reserve_used && inbox->undelivered < SW_REPORTS_MAX;
}

/* Drops everything that was not taken. */
void sw_inbox_drop(struct sw_inbox *inbox);

/* Appends pages that hold `count` whole messages. */
void sw_inbox_put(struct sw_inbox *inbox, struct sw_pages *pages, uint64_t count, size_t bytes);

/* The same for one page with little in it, if the last page of the inbox, which the host has not taken, has room. False:
 * it has not, and nothing was done. True: the page was copied. */
bool sw_inbox_merge(struct sw_inbox *inbox, const struct sw_page *page, uint64_t count, size_t bytes);

/* Puts a report, which the inbox owns from now on; as sw_reports_add. */
struct sw_added sw_inbox_report(struct sw_inbox *inbox, struct sw_report *report);

/* Puts a report that found no memory into the reserved slot, if that is free. */
void sw_inbox_reserve(struct sw_inbox *inbox, const struct sw_report *report);

/* Leaves `report` (close) as the last that ever comes. */
void sw_inbox_put_last(struct sw_inbox *inbox, const struct sw_report *report);

/* Moves everything to *delivery. */
void sw_inbox_take(struct sw_inbox *inbox, struct sw_delivery *delivery);

/* Subtracts delivered bytes. True when reading was paused and may go on. */
bool sw_inbox_credit(struct sw_inbox *inbox, size_t bytes, size_t limit);

#endif
