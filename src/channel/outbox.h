/* The outbox of one channel: messages from the host that the loop has not taken.
 *
 * The host appends messages, the loop takes all pages at once. The id of a message is the number of messages accepted
 * so far. The outbox counts the bytes that queue_limit bounds, until the loop releases them. All functions need the
 * channel's lock; none allocates memory or waits.
 */
#ifndef SW_CHANNEL_OUTBOX_H
#define SW_CHANNEL_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "buffer/page.h"
#include "buffer/pool.h"
#include "channel/report.h"

struct sw_outbox {
    struct sw_pages pages; /* host fills, loop takes */
    uint64_t last_id;      /* host sets: newest accepted id */
    size_t bytes;          /* of messages and SW_MESSAGE_OVERHEAD for each: host adds, loop subtracts when it is done */
    size_t copied_since_pin; /* host counts bytes copied since the last pinned message, or since the start */
    size_t kept_reports;     /* reports kept for their lost messages (reports.h); their memory counts as queue bytes */
    size_t refused_size;     /* bytes of the largest refused message since the last drain report; 0 = none */
    bool notified;           /* the loop will take the outbox anyway, so a further message need not wake it */
    bool wants_pages;        /* host sets, loop clears: the loop should prefault pages for the pool */
};

/* Checks a message of `size` bytes against queue_limit. SW_TOOBIG: it can never be accepted. SW_FULL: not now; a drain
 * report will follow. An empty queue accepts every message up to the limit. */
enum sw_err sw_outbox_admit(struct sw_outbox *outbox, size_t size, size_t limit);

/* How many bytes the last page has room for. */
size_t sw_outbox_room(const struct sw_outbox *outbox);

/* Appends a page of the pool for a message of `size` bytes. False: the pool is empty, the message is too large for a
 * page, or too few bytes were copied since the last pinned message to fill a large page. Also calls
 * sw_outbox_want_pages with the limit. */
bool sw_outbox_add_page(struct sw_outbox *outbox, struct sw_pool *pool, size_t size, size_t limit);

/* The size of a new page for a message of `size` bytes. It grows with the bytes queued since the last pinned message:
 * the first pages of an idle client are small, those of a busy one soon the largest. */
size_t sw_outbox_page_size(const struct sw_outbox *outbox, size_t size);

/* Copies a message into the last page, which has room for it. Returns the message's id. */
uint64_t sw_outbox_append(struct sw_outbox *outbox, const struct sw_slice *pieces, size_t count, uint32_t flags);

/* Appends pages that have exactly one message, of `size` bytes. Returns the message's id. */
uint64_t sw_outbox_join(struct sw_outbox *outbox, struct sw_pages *chain, size_t size, bool pinned);

/* Called when a page is added. From the second large page on, it notes that the loop should prefault pages if the pool
 * has few of them. The first access to new memory costs more than the copy of a message (docs/performance.md), so the
 * loop does that for the host. */
void sw_outbox_want_pages(struct sw_outbox *outbox, const struct sw_pool *pool, size_t limit);

/* Returns how many pages the loop should prefault now, and clears wants_pages. */
unsigned sw_outbox_count_wanted_pages(struct sw_outbox *outbox, const struct sw_pool *pool, size_t limit);

/* Subtracts bytes of messages that are finished or lost. True: a drain report is due, because the free space has
 * reached half the limit, and the refused message now fits. */
bool sw_outbox_release(struct sw_outbox *outbox, size_t bytes, size_t limit);

#endif
