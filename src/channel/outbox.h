/* Messages to one connection, on their way from the host to the loop.
 *
 * The host appends, the loop takes the whole chain in one swap; ids count what was accepted. The bytes that queue_limit
 * bounds stay counted here until the loop says that it is done with them. All functions are called with the channel's
 * lock held and neither allocate nor wait.
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
    uint64_t last_id;      /* host: newest accepted id */
    size_t bytes;          /* host adds, loop subtracts: accepted and not finished with; SW_MESSAGE_OVERHEAD included */
    size_t run;            /* host: bytes copied into pages since the last pinned message, or since the start */
    size_t untold;         /* reports kept for their ranges of lost messages (reports.h): these count, too */
    size_t refused;   /* host sets, loop clears: size of the refused message that a drain event is owed for; 0 = none */
    bool notified;    /* the loop was told, or looks without being told: a further message need not wake it */
    bool wants_pages; /* host sets, loop clears: prefaulted pages would be of use */
};

/* Would the message be accepted? SW_TOOBIG: never. SW_FULL: not now, and a drain is owed. An empty queue accepts each that
 * is no larger than the limit. */
enum sw_err sw_outbox_admit(struct sw_outbox *outbox, size_t size, size_t limit);

/* Bytes of a further message that fit without a new page. */
size_t sw_outbox_room(const struct sw_outbox *outbox);

/* Puts a page of the pool at the end that takes a message of `size` bytes. False: there is none, or it would hold little.
 * The limit is for sw_outbox_note_need, which it calls. */
bool sw_outbox_add_page(struct sw_outbox *outbox, struct sw_pool *pool, size_t size, size_t limit);

/* Room worth adding for `size` bytes of a message: what is queued already, so that an idle client's first pages are small,
 * and soon the largest page, of which only what is used takes memory; but after a pinned message, only what was queued
 * since counts. */
size_t sw_outbox_page_size(const struct sw_outbox *outbox, size_t size);

/* Appends a message that fits into the last page; returns its id. */
uint64_t sw_outbox_append(struct sw_outbox *outbox, const struct sw_slice *pieces, size_t count, uint32_t flags);

/* Appends a chain that holds exactly one message of `size` bytes, some of them pinned or none; returns its id. */
uint64_t sw_outbox_join(struct sw_outbox *outbox, struct sw_pages *chain, size_t size, bool pinned);

/* When a page is added: from the second large page on, the pool should have some, the more, the longer the queue is.
 * Memory that is touched for the first time costs more than the copy (docs/performance.md): the loop is to pay that. */
void sw_outbox_note_need(struct sw_outbox *outbox, const struct sw_pool *pool, size_t limit);

/* How many pages the loop should prefault now, if the host wants any. */
unsigned sw_outbox_needs(struct sw_outbox *outbox, const struct sw_pool *pool, size_t limit);

/* Subtracts bytes the loop is done with. True when a drain event is due now: the free space has reached half the limit
 * and the refused size. */
bool sw_outbox_credit(struct sw_outbox *outbox, size_t bytes, size_t limit);

#endif
