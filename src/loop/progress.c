#include "loop/progress.h"

#include <assert.h>

#include "base/list.h"

static void sweep_pool(struct sw_sweep *sweep, bool is_idle) {
    sw_channel_sweep_pool(SW_HOLDER(sweep, struct progress, sweep)->common->channel, is_idle);
}

void sw_progress_init(struct progress *progress, struct common *common, struct sw_sendq *queue,
                      const struct sw_gauges *before) {
    *progress = (struct progress){
        .common = common,
        .queue = queue,
        .sent_bytes = before->sent_bytes,
        .received_bytes = before->received_bytes,
        .lost_unsent = before->lost_unsent,
        .lost_unknown = before->lost_unknown,
        .lost_not_handed = before->lost_not_handed,
        .connects = before->connects,
        .failures = before->failures,
        .sweep = {.run = sweep_pool},
    };
}

void sw_progress_fini(struct progress *progress) {
    sw_reactor_cancel_sweep(&progress->sweep);
    sw_channel_sweep_pool(progress->common->channel, true);
}

/* Returns the pinned strings that are no longer needed to the host. */
static void post_completions(struct progress *progress) {
    struct sw_pages pinned = sw_sendq_take_completed(progress->queue);
    sw_engine_free_pages(progress->common->channel->engine, &pinned);
}

static struct sw_gauges read_gauges(const struct progress *progress) {
    const struct sw_sendq *queue = progress->queue;
    return (struct sw_gauges){
        .in_flight = queue->handed.id - queue->kept.id,
        .finished = queue->finished,
        .lost_unsent = progress->lost_unsent,
        .lost_unknown = progress->lost_unknown,
        .lost_not_handed = progress->lost_not_handed,
        .handed = queue->handed.id,
        .reached = queue->reached,
        .sent_bytes = progress->sent_bytes,
        .received_bytes = progress->received_bytes,
        .connects = progress->connects,
        .failures = progress->failures,
    };
}

struct sw_progress sw_progress_collect(struct progress *progress, struct sw_gauges *gauges) {
    struct sw_sendq *queue = progress->queue;
    *gauges = read_gauges(progress);
    /* Every message is in one of four groups: queued, in flight, finished, lost. Each is counted separately. */
    assert(queue->last_id - queue->handed.id + sw_gauges_not_queued(gauges) == queue->last_id);
    uint64_t before = progress->released;
    progress->released = sw_sendq_released(queue);
    post_completions(progress);
    sw_reactor_touch(progress->common->reactor, &progress->sweep);
    return (struct sw_progress){gauges, (size_t)(progress->released - before), &queue->emptied};
}

void sw_progress_publish(struct progress *progress) {
    struct sw_gauges gauges;
    const struct sw_progress now = sw_progress_collect(progress, &gauges);
    sw_channel_post_progress(progress->common->channel, &now);
}

static uint64_t count_messages(struct sw_loss loss) { return loss.first == 0 ? 0 : loss.last - loss.first + 1; }

void sw_progress_count_losses(struct progress *progress, const struct sw_loss_summary *losses) {
    progress->lost_unknown += count_messages(losses->unknown);
    progress->lost_unsent += count_messages(losses->unsent);
    progress->lost_not_handed += losses->not_handed;
}
