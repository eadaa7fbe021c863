#include "channel/loop_end.h"

#include <stdlib.h>

#include "channel/engine.h"
#include "channel/thread.h"

/* Without the lock: if must_post, puts the channel into the engine's list for the host and wakes the host if it sleeps.
 * Else, if `wake`, only wakes the host if it sleeps. */
static void notify_host(struct sw_channel *channel, bool must_post, bool wake) {
    if (must_post)
        sw_channel_post_up(channel);
    else if (wake)
        sw_engine_post_up(channel->engine, NULL);
}

/* With the lock held. True: the host sleeps until the state changes, the inbox fills or a copy comes, so each of them
 * must wake it (snapshot.h). */
static bool waits_for_state(const struct sw_channel *channel) { return channel->wake_on != SW_WAKE_ON_ARRIVAL; }

void sw_channel_take_batch(struct sw_channel *channel, struct sw_batch *batch) {
    SW_ON_LOOP_THREAD();
    sw_channel_lock(channel);
    channel->posted = false;
    batch->commands = channel->commands;
    channel->commands = NULL;
    channel->commands_tail = &channel->commands;
    batch->attached = channel->attached;
    batch->slots = channel->slots;
    batch->slots.can_report = sw_inbox_can_report(&channel->in);
    batch->slots.has_credit = !channel->in.paused && !channel->in.reserve_used;
    batch->slots.pages =
        (uint8_t)sw_outbox_count_wanted_pages(&channel->out, &channel->pool, channel->options->queue_limit);
    if (batch->slots.pages > 0) batch->slots.posted |= SW_SLOT_PAGES;
    channel->slots.posted = 0;
    sw_channel_unlock(channel);
}

/* With the lock held: opens the pool and moves pages into it. The caller frees those that remain in `pages`, after it
 * has released the lock. */
static void put_pages(struct sw_channel *channel, struct sw_pages *pages) {
    sw_pool_open(&channel->pool);
    sw_pool_put(&channel->pool, pages, sw_channel_pool_room(channel));
}

/* What the loop must do for the host after progress was applied and the lock was released. */
struct notice {
    bool drain; /* post a drain report */
    bool wake;  /* wake the host, which sleeps until the gauges change */
};

/* With the lock held: updates the gauges, the outbox and the pool. */
static struct notice apply_progress(struct sw_channel *channel, const struct sw_progress *progress) {
    channel->gauges = *progress->gauges;
    bool drain = sw_outbox_release(&channel->out, progress->released, channel->options->queue_limit);
    put_pages(channel, progress->emptied);
    return (struct notice){drain, channel->wake_on == SW_WAKE_ON_GAUGES};
}

/* Without the lock. */
static void give_notice(struct sw_channel *channel, struct notice notice) {
    notify_host(channel, false, notice.wake);
    if (!notice.drain) return;
    const struct sw_report report = {.event = SW_EVENT_DRAIN};
    if (sw_channel_post_report(channel, &report)) return;
    /* There was no memory for the report. With a refused size, sw_outbox_release says again that a drain report is due,
     * so later progress tries again. */
    sw_channel_lock(channel);
    if (channel->out.refused_size == 0) channel->out.refused_size = 1;
    sw_channel_unlock(channel);
}

void sw_channel_post_progress(struct sw_channel *channel, const struct sw_progress *progress) {
    SW_ON_LOOP_THREAD();
    sw_channel_lock(channel);
    struct notice notice = apply_progress(channel, progress);
    sw_channel_unlock(channel);
    sw_pages_free(progress->emptied);
    give_notice(channel, notice);
}

struct sw_intake sw_channel_take_messages(struct sw_channel *channel, const struct sw_progress *progress) {
    SW_ON_LOOP_THREAD();
    struct notice notice = {false, false};
    sw_channel_lock(channel);
    if (progress != NULL) notice = apply_progress(channel, progress);
    struct sw_intake intake = {
        .pages = channel->out.pages,
        .once = channel->once,
        .fence = channel->commands != NULL ? channel->commands->fence : UINT64_MAX,
    };
    channel->out.pages = (struct sw_pages){NULL, NULL};
    channel->once = NULL;
    if (intake.pages.head == NULL) channel->out.notified = false;
    sw_channel_unlock(channel);
    if (progress != NULL) sw_pages_free(progress->emptied);
    give_notice(channel, notice);
    return intake;
}

