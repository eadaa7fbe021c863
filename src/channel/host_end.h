/* The functions of a channel for the host thread.
 *
 * No function waits for the loop. Each holds the channel's lock for a moment; if it has posted something, it then puts
 * the channel into the engine's list for the loop. If no loop handles the channel, what was posted stays there for the
 * next loop.
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

/* A message to be sent. */
struct sw_outgoing {
    const struct sw_slice *pieces; /* together the message, with its framing */
    size_t count;                  /* of pieces */
    uint32_t flags;                /* 0 or SW_END_UNFRAMED */
    /* One of the pieces, at most SW_PIN_MAX bytes, which is not copied: its bytes stay unchanged until its page comes
     * back by sw_engine_take_arrivals. NULL: all pieces are copied. */
    const struct sw_slice *pinned;
    int pin;             /* number of the pinned string in the table of host/pin.h; 0: no piece is pinned */
    bool is_bound;       /* it is for one connection only; with retain = "none", no other one sends it ... */
    uint32_t connection; /* ... and this is its number */
};

/* Puts the whole message into the outbox and sets *id, or does nothing and returns SW_FULL, SW_TOOBIG, SW_CLOSED (also
 * if the connection that it is bound to has ended, or is to end), or SW_SYSTEM (no memory). */
enum sw_err sw_channel_send(struct sw_channel *channel, const struct sw_outgoing *message, uint64_t *id);

/* Gives the loop a message for connection number `connection` only, and takes it. SW_CLOSED: that has ended, or is to end;
 * SW_FULL, SW_TOOBIG: as sw_channel_send. It is freed then. */
enum sw_err sw_channel_post_once(struct sw_channel *channel, struct sw_once *once, uint32_t connection);

/* --- commands --- */

/* A new command with this verb. NULL: no memory, which does not happen with SW_CLOSE. */
struct sw_command *sw_channel_command(struct sw_channel *channel, enum sw_verb verb);

/* Posts the command. Except with SW_SERVER, the client's state is `state` from now on. False: there is no loop; the
 * command stays in the channel, and sw_channel_schedule must follow once there is one. */
bool sw_channel_post_command(struct sw_channel *channel, struct sw_command *command, enum sw_state state);

/* Puts the channel into the engine's list for the loop. False: there is no loop. */
bool sw_channel_schedule(struct sw_channel *channel);

/* For a channel without a loop, if none can be started: frees the commands that wait. The client's state becomes
 * idle. */
void sw_channel_withdraw_commands(struct sw_channel *channel);

/* Notes that the script has confirmed messages up to `id`. False: message `id` was never given to a connection. */
bool sw_channel_post_confirmed(struct sw_channel *channel, uint64_t id);

/* What connection number `connection` has brought cannot be decoded: the loop ends it, if it is still open, as it does
 * when it finds that itself. */
void sw_channel_post_bad_frame(struct sw_channel *channel, uint32_t connection);

/* What the host has delivered since it last posted credit. */
struct sw_credit {
    size_t bytes;     /* to subtract from the inbox's bytes */
    unsigned reports; /* to subtract from the inbox's undelivered reports */
    int kept_reports; /* to subtract from the outbox's kept_reports; negative: the host has kept further ones */
};

/* Subtracts the credit. If the loop waits for it (to read, to start an attempt, to report a drain), posts the credit
 * slot. Puts `emptied`, large pages, into the pool, or frees them. */
void sw_channel_post_credit(struct sw_channel *channel, const struct sw_credit *credit, struct sw_pages *emptied);

/* Notes that the report in the reserved slot of the inbox was delivered: the loop may read and start attempts again. */
void sw_channel_post_reserve_free(struct sw_channel *channel);

/* Posts what the script wants to be told from now on. */
void sw_channel_post_interest(struct sw_channel *channel, struct sw_interest interest);

/* Posts a new policy. It applies after the commands that were posted before. */
void sw_channel_post_reconnect(struct sw_channel *channel, const struct sw_reconnect *reconnect);

/* The policy that was posted last. Only the host thread writes it, so it needs no lock to read it. */
static inline const struct sw_reconnect *sw_channel_reconnect(const struct sw_channel *channel) {
    return &channel->slots.reconnect;
}

/* Asks the loop for a copy of all unfinished messages. The caller then repeats sw_channel_take_copy until that returns
 * true, or gives up with sw_channel_drop_copy. While wake_on is not SW_WAKE_ON_ARRIVAL, the copy wakes the host. If no
 * loop handles the channel, sw_channel_take_copy makes the copy itself. */
void sw_channel_post_copy_request(struct sw_channel *channel);
bool sw_channel_take_copy(struct sw_channel *channel, struct sw_copy *copy);
void sw_channel_drop_copy(struct sw_channel *channel);

/* Sets the greeting of later connections and takes over the caller's reference. NULL: no greeting. */
void sw_channel_set_greeting(struct sw_channel *channel, struct sw_greeting *greeting);

/* Closes a channel that no loop handles: reports the outbox lost, and posts the close report. */
void sw_channel_close_without_loop(struct sw_channel *channel);

/* --- messages, reports and state from the loop --- */

/* Moves the inbox's messages and reports to *delivery, when the channel was taken from the engine's list. */
void sw_channel_take(struct sw_channel *channel, struct sw_delivery *delivery);

/* The same at any other moment. The loop puts the channel into the list after it has put something into the inbox, and
 * a snapshot may show a state in between: what came before that state is in the inbox already. */
void sw_channel_take_early(struct sw_channel *channel, struct sw_delivery *delivery);

/* Copies the state and the counters at this moment. */
void sw_channel_snapshot(struct sw_channel *channel, struct sw_snapshot *snapshot);

/* A new reference to the causes of the snapshot's `ended`. NULL: they are not known, or something else has ended
 * since. */
struct sw_causes *sw_channel_causes(struct sw_channel *channel, const struct sw_error *ended);

/* Sets which changes wake the host, beside messages and reports. */
void sw_channel_set_wake_on(struct sw_channel *channel, enum sw_wake_on wake_on);

/* Notes that the client was collected: the loop need not wake the host for this channel any more. */
void sw_channel_orphan(struct sw_channel *channel);

#endif
