/* A connection: the loop's side of one client, from its first command to its last.
 *
 * It handles the commands, keeps the only state machine (loop/next.h decides, conn.c carries out), and posts states and
 * reports. Below it the dialer makes one attempt, and the stream is one open connection; both say what has become of
 * them, and this says what comes next.
 */
#ifndef SW_LOOP_CONN_H
#define SW_LOOP_CONN_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/backoff.h"
#include "base/error.h"
#include "base/server.h"
#include "channel/channel.h"
#include "channel/loop_end.h"
#include "loop/common.h"
#include "loop/dialer.h"
#include "loop/next.h"
#include "loop/reactor.h"
#include "loop/stream.h"

struct conn {
    struct conn *next, **link; /* the loop's: in its list of all, or of those that have ended */
    struct common common;
    void (*on_finished)(struct conn *conn); /* after an event, by which it is over */
    void *owner;                            /* for on_over */
    bool is_finished;                       /* nothing is left to do, and the channel has no connection: to be freed */
    bool needs_report_room;                 /* WAITING: for a place in the inbox only */
    enum conn_state state;
    enum conn_goal goal;
    uint32_t failures;        /* attempts and short connections that failed, in a row */
    uint32_t superseded;      /* connect commands that a later command took the place of: each is owed an error */
    uint64_t newest_command;  /* number of the newest command handled */
    struct sw_server *server; /* of the next attempt; one reference; NULL before the first connect command */
    struct sw_reconnect reconnect;
    struct sw_error cause; /* why the connection, or attempt, ended */
    double state_since;    /* sw_clock: OPEN: when it was ready; WAITING: when the last attempt failed */
    ev_timer timer;        /* WAITING: until the next attempt; CLOSING: until the stream is to be looked at */
    struct dialer dialer;
    struct stream stream;
};

/* A connection for the channel; waits for memory. */
struct conn *sw_conn_new(struct sw_reactor *reactor, struct sw_channel *channel, void (*on_finished)(struct conn *conn),
                         void *owner);
void sw_conn_free(struct conn *conn);

/* After each of the following it may be over. */

/* The host left something on the channel: handles all of it. */
void sw_conn_handle_batch(struct conn *conn, const struct sw_batch *batch);

/* Ends it as the close command does: flushes for `linger` seconds at most, then drains for SW_DRAIN_MAX at most. */
void sw_conn_close(struct conn *conn, double linger);

/* True while a close command is carried out, which no other command can change. */
bool sw_conn_is_closing(const struct conn *conn);

/* Ends it at once, without flushing. */
void sw_conn_abort(struct conn *conn);

/* The loop cannot go on: gives everything up for the reason given; a later connect command may start anew, on another
 * loop. */
void sw_conn_fail(struct conn *conn, struct sw_error fault);

/* The loop is ending: answers the batch's commands with the fault. */
void sw_conn_refuse(struct conn *conn, const struct sw_batch *batch, struct sw_error fault);

#endif
