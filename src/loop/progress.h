/* Publishes how far one client's messages have come: counters, freed pages, and pinned strings that are no longer
 * needed.
 *
 * It keeps the counters that no other part keeps. To publish means to copy them, together with those of the send
 * queue, to the channel. This happens whenever the host could notice the difference: after bytes were handed over to
 * the kernel, after messages went into the inbox, when a connection ends. It also tells the channel how many bytes
 * count against queue_limit no longer, moves emptied pages to the client's pool, and returns pinned strings to the
 * host. When nothing was published for SW_SWEEP seconds, the client is idle, and the pool closes.
 */
#ifndef SW_LOOP_PROGRESS_H
#define SW_LOOP_PROGRESS_H

#include <stdint.h>

#include "channel/loop_end.h"
#include "loop/common.h"
#include "loop/reactor.h"
#include "loop/sendq.h"

struct progress {
    struct common *common;
    struct sw_sendq *queue;
    uint64_t sent_bytes, received_bytes; /* the counters down to `failures`: as in struct sw_gauges */
    uint64_t lost_unsent, lost_unknown, lost_not_handed;
    uint64_t connects, failures;
    uint64_t released;     /* sw_sendq_released, when it was last published */
    struct sw_sweep sweep; /* trims the pool each SW_SWEEP seconds, and closes it when the client is idle */
};

/* Starts from the gauges `before`, which an earlier loop thread has published. `queue` is the client's send queue. */
void sw_progress_init(struct progress *progress, struct common *common, struct sw_sendq *queue,
                      const struct sw_gauges *before);
void sw_progress_fini(struct progress *progress);

/* Collects what is to be published, and fills *gauges, to which the result points. The caller must publish the
 * result: it counts only the bytes that were released since the last call. */
struct sw_progress sw_progress_collect(struct progress *progress, struct sw_gauges *gauges);

/* Collects and publishes. */
void sw_progress_publish(struct progress *progress);

/* The following functions count; they do not publish. */
static inline void sw_progress_count_sent(struct progress *progress, uint64_t bytes) { progress->sent_bytes += bytes; }
static inline void sw_progress_count_received(struct progress *progress, uint64_t bytes) {
    progress->received_bytes += bytes;
}
/* Bytes that are not the queue's count no longer: the channel is told of as many more. */
static inline void sw_progress_release(struct progress *progress, uint64_t bytes) { progress->released -= bytes; }
static inline void sw_progress_count_failures(struct progress *progress, uint64_t in_a_row) {
    progress->failures = in_a_row;
}

/* Counts a connection that is ready. Returns how many there were, this one included. */
static inline uint64_t sw_progress_count_connect(struct progress *progress) { return ++progress->connects; }

void sw_progress_count_losses(struct progress *progress, const struct sw_loss_summary *losses);

#endif
