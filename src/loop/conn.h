/* A connection: the loop's side of one client, from the client's first command to its last.
 *
 * It handles the client's commands, runs the state machine (loop/next.h decides, conn.c carries out), and posts
 * states and reports to the host. It uses the dialer for attempts to connect, and the stream for an open connection.
 */
#ifndef SW_LOOP_CONN_H
#define SW_LOOP_CONN_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/backoff.h"
#include "base/error.h"
#include "base/round.h"
#include "base/server.h"
#include "channel/channel.h"
#include "channel/loop_end.h"
#include "loop/common.h"
#include "loop/dialer.h"
#include "loop/lingering.h"
#include "loop/next.h"
#include "loop/reactor.h"
#include "loop/stream.h"

struct conn {
    struct conn *next, **link; /* for the loop's lists */
    struct common common;
    void (*on_finished)(struct conn *conn); /* called when an event has finished the connection */
    void *owner;                            /* the loop: for on_finished */
    bool is_finished;                       /* the channel has no connection any more; the loop frees this one */
    bool needs_report_room;                 /* WAITING: the delay is over, but the inbox has no room for a report */
    bool is_shut;      /* a shutdown command came: nothing after `fence` is sent until the next connect command */
    bool owes_outcome; /* a connect command has led to no event yet */
    bool is_extra; /* DIALING: a connect command asked for this attempt while another one was due; its failure does not
                      lengthen the delay */
    enum conn_state state : 8;
    enum conn_goal goal : 8;
    uint8_t cause_server; /* index of the server that `cause` is about */
    uint32_t failures;    /* consecutive failures: rounds of attempts that failed, and of connections that ended soon */
    uint32_t superseded;  /* connect commands that a later command has replaced; each still needs an error event */
    uint64_t newest_command;    /* number of the newest command that was handled */
    struct sw_servers *servers; /* for the next attempt; one reference; NULL before the first connect command */
    struct sw_round round;      /* which of them comes next */
    struct sw_reconnect reconnect;
    struct sw_error cause; /* why the last connection or attempt ended, or the current one ends */
    double state_since;    /* sw_clock: OPEN: when the connection became ready; WAITING: when the delay began */
    double attempt_due;    /* sw_clock: WAITING: when the delay is over; 0 if it needs_report_room */
    uint64_t fence; /* a disconnect, close or shutdown command waits for a connection: that one sends nothing after this
                       message */
    ev_timer
        timer; /* WAITING: to the next attempt; CLOSING: to the next sw_stream_advance; DIALING, WAITING: to the end of
                       the linger, if that comes first */
    struct dialer dialer;
    struct stream stream;
};

/* Makes the connection of a channel. If there is no memory, waits until there is. */
struct conn *sw_conn_new(struct sw_reactor *reactor, struct sw_channel *channel, void (*on_finished)(struct conn *conn),
                         void *owner);
void sw_conn_free(struct conn *conn);

/* Each of the following functions may set is_finished. */

/* Handles everything that the host has posted. */
void sw_conn_handle_batch(struct conn *conn, const struct sw_batch *batch);

/* Ends it as the close command does, within `linger` seconds. */
void sw_conn_close(struct conn *conn, double linger);

/* True while a close command is carried out. No other command changes that. */
bool sw_conn_is_closing(const struct conn *conn);

/* Ends the connection at once, without flushing, and posts the close event. */
void sw_conn_abort(struct conn *conn);

/* The loop thread cannot go on: ends the connection, or the attempt, with `fault` as the cause. A later connect
 * command may start a new loop thread. */
void sw_conn_fail(struct conn *conn, struct sw_error fault);

/* The loop thread is ending: answers the commands of the batch with `fault` as the cause. */
void sw_conn_refuse(struct conn *conn, const struct sw_batch *batch, struct sw_error fault);

#endif
