/* A connection: the loop's side of one client, from its first command to its last.
 *
 *      IDLE ---> RESOLVING ---> CONNECTING ---> CONNECTED ---> FLUSHING ---> ENDING
 *       ^         ^   |              |            |    |                     ^  |
 *       |         |   +------+-------+            |    +---- peer's end -----+  |
 *       |         |          | failed             | broken                     |
 *       |         |          v                    v                            |
 *       +---------|--- [try again?] <-------- [account] <----------------------+
 *     error,      |          |                 |     |
 *     disconnect  |          v                 |     | close
 *                 +------ WAITING              |     v
 *                 |                            |   CLOSED
 *                 +---------- redial ----------+
 *
 * A numeric address skips RESOLVING. An attempt that finds the inbox full goes to WAITING until there is room. close()
 * leads from every state through the account to CLOSED.
 *
 * Files: conn.c (commands, states, what comes next), dial.c (RESOLVING, CONNECTING), transfer.c (CONNECTED, FLUSHING),
 * ending.c (into FLUSHING, ENDING, the account). Each state has one timer, the same; entering a state stops it and
 * starts none.
 */
#ifndef SW_LOOP_CONN_H
#define SW_LOOP_CONN_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

#include "channel/greeting.h"
#include "channel/loop_end.h"
#include "loop/assembly.h"
#include "loop/resolver.h"
#include "loop/sendq.h"

struct loop;

enum conn_state {
    CONN_IDLE,       /* nothing to do until a connect command */
    CONN_RESOLVING,  /* a lookup is under way, or waits for its turn */
    CONN_CONNECTING, /* a socket waits to become writable */
    CONN_CONNECTED,  /* messages flow */
    CONN_FLUSHING,   /* we are to end it: messages up to the fence go out first */
    CONN_ENDING,     /* our FIN is out, or the peer's is in: reading to the end, waiting for acknowledgements */
    CONN_WAITING,    /* until the next attempt */
    CONN_CLOSED,     /* for good; freed at the end of the round */
};

/* What the end of a connection is for. */
enum conn_goal {
    GOAL_RETRY,  /* nobody asked for it: what comes next is the policy's business */
    GOAL_REST,   /* disconnect: stay idle */
    GOAL_REDIAL, /* connect, meanwhile: dial at once */
    GOAL_CLOSE,  /* close: nothing ever again */
};

/* One attempt; exists only while it lasts. */
struct dial {
    struct sw_addresses addresses;
    size_t next;           /* address to try */
    struct sw_error error; /* of the last one tried */
};

struct conn {
    struct loop *loop;
    struct conn *next, **link;  /* in loop->conns */
    struct sw_channel *channel; /* one reference */
    enum conn_state state;      /* only sw_conn_enter and sw_conn_enter_with change it */
    uint64_t known;             /* number of the newest command carried out */
    struct sw_server *server;   /* of the next attempt; one reference; NULL before the first connect command */
    struct sw_server *dialled;  /* of the last: where it is connected, or connects, to; one reference or NULL */
    struct sw_reconnect reconnect;
    struct sw_gauges gauges; /* the loop's copy: published by sw_channel_post_progress */
    ev_timer timer;
    uint32_t failures;  /* attempts and short connections that failed, in a row */
    bool inbox_full;    /* do not read, do not dial; set_room takes it back */
    bool discard;       /* nobody wants messages */
    bool attempt_due;   /* WAITING is over, but the inbox is full */
    bool rests;         /* ack_timer only waits to see whether more is sent */
    bool paced;         /* the host sends on and on: more is to be taken before the rest is sent */
    uint32_t overtaken; /* FLUSHING, ENDING: connect commands that a later command took the place of; each is owed an
                           error */

    struct dial *dial;        /* CONNECTING */
    struct sw_lookup *lookup; /* under way, perhaps for an attempt that ended before */
    double deadline;          /* RESOLVING, CONNECTING, FLUSHING, ENDING: when it must be over */

    int fd;
    ev_io reader, writer;
    ev_timer ack_timer; /* runs while something is not acknowledged, and a while longer */
    double since;       /* when the attempt began; CONNECTED: when it was ready; WAITING: when the last one failed */
    struct sw_ip address;
    uint16_t port;
    struct sw_greeting *greeting; /* one reference, until it is handed over; NULL: none */
    uint64_t greeted;             /* bytes of the greeting handed over on this connection */
    uint64_t acked;               /* bytes handed over on this connection that the peer's TCP has, when last asked */
    struct sw_sendq queue;
    uint64_t streak;     /* messages taken since the host had none for us */
    uint64_t released;   /* bytes of the queue that the channel knows to count no longer */
    uint64_t acked_told; /* newest message that an `acked` report told of ... */
    uint64_t acked_due;  /* ... and that one is to tell of */
    struct sw_assembly in;

    enum conn_goal goal;   /* FLUSHING, ENDING */
    struct sw_error cause; /* why the connection, or attempt, ended */
    uint64_t fence; /* last message meant for this connection, or that a command not yet seen may say so of; UINT64_MAX:
                       all */
    double linger;  /* FLUSHING: seconds that it, and then ENDING, may take */
    bool fin;       /* our shutdown succeeded */
    bool peer_ended; /* the peer's FIN was read */
};

