/* The functions of a channel for the loop thread; host_end.h has those for the host thread.
 *
 * When the loop takes a channel from the engine's list, it takes all commands and slots at once. It takes messages also
 * while a connection sends, without waiting for the list, because a busy host posts many messages meanwhile.
 */
#ifndef SW_CHANNEL_LOOP_END_H
#define SW_CHANNEL_LOOP_END_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "channel/channel.h"
#include "channel/snapshot.h"

/* --- commands and messages from the host --- */

struct sw_batch {
    struct sw_command *commands; /* in order; the caller frees them by sw_commands_free */
    bool attached;               /* the loop must handle this channel */
    struct sw_slots slots;
};

/* Takes the commands and the slots. When the host posts again, it puts the channel into the engine's list again. */
void sw_channel_take_batch(struct sw_channel *channel, struct sw_batch *batch);

/* The loop's progress with messages to send. */
struct sw_progress {
    const struct sw_gauges *gauges; /* all counters, with their present values */
    size_t released;                /* bytes that no longer count against queue_limit */
    struct sw_pages *emptied;       /* empty large pages: they go to the pool, which this opens, or are freed */
};

struct sw_intake {
    struct sw_once *once;  /* messages for one connection only: a ring, see once.h */
    struct sw_pages pages; /* messages, if any */
    uint64_t fence;        /* last id accepted before the first waiting command, which may end the connection;
                              UINT64_MAX: no command waits */
};

/* Takes all messages of the outbox. If there are none, the host's next message puts the channel into the engine's list
 * again. If progress is not NULL, also does the work of sw_channel_post_progress, to take the lock only once: each
 * transfer of the lock between cores costs a busy host about as much as a message. */
struct sw_intake sw_channel_take_messages(struct sw_channel *channel, const struct sw_progress *progress);

/* A new reference to the greeting. NULL: there is none. */
struct sw_greeting *sw_channel_greeting(struct sw_channel *channel);

/* --- messages, reports and state for the host --- */

/* Sets the client's state, and its last error if `ended` is not NULL. `known` is the number of the newest command that
 * the loop has taken; if the host has posted a newer one, nothing changes. */
void sw_channel_post_state(struct sw_channel *channel, uint64_t known, enum sw_state state,
                           const struct sw_error *ended);

/* Does the same and posts a report, so that the host sees both or neither. Returns the same as
 * sw_channel_post_report. */
bool sw_channel_post_state_with(struct sw_channel *channel, uint64_t known, enum sw_state state,
                                const struct sw_error *ended, const struct sw_report *report);

/* Posts pages with `count` whole messages of `bytes` bytes together. True: the inbox is full, and the loop must stop
 * reading. */
bool sw_channel_post_messages(struct sw_channel *channel, struct sw_pages *pages, uint64_t count, size_t bytes);

/* False: no attempt may be started (sw_inbox_can_report). The host posts the credit slot when one may be started
 * again. */
bool sw_channel_can_report(struct sw_channel *channel);

/* Posts a copy of the report. False: no memory; a disconnect or error report is then in the reserved slot, any other is
 * dropped. */
bool sw_channel_post_report(struct sw_channel *channel, const struct sw_report *report);

/* Reports that messages up to `id` were acknowledged, if a handler for that is set. If the newest report is an acked
 * report that the host has not taken, changes that one. False: the inbox is full or there is no memory; the caller
 * tries again later. */
bool sw_channel_post_acked(struct sw_channel *channel, uint64_t id);

/* Posts the progress. Also reports a drain if one is due, and wakes a host that waits for the gauges. */
void sw_channel_post_progress(struct sw_channel *channel, const struct sw_progress *progress);

/* Gives the host the copy of unfinished messages. Frees it if the host no longer waits for it. */
void sw_channel_post_copy(struct sw_channel *channel, const struct sw_copy *copy);

/* Posts the close report and marks the channel as gone. The loop does not use the channel afterwards. */
void sw_channel_post_last(struct sw_channel *channel, const struct sw_report *report);

/* --- the page pool --- */

/* Takes up to `count` pages from the pool. */
struct sw_pages sw_channel_get_pages(struct sw_channel *channel, unsigned count);

/* Opens the pool and puts large pages into it. Frees those for which it has no room. */
void sw_channel_put_pages(struct sw_channel *channel, struct sw_pages *pages);

/* The loop calls this every SW_SWEEP seconds. Frees the pages that were not needed since the last call, or all pages if
 * the client is idle. */
void sw_channel_sweep_pool(struct sw_channel *channel, bool is_idle);

/* Connection `number` is open, or none is (0): what comes for another one is refused. */
void sw_channel_set_connection(struct sw_channel *channel, uint32_t number);

/* --- the channel --- */

/* The client is collected: nobody is left to be told anything. */
bool sw_channel_is_orphaned(struct sw_channel *channel);

/* The gauges as they were posted last: what an earlier loop counted. */
void sw_channel_gauges(struct sw_channel *channel, struct sw_gauges *gauges);

/* Notes that the loop no longer handles the channel, unless commands wait. A connect command attaches it again. */
void sw_channel_detach(struct sw_channel *channel);

#endif
