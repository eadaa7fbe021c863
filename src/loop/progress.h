/* Publishes how far one client's messages have come: what was acknowledged, kept and given up.
 *
 * What no other part counts is counted here. It is copied to the channel, with what the send queue counts, at the
 * moments that the host may ask about: after a batch was handed over, after messages were put into the inbox, at each
 * end. A publication also tells how many bytes count against queue_limit no longer. Emptied pages go to the client's
 * pool, and completions to the host. When nothing was published for a second, the client is idle, and its pool
 * closes.
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
    uint64_t sent_bytes, received_bytes; /* these as in struct sw_gauges */
    uint64_t lost_unsent, lost_unknown, lost_not_handed;
    uint64_t connects, failures;
    uint64_t released;     /* bytes of the queue that the channel knows to count no longer */
    struct sw_sweep sweep; /* trims the pool, and closes it */
};

/* For the channel's client, whose send queue is `queue`: goes on from what an earlier loop has published, `before`. */
void sw_progress_init(struct progress *progress, struct common *common, struct sw_sendq *queue,
                      const struct sw_gauges *before);
void sw_progress_fini(struct progress *progress);

/* What to publish now, with *gauges. It must be published: each call has only the bytes released since the last one. */
struct sw_progress sw_progress_collect(struct progress *progress, struct sw_gauges *gauges);

/* Publishes that. */
void sw_progress_publish(struct progress *progress);

/* These count; a publication follows. */
static inline void sw_progress_count_sent(struct progress *progress, uint64_t bytes) { progress->sent_bytes += bytes; }
static inline void sw_progress_count_received(struct progress *progress, uint64_t bytes) {
    progress->received_bytes += bytes;
}
static inline void sw_progress_count_failures(struct progress *progress, uint64_t in_a_row) {
    progress->failures = in_a_row;
}

/* Returns the number of connections that were ready, this one among them. */
static inline uint64_t sw_progress_count_connect(struct progress *progress) { return ++progress->connects; }

void sw_progress_count_losses(struct progress *progress, const struct sw_loss_summary *losses);

#endif