void sw_channel_set_connection(struct sw_channel *channel, uint32_t number) {
    SW_ON_LOOP_THREAD();
    sw_channel_lock(channel);
    channel->connection = number;
    sw_channel_unlock(channel);
}

struct sw_pages sw_channel_get_pages(struct sw_channel *channel, unsigned count) {
    SW_ON_LOOP_THREAD();
    struct sw_pages pages = {NULL, NULL};
    sw_channel_lock(channel);
    for (; count > 0 && channel->pool.count > 0; count--) sw_pages_add(&pages, sw_pool_get(&channel->pool));
    sw_channel_unlock(channel);
    return pages;
}

void sw_channel_put_pages(struct sw_channel *channel, struct sw_pages *pages) {
    SW_ON_LOOP_THREAD();
    sw_channel_lock(channel);
    put_pages(channel, pages);
    sw_channel_unlock(channel);
    sw_pages_free(pages);
}

void sw_channel_sweep_pool(struct sw_channel *channel, bool is_idle) {
    SW_ON_LOOP_THREAD();
    sw_channel_lock(channel);
    struct sw_pages unneeded = is_idle ? sw_pool_close(&channel->pool) : sw_pool_trim(&channel->pool);
    sw_channel_unlock(channel);
    sw_pages_free(&unneeded);
}

/* With the lock held: sets the state, unless the host has posted a command that the loop has not taken. False: it
 * has. */
static bool set_state(struct sw_channel *channel, uint64_t known, const struct sw_standing *standing) {
    if (known != channel->command) return false;
    channel->state = standing->state;
    channel->server = standing->server;
    channel->attempt_due = standing->attempt_due;
    if (standing->ended.err == SW_OK) return true;
    channel->ended = standing->ended;
    channel->ended_server = standing->ended_server;
    return true;
}

/* With the lock held: keeps the causes of the report that is posted with the state. Returns those of the last one, to be
 * freed without the lock. A state that comes without a report leaves them: sw_channel_causes compares. */
static struct sw_causes *keep_causes(struct sw_channel *channel, const struct sw_report *report) {
    struct sw_causes *last = channel->causes;
    channel->causes = sw_causes_ref(sw_report_causes(report));
    return last;
}

void sw_channel_post_state(struct sw_channel *channel, uint64_t known, const struct sw_standing *standing) {
    SW_ON_LOOP_THREAD();
    sw_channel_lock(channel);
    set_state(channel, known, standing);
    bool wake = waits_for_state(channel);
    sw_channel_unlock(channel);
    notify_host(channel, false, wake);
}

/* With the lock held: pauses reading if the inbox is full. True: the host waits for that, and the caller must wake it
 * after it has released the lock. */
static bool pause_if_full(struct sw_channel *channel) {
    if (channel->in.paused || channel->in.bytes < channel->options->inbox_limit) return false;
    channel->in.paused = true;
    return waits_for_state(channel);
}

/* The chain has one page. Moves its messages to a new page of `size` bytes, which has room for further messages.
 * Changes nothing if there is no memory. */
static void move_to_larger_page(struct sw_pages *pages, size_t size) {
    struct sw_page *larger = sw_page_new(size);
    if (larger == NULL) return;
    if (!sw_page_absorb(larger, pages->head)) {
        sw_page_free(larger);
        return;
    }
    sw_pages_free(pages);
    sw_pages_add(pages, larger);
}

bool sw_channel_post_messages(struct sw_channel *channel, struct sw_pages *pages, uint64_t count, size_t bytes) {
    SW_ON_LOOP_THREAD();
    sw_pages_compact(pages);
    bool is_small = pages->head == pages->tail && sw_page_is_nearly_empty(pages->head);
    sw_channel_lock(channel);
    bool is_merged = is_small && sw_inbox_merge(&channel->in, pages->head, count, bytes);
    size_t untaken = channel->in.untaken;
    /* The last page of the inbox has no room. If the host took nothing, many small pages would follow. So the messages
     * move to a page as large as all that waits, and sw_inbox_merge can add the next ones to that page. */
    if (is_small && !is_merged && untaken >= pages->head->size) {
        sw_channel_unlock(channel);
        move_to_larger_page(pages, untaken);
        sw_channel_lock(channel);
    }
    if (!is_merged) sw_inbox_put(&channel->in, pages, count, bytes);
    bool must_post = sw_channel_claim_up(channel), wake = pause_if_full(channel);
    bool paused = channel->in.paused;
    struct sw_pages excess = sw_pool_shrink(&channel->pool, sw_channel_pool_room(channel), SIZE_MAX);
    sw_channel_unlock(channel);
    sw_pages_free(&excess);
    if (is_merged) sw_pages_free(pages);
    notify_host(channel, must_post, wake);
    return paused;
}

