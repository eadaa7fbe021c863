/* One client's channel: all that its host side and its loop side share.
 *
 * The host holds a client (userdata), the loop holds a connection; neither points to the other. Between them stand an
 * outbox, an inbox, a list of commands and a few gauges behind one lock. Counted: by the client, by the connection, and
 * by each engine list that it stands in.
 */
#ifndef SW_CHANNEL_CHANNEL_H
#define SW_CHANNEL_CHANNEL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/options.h"
#include "base/state.h"
#include "channel/command.h"
#include "channel/greeting.h"
#include "channel/inbox.h"
#include "channel/outbox.h"

struct sw_engine;

/* Counters that the loop keeps (sw_channel_close_here, where there is none) and the host reads. accepted = queued +
 * in_flight + finished + lost, where accepted is the outbox's last_id. */
struct sw_gauges {
    uint64_t in_flight;   /* messages handed to the kernel whole, neither finished nor given up */
    uint64_t finished;    /* acknowledged by the peer's TCP; under SW_RETAIN_UNCONFIRMED: confirmed */
    uint64_t lost_unsent; /* reported with that fate */
    uint64_t lost_unknown;
    uint64_t lost_cut; /* of the unknown: given to the kernel in part only */
    uint64_t handed;   /* newest id handed to the kernel whole, by the last connection that there was, or given up */
    uint64_t reached;  /* newest id that any connection was given, or that was given up */
    uint64_t sent_bytes, received_bytes;
    uint64_t connects; /* connections that were ready */
    uint64_t failures; /* attempts and connections that failed, in a row */
};

/* Copies of the unfinished messages. */
struct sw_copy {
    struct sw_pages pages;
    uint64_t first; /* id of the first */
    bool failed;    /* no memory */
};

static inline uint64_t sw_gauges_not_queued(const struct sw_gauges *gauges) {
    return gauges->in_flight + gauges->finished + gauges->lost_unsent + gauges->lost_unknown;
}

struct sw_channel {
    atomic_int refs;
    struct sw_engine *engine;  /* one reference */
    struct sw_options options; /* never changes */
    atomic_int fd;             /* loop writes: its socket or -1; only a forked child reads it, to close it */
    void *owner;               /* host thread only: the client, NULL once that is collected */
    void *conn;                /* loop thread only: the connection, NULL before the first command and after the last */

    /* Guarded by the engine's lock. */
    struct sw_channel *next_dirty, *next_ready;

    pthread_mutex_t lock; /* guards what follows */
    struct sw_outbox out;
    struct sw_inbox in;
    struct sw_command *commands, **commands_tail; /* host adds, loop takes and frees */
    struct sw_command close_command;              /* so that closing needs no memory */
    uint64_t command;                             /* host: number of the newest command */
    enum sw_state state; /* what scripts see: host at a command, loop when it knows the newest command */
    bool attached;  /* host sets with the first connect, loop clears when it drops the connection: the loop knows it */
    bool dirty;     /* host sets, loop clears: stands in the engine's dirty list */
    bool silent;    /* host: collected, nobody is left to be told anything */
    bool watched;   /* host: sleeps until the state or the gauges change */
    bool discard;   /* host: on = { message = false } */
    bool wants_log; /* host: there is a handler for log */
    bool wants_acked;             /* host: and one for acked */
    uint64_t confirmed;           /* host: newest id that the script confirmed */
    struct sw_greeting *greeting; /* host: one reference, for the next connection; NULL: none */
    bool copy_wanted;             /* host sets, loop clears when it has put the copy */
    struct sw_copy copy;          /* loop puts, host takes */
    struct sw_error ended;        /* loop: why the last connection or attempt ended; err = SW_OK: never */
    struct sw_gauges gauges;
};

/* A new channel with one reference, or NULL: no memory. */
struct sw_channel *sw_channel_new(struct sw_engine *engine, const struct sw_options *options);
struct sw_channel *sw_channel_ref(struct sw_channel *channel);
void sw_channel_unref(struct sw_channel *channel);

/* --- host thread --- */

/* Puts one message, given in pieces, into the outbox: all or nothing. flags: 0 or SW_END_LOOSE. SW_FULL, SW_TOOBIG,
 * SW_CLOSED, or SW_SYSTEM for no memory. */
enum sw_err sw_channel_send(struct sw_channel *channel, const struct sw_slice *pieces, size_t count, uint32_t flags,
                            uint64_t *id);

/* Messages up to `id` need no replay any more. False: one of them was never handed over. */
bool sw_channel_confirm(struct sw_channel *channel, uint64_t id);

/* Takes the reference; NULL: no greeting. */
void sw_channel_set_greeting(struct sw_channel *channel, struct sw_greeting *greeting);

/* Asks the loop for copies of all unfinished messages; where no loop looks after the channel, the host makes them. Then
 * sw_channel_take_copy until it says true; `watched` channels wake the host. */
void sw_channel_want_copy(struct sw_channel *channel);
bool sw_channel_take_copy(struct sw_channel *channel, struct sw_copy *copy);

/* A command of that verb, or NULL: no memory. SW_CLOSE never fails. */
struct sw_command *sw_channel_command(struct sw_channel *channel, enum sw_verb verb);

