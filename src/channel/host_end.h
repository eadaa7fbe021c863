/* The host thread's end of a channel: what a client does with it.
 *
 * No function waits for the loop: each takes the channel's lock for a moment and, if the loop is to look at the channel,
 * hands it to the engine after that. Where no loop looks after the channel, what is posted stays for the next one.
 */
#ifndef SW_CHANNEL_HOST_END_H
#define SW_CHANNEL_HOST_END_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "channel/channel.h"
#include "channel/snapshot.h"

/* --- messages --- */

/* A message on its way out. */
struct sw_outgoing {
    const struct sw_slice *pieces; /* which form it */
    size_t count;
    uint32_t flags; /* 0 or SW_END_UNFRAMED */
    const struct sw_slice
        *pinned; /* one of the pieces, whose bytes stay where they are until they are given back: not to
                                    be copied; at most SW_PIN_MAX bytes. NULL: none */
    int pin;     /* the number that its owner knows it by: not 0 */
};

/* Puts it into the outbox: all or nothing. If it was accepted, what is pinned comes back by sw_engine_take_arrivals.
 * SW_FULL, SW_TOOBIG, SW_CLOSED, or SW_SYSTEM for no memory. */
enum sw_err sw_channel_send(struct sw_channel *channel, const struct sw_outgoing *message, uint64_t *id);

/* --- commands --- */

/* A command of that verb, or NULL: no memory. SW_CLOSE never fails. */
struct sw_command *sw_channel_command(struct sw_channel *channel, enum sw_verb verb);

/* Gives the command to the loop; connect, disconnect and close show `state` from now on. False: there is no loop to
 * carry it out; the command stays for the next one, for which the channel must be scheduled. */
bool sw_channel_post_command(struct sw_channel *channel, struct sw_command *command, enum sw_state state);

/* Has the loop look at the channel. False: there is none. */
bool sw_channel_schedule(struct sw_channel *channel);

/* There is no loop, and none can or need be started: takes back the commands that wait; the client is idle. */
void sw_channel_withdraw(struct sw_channel *channel);

/* Messages up to `id` need no replay any more. False: one of them was never handed over. */
bool sw_channel_post_confirmed(struct sw_channel *channel, uint64_t id);

/* What the host is done with. */
struct sw_credit {
    size_t bytes;     /* of the inbox, delivered: they count no longer */
    unsigned reports; /* likewise */
    ptrdiff_t told;   /* of the outbox: reports that were kept for their ranges and are told; less those kept anew */
};

/* The loop hears of it when it may read, dial or accept again. Large pages that are empty go to the pool, or are freed. */
void sw_channel_post_credit(struct sw_channel *channel, const struct sw_credit *credit, struct sw_pages *emptied);

/* The report from the reserved slot of the inbox was delivered: the loop may read, and use the slot, again. */
void sw_channel_post_reserve_free(struct sw_channel *channel);

/* What the script listens to from now on. */
void sw_channel_post_interest(struct sw_channel *channel, struct sw_interest interest);

/* The policy from now on: it applies after the commands that were posted before. */
void sw_channel_post_reconnect(struct sw_channel *channel, const struct sw_reconnect *reconnect);

/* The policy that was posted last. The host thread alone writes it, so it reads it without the lock. */
static inline const struct sw_reconnect *sw_channel_reconnect(const struct sw_channel *channel) {
    return &channel->slots.reconnect;
}

/* Asks the loop for copies of all unfinished messages; where no loop looks after the channel, the host makes them. Then
 * sw_channel_take_copy until it says true, or sw_channel_drop_copy; channels that are watched wake the host. */
void sw_channel_post_copy_wanted(struct sw_channel *channel);
bool sw_channel_take_copy(struct sw_channel *channel, struct sw_copy *copy);
void sw_channel_drop_copy(struct sw_channel *channel);

/* Takes the reference; NULL: no greeting. The loop fetches it when a connection opens. */
void sw_channel_set_greeting(struct sw_channel *channel, struct sw_greeting *greeting);

/* Closes a channel that no loop looks after: the host does what the loop would have done. */
void sw_channel_close_here(struct sw_channel *channel);

/* --- what came up --- */

/* Moves what came in to *delivery. */
void sw_channel_take(struct sw_channel *channel, struct sw_delivery *delivery);

/* How things are at this moment. */
void sw_channel_snapshot(struct sw_channel *channel, struct sw_snapshot *snapshot);

/* What the loop is to wake the host for, beside what comes in. */
void sw_channel_wake_on(struct sw_channel *channel, enum sw_wake_on wake_on);

/* Nobody will take what comes from now on. */
void sw_channel_orphan(struct sw_channel *channel);

#endif