bool sw_channel_can_report(struct sw_channel *channel) {
    sw_channel_lock(channel);
    bool can = sw_inbox_can_report(&channel->in);
    sw_channel_unlock(channel);
    return can;
}

/* True: a log report may be posted. It is dropped if no handler is set, or if many reports wait, so that log reports
 * never fill the inbox. */
static bool wants_log(struct sw_channel *channel) {
    sw_channel_lock(channel);
    bool wanted = channel->slots.interest.log && !channel->in.paused && channel->in.reports.count < SW_REPORTS_UNMERGED;
    sw_channel_unlock(channel);
    return wanted;
}

static struct sw_report *copy_report(const struct sw_report *report) {
    struct sw_report *copy = malloc(sizeof *copy);
    if (copy == NULL) return NULL;
    *copy = *report;
    sw_causes_ref(sw_report_causes(copy));
    sw_bad_frame_ref(sw_report_bad_frame(copy));
    return copy;
}

/* What a report has lost, because the inbox has no room for it; to be freed without the lock. */
struct cut {
    struct sw_partial *partial;
    struct sw_causes *causes;
    struct sw_bad_frame *bad_frame;
};

static void free_cut(struct cut cut) {
    free(cut.partial);
    sw_causes_unref(cut.causes);
    sw_bad_frame_unref(cut.bad_frame);
}

/* With the lock held: takes the unfinished message, the causes and the bad frame from a report for which the inbox has no room with
 * them. NULL: there was no memory for a copy of the `original`, whose message then belongs to nobody. */
static struct cut cut_report(const struct sw_channel *channel, struct sw_report *report,
                             const struct sw_report *original) {
    if (report == NULL) return (struct cut){.partial = original->partial};
    size_t limit = channel->options->inbox_limit, cost = sw_report_cost(report);
    if (channel->in.bytes < limit && cost <= limit - channel->in.bytes) return (struct cut){.partial = NULL};
    struct cut cut = {report->partial, sw_report_causes(report), sw_report_bad_frame(report)};
    report->lacks_partial = report->lacks_partial || cut.partial != NULL;
    report->lacks_causes = report->lacks_causes || cut.causes != NULL;
    report->partial = NULL;
    if (cut.causes != NULL) report->causes = NULL;
    if (cut.bad_frame != NULL) report->bad_frame = NULL;
    return cut;
}

/* With the lock held: adds *copy to the inbox, which then owns it. If *copy is NULL (no memory), puts a `report` that
 * must not be lost into the reserved slot, and drops any other. Afterwards *copy is the list of reports that the inbox
 * has merged away, or NULL: the caller frees it after it has released the lock. Returns the same as
 * sw_channel_claim_up. */
static bool put_report(struct sw_channel *channel, struct sw_report **copy, const struct sw_report *report) {
    bool must_not_be_lost = report->event == SW_EVENT_DISCONNECT || report->event == SW_EVENT_ERROR;
    if (*copy != NULL) {
        const struct sw_add_result added = sw_inbox_report(&channel->in, *copy);
        channel->out.kept_reports += added.kept;
        *copy = added.dropped;
    } else if (must_not_be_lost) {
        sw_inbox_put_reserved(&channel->in, report);
    } else {
        return false;
    }
    return sw_channel_claim_up(channel);
}

