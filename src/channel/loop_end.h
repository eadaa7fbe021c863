/* The loop thread's end of a channel: what a connection does with it.
 *
 * The mirror image of host_end.h. The loop takes all that was posted down at once, when the engine hands it the channel;
 * messages it also takes by itself while a connection sends, since a busy host posts many of them for each look.
 */
#ifndef SW_CHANNEL_LOOP_END_H
#define SW_CHANNEL_LOOP_END_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "channel/channel.h"
#include "channel/snapshot.h"

/* --- what came down --- */

struct sw_batch {
    struct sw_command *commands; /* in order; for sw_commands_free */
    bool attached;               /* the channel is to be looked after */
    struct sw_slots slots;
};

/* Takes the commands, and the slots with what was posted to them; the next thing that the host posts has the engine list
 * the channel again. */
void sw_channel_take_batch(struct sw_channel *channel, struct sw_batch *batch);

/* What the loop is done with. */
struct sw_progress {
    const struct sw_gauges *gauges; /* how things stand now */
    size_t released;                /* bytes that count no longer */
    struct sw_pages
        *emptied; /* large pages: for the pool, which is open from then on; what it does not keep is freed */
};

struct sw_intake {
    struct sw_once *once;  /* messages for one connection only: a ring, see once.h */
    struct sw_pages pages; /* messages, if any */
    uint64_t fence;        /* last id that was accepted before the commands that wait to be taken, one of which may end
                              the connection; UINT64_MAX: none wait */
};

/* Takes the messages, if any. When there are none, the next one has the engine list the channel again. With progress, also
 * does what sw_channel_post_progress does: each time that the lock goes from core to core costs a busy host about as much
 * as a message. */
struct sw_intake sw_channel_take_messages(struct sw_channel *channel, const struct sw_progress *progress);

/* A reference to the greeting; NULL: none. */
struct sw_greeting *sw_channel_greeting(struct sw_channel *channel);

/* --- what goes up --- */

/* Posts a state, if `known` is the newest command; *ended as well, if not NULL. */
void sw_channel_post_state(struct sw_channel *channel, uint64_t known, enum sw_state state,
                           const struct sw_error *ended);

/* The same together with the report of it: state and report become visible at once. False: as sw_channel_post_report. */
bool sw_channel_post_state_with(struct sw_channel *channel, uint64_t known, enum sw_state state,
                                const struct sw_error *ended, const struct sw_report *report);

/* Puts `count` whole messages of `bytes` bytes in all. True: the inbox is full now, stop reading. */
bool sw_channel_post_messages(struct sw_channel *channel, struct sw_pages *pages, uint64_t count, size_t bytes);

/* False: as sw_inbox_can_report. Nothing is to be begun that could end; the credit slot tells when that is over. */
bool sw_channel_can_report(struct sw_channel *channel);

/* Puts a copy of the report. False: there was no memory; the reserved slot has a disconnect or error then, anything
 * else is dropped. */
bool sw_channel_post_report(struct sw_channel *channel, const struct sw_report *report);

/* Reports that messages up to `id` were acknowledged, if a handler listens; takes the place of such a report that is the
 * last and was not taken yet. False: still owed, for the inbox is full, or there was no memory. */
bool sw_channel_post_acked(struct sw_channel *channel, uint64_t id);

/* Posts the gauges, subtracts bytes and gives back pages that are done with, reports a drain that is due, wakes a host that
 * waits. */
void sw_channel_post_progress(struct sw_channel *channel, const struct sw_progress *progress);

/* Gives the host what it wanted; *copy is the channel's, and dropped if it is not wanted any more. */
void sw_channel_post_copy(struct sw_channel *channel, const struct sw_copy *copy);

/* Puts the last report ever; the channel is gone for the loop. */
void sw_channel_post_last(struct sw_channel *channel, const struct sw_report *report);

/* --- the page pool --- */

/* Up to `count` pages of the pool. */
struct sw_pages sw_channel_get_pages(struct sw_channel *channel, unsigned count);

/* Puts large pages into the pool, which is open from then on; frees those that it does not keep. */
void sw_channel_put_pages(struct sw_channel *channel, struct sw_pages *pages);

/* From time to time: frees the pages that were not needed since the last time; of an idle client all. */
void sw_channel_sweep_pool(struct sw_channel *channel, bool is_idle);

/* Connection `number` is open, or none is (0): what comes for another one is refused. */
void sw_channel_set_connection(struct sw_channel *channel, uint32_t number);

/* --- the channel --- */

/* The client is collected: nobody is left to be told anything. */
bool sw_channel_is_orphaned(struct sw_channel *channel);

/* The gauges as they were posted last: what an earlier loop counted. */
void sw_channel_gauges(struct sw_channel *channel, struct sw_gauges *gauges);

/* The loop no longer looks after the channel; a connect command may change that. */
void sw_channel_detach(struct sw_channel *channel);

#endif