/* Gives the command to the loop; connect, disconnect and close show `state` from now on. False: there is no loop to
 * carry it out; the command stays for the next one, to which the channel must be announced. */
bool sw_channel_order(struct sw_channel *channel, struct sw_command *command, enum sw_state state);

/* There is no loop, and none can be started: takes back the commands that wait; the client is idle. */
void sw_channel_withdraw(struct sw_channel *channel);

/* Has the loop look at the channel. False: there is none. */
bool sw_channel_announce(struct sw_channel *channel);

/* The loop is to wake the host at every change of state or gauges. */
void sw_channel_watch(struct sw_channel *channel, bool watched);

/* Nobody will take what comes from now on. */
void sw_channel_silence(struct sw_channel *channel);

/* What scripts may ask at any time, in one consistent look. */
struct sw_view {
    enum sw_state state;
    bool attached, paused, undelivered;
    bool gone; /* closed, and its socket too */
    uint64_t accepted;
    size_t queue_bytes, inbox_bytes;
    struct sw_error ended;
    struct sw_gauges gauges;
};
void sw_channel_look(struct sw_channel *channel, struct sw_view *view);

/* Queued messages by the equation above. */
static inline uint64_t sw_view_queued(const struct sw_view *view) {
    return view->accepted - sw_gauges_not_queued(&view->gauges);
}

struct sw_wishes {
    bool discard;                /* messages are thrown away */
    bool wants_log, wants_acked; /* somebody listens */
};
void sw_channel_set_wishes(struct sw_channel *channel, struct sw_wishes wishes);

/* Moves what came in to *delivery. */
void sw_channel_take(struct sw_channel *channel, struct sw_delivery *delivery);

/* The report from the reserved slot was delivered: the loop may use the slot again. */
void sw_channel_free_reserve(struct sw_channel *channel);

/* Delivered bytes no longer count; wakes the loop when that lets it read again. */
void sw_channel_delivered(struct sw_channel *channel, size_t bytes);

/* Closes a channel that no loop looks after: the host does what the loop would have done. */
void sw_channel_close_here(struct sw_channel *channel);

/* --- loop thread --- */

struct sw_batch {
    struct sw_command *commands; /* for sw_commands_free */
    bool attached;               /* the channel is to be looked after */
    bool paused;                 /* the inbox is full: do not read, do not connect */
    bool reserve_free;
    bool discard;
    bool copy_wanted;
    uint64_t confirmed;
};

/* Takes the commands; from now on the host may put the channel on the dirty list again. */
void sw_channel_collect(struct sw_channel *channel, struct sw_batch *batch);

/* Takes the messages, if any, and gives back pages that are spent, for the host to fill again; *spent is empty then.
 * When there are no messages, the next one will announce the channel again. Returns the last id that was accepted
 * before the commands that wait to be collected (UINT64_MAX: none wait), for one of them may say that later messages
 * are not meant for this connection. */
uint64_t sw_channel_take_messages(struct sw_channel *channel, struct sw_pages *pages, struct sw_pages *spent);

/* Frees the pages that the host has not filled again: the client is idle. */
void sw_channel_trim(struct sw_channel *channel);

/* Shows a state, if `known` is the newest command; *ended as well, if not NULL. */
void sw_channel_show(struct sw_channel *channel, uint64_t known, enum sw_state state, const struct sw_error *ended);

/* The same together with the report of it: who has waited for the state finds the event queued, and a handler of the
 * event finds the state. False: as sw_channel_report. */
bool sw_channel_show_with(struct sw_channel *channel, uint64_t known, enum sw_state state, const struct sw_error *ended,
                          const struct sw_report *report);

/* Puts `count` whole messages of `bytes` bytes in all. True: the inbox is full now, stop reading. */
bool sw_channel_put(struct sw_channel *channel, struct sw_pages *pages, uint64_t count, size_t bytes);

/* True when the inbox is full, be it with reports: nothing is to be begun that would add to it. */
bool sw_channel_is_full(struct sw_channel *channel);

/* Puts a copy of the report. False: there was no memory; the reserved slot has a disconnect or error then, anything
 * else is dropped. */
bool sw_channel_report(struct sw_channel *channel, const struct sw_report *report);

/* Reports that messages up to `id` were acknowledged, if somebody listens; takes the place of such a report that is the
 * last and was not taken yet. */
void sw_channel_acked(struct sw_channel *channel, uint64_t id);

/* A reference to the greeting; NULL: none. */
struct sw_greeting *sw_channel_greeting(struct sw_channel *channel);

/* Gives the host what it wanted; *copy is the channel's. */
void sw_channel_give_copy(struct sw_channel *channel, const struct sw_copy *copy);

/* The gauges as they were published last. */
void sw_channel_gauges(struct sw_channel *channel, struct sw_gauges *gauges);

/* The loop no longer looks after the channel; a connect command may change that. */
void sw_channel_detach(struct sw_channel *channel);

/* Puts the last report ever; the channel is gone for the loop. */
void sw_channel_finish(struct sw_channel *channel, const struct sw_report *report);

/* Publishes the gauges, subtracts bytes that are done with, reports a drain that is due, wakes a host that waits. */
void sw_channel_account(struct sw_channel *channel, const struct sw_gauges *gauges, size_t released);

#endif