/* --- conn.c --- */

/* A connection for the channel, which the loop keeps. */
struct conn *sw_conn_new(struct loop *loop, struct sw_channel *channel);

/* After sw_loop_remove, at the end of the round. */
void sw_conn_free(struct conn *conn);

/* The host left something on the channel: commands, messages, room in the inbox. */
void sw_conn_attend(struct conn *conn, struct sw_batch *batch);

/* Ends it within `linger` seconds at most, as the close command does. */
void sw_conn_close(struct conn *conn, double linger);

/* True while a close is carried out. */
bool sw_conn_is_closing(const struct conn *conn);

/* The same at once. */
void sw_conn_abort(struct conn *conn);

/* The loop cannot go on: gives everything up for the reason given; a later connect command may start anew, on another
 * loop. */
void sw_conn_fail(struct conn *conn, struct sw_error fault);

/* There is no loop that could do what the batch asks: tells so. */
void sw_conn_refuse(struct conn *conn, const struct sw_batch *batch, struct sw_error fault);

/* True from the moment that a socket is connected to its account. */
static inline bool sw_conn_is_open(const struct conn *conn) {
    return conn->state == CONN_CONNECTED || conn->state == CONN_FLUSHING || conn->state == CONN_ENDING;
}

/* Closes the socket, whose watchers are stopped. */
void sw_conn_close_socket(struct conn *conn);

/* The only ways to change the state; show it to the host, the second together with the report of it (false: no memory
 * for that). */
void sw_conn_enter(struct conn *conn, enum conn_state state);
bool sw_conn_enter_with(struct conn *conn, enum conn_state state, const struct sw_report *report);

/* Starts the state's timer: what on_timer (conn.c) does for the state happens after `seconds`. */
void sw_conn_set_timer(struct conn *conn, double seconds);

/* What comes after an attempt that failed. */
void sw_conn_dial_failed(struct conn *conn, struct sw_error error);

/* What comes after a connection whose account is made. */
void sw_conn_ended(struct conn *conn, struct sw_report *report);

/* Brings the gauges up to date, and says what no longer counts against queue_limit, for the channel: at once. */
struct sw_progress sw_conn_progress(struct conn *conn);

/* Publishes that. */
void sw_conn_account(struct conn *conn);

/* A report about this connection, to be completed and sent. */
struct sw_report sw_conn_report(const struct conn *conn, enum sw_event event);
void sw_conn_log(struct conn *conn, enum sw_log log, double delay);

/* --- dial.c --- */

void sw_dial_start(struct conn *conn);
void sw_dial_cancel(struct conn *conn);
void sw_dial_timeout(struct conn *conn);

/* The lookup came back, wanted or not. */
void sw_dial_resolved(struct conn *conn, struct sw_lookup *lookup);

/* --- transfer.c --- */

/* A socket is connected: replay and go on. */
void sw_transfer_start(struct conn *conn);
void sw_transfer_stop(struct conn *conn);

/* Hands over what there is, as far as the kernel takes it. */
void sw_transfer_send(struct conn *conn);

/* Moves what the host has accepted into the send queue. */
void sw_transfer_take(struct conn *conn);

/* Reading goes on after the inbox was full. */
void sw_transfer_resume(struct conn *conn);

/* Gives the host pages that it wants: emptied ones, else up to `count` new ones where the queue will go on growing. */
void sw_transfer_make_ready(struct conn *conn, unsigned count);

/* Nothing is under way, and nothing was for a moment. */
bool sw_transfer_is_idle(const struct conn *conn);

/* Gives back the pages that a busy client would fill again. */
void sw_transfer_trim(struct conn *conn);

/* Asks the kernel how far the peer's TCP is, and publishes it. */
void sw_transfer_sample(struct conn *conn);

/* Gives the host copies of all unfinished messages. */
void sw_transfer_copy(struct conn *conn);

/* Bytes handed over on this connection, the greeting among them. */
static inline uint64_t sw_transfer_written(const struct conn *conn) {
    return conn->greeted + sw_sendq_written(&conn->queue);
}

/* The last sample found every byte acknowledged. */
static inline bool sw_transfer_is_acked(const struct conn *conn) { return conn->acked == sw_transfer_written(conn); }

/* --- ending.c --- */

/* After our FIN, and after the peer's, so many seconds at most for reading to the end and for acknowledgements. Enough
 * that 600 restarts of a draining server lost nothing (measured). */
#define SW_DRAIN_MAX 0.2

/* We end it: flush up to the fence for at most linger seconds, then FIN. */
void sw_ending_flush(struct conn *conn, enum conn_goal goal, uint64_t fence, double linger);

/* Nothing more is sent: FIN, then the peer has `seconds` to end and to acknowledge. */
void sw_ending_start(struct conn *conn, double seconds);

/* It may be over: the peer ended and has acknowledged everything. */
void sw_ending_check(struct conn *conn);
void sw_ending_timeout(struct conn *conn);

/* Makes the account (what is finished, kept, given up: into the report) and closes the socket, if there is one. */
void sw_ending_account(struct conn *conn, struct sw_report *report);

/* It is over: makes the account, closes the socket, goes on by the goal. */
void sw_ending_finish(struct conn *conn);

#endif