bool sw_channel_post_state_with(struct sw_channel *channel, uint64_t known, const struct sw_standing *standing,
                                const struct sw_report *report) {
    SW_ON_LOOP_THREAD();
    struct sw_report *copy = copy_report(report);
    bool has_memory = copy != NULL;
    sw_channel_lock(channel);
    struct cut unwanted = cut_report(channel, copy, report);
    struct sw_causes *last = set_state(channel, known, standing) ? keep_causes(channel, report) : NULL;
    bool must_post = put_report(channel, &copy, report);
    bool wake = must_post || waits_for_state(channel);
    sw_channel_unlock(channel);
    sw_reports_free(copy);
    free_cut(unwanted);
    sw_causes_unref(last);
    notify_host(channel, must_post, wake);
    return has_memory;
}

bool sw_channel_post_report(struct sw_channel *channel, const struct sw_report *report) {
    if (report->event == SW_EVENT_LOG && !wants_log(channel)) return true;
    struct sw_report *copy = copy_report(report);
    bool has_memory = copy != NULL;
    sw_channel_lock(channel);
    struct cut unwanted = cut_report(channel, copy, report);
    bool must_post = put_report(channel, &copy, report);
    bool wake = !has_memory && waits_for_state(channel); /* a report in the reserved slot pauses reading */
    sw_channel_unlock(channel);
    sw_reports_free(copy);
    free_cut(unwanted);
    notify_host(channel, must_post, wake);
    return has_memory;
}

/* With the lock held: if the newest report is an acked report, extends it to message `id`. Else returns false. */
static bool extend_acked(struct sw_channel *channel, uint64_t id) {
    struct sw_report *newest = sw_reports_newest(&channel->in.reports);
    if (newest == NULL || newest->event != SW_EVENT_ACKED) return false;
    newest->acked = id;
    newest->after = channel->in.messages;
    return true;
}

bool sw_channel_post_acked(struct sw_channel *channel, uint64_t id) {
    SW_ON_LOOP_THREAD();
    sw_channel_lock(channel);
    bool is_done = !channel->slots.interest.acked || extend_acked(channel, id);
    bool full = channel->in.paused || channel->in.bytes >= channel->options->inbox_limit;
    sw_channel_unlock(channel);
    const struct sw_report report = {.event = SW_EVENT_ACKED, .acked = id};
    return is_done || (!full && sw_channel_post_report(channel, &report));
}

struct sw_greeting *sw_channel_greeting(struct sw_channel *channel) {
    SW_ON_LOOP_THREAD();
    sw_channel_lock(channel);
    struct sw_greeting *greeting = sw_greeting_ref(channel->greeting);
    sw_channel_unlock(channel);
    return greeting;
}

void sw_channel_post_copy(struct sw_channel *channel, const struct sw_copy *copy) {
    sw_channel_lock(channel);
    struct sw_pages unwanted = copy->pages;
    /* The host has asked again and waits for a newer copy. This one may lack messages that it has sent meanwhile. */
    bool is_asked_again = channel->slots.posted & SW_SLOT_COPY;
    bool is_wanted = channel->copy_awaited && !is_asked_again;
    if (is_wanted) {
        unwanted = (struct sw_pages){NULL, NULL};
        channel->copy = *copy;
        channel->copy_awaited = false;
    }
    bool wake = is_wanted && waits_for_state(channel);
    sw_channel_unlock(channel);
    sw_pages_free(&unwanted);
    notify_host(channel, false, wake);
}

void sw_channel_gauges(struct sw_channel *channel, struct sw_gauges *gauges) {
    sw_channel_lock(channel);
    *gauges = channel->gauges;
    sw_channel_unlock(channel);
}

bool sw_channel_is_orphaned(struct sw_channel *channel) {
    sw_channel_lock(channel);
    bool is = channel->orphaned;
    sw_channel_unlock(channel);
    return is;
}

void sw_channel_detach(struct sw_channel *channel) {
    sw_channel_lock(channel);
    channel->attached = channel->commands != NULL; /* the loop must first handle the commands */
    sw_channel_unlock(channel);
}

void sw_channel_post_last(struct sw_channel *channel, const struct sw_report *report) {
    SW_ON_LOOP_THREAD();
    sw_channel_lock(channel);
    sw_channel_mark_gone(channel);
    sw_inbox_put_final(&channel->in, report);
    bool must_post = sw_channel_claim_up(channel);
    sw_channel_unlock(channel);
    sw_channel_drop_greeting(channel);
    notify_host(channel, must_post, true); /* also wakes a host that waits for `gone` */
}
