/* What a connection does next: a pure function of its state, its goal, the event, and four facts.
 *
 *                   ATTEMPT_DUE                 READY
 *      IDLE, WAITING ----------> DIALING -----------------> OPEN
 *        ^      ^                   |                         |
 *        |      |      FAILED       |                         | ENDING: the peer ended it, or an error
 *        |      +-------------------+                         | DISCONNECT, CLOSE, CONNECT to another server
 *        |      |   with or without a further attempt         v
 *        +------+----------------------------------------- CLOSING ----> CLOSED
 *                          OVER; the goal says which
 *
 * The goal says what follows when the connection has ended. A command that comes while it ends changes only the goal.
 * Without a
 * connection, too, a client may have to end: while there is something to deliver and time for it, attempts go on (GOAL_IDLE
 * and GOAL_CLOSE in DIALING and WAITING). The function uses no socket and no clock, so spec/unit/test_next.c can test every
 * combination.
 */
#ifndef SW_LOOP_NEXT_H
#define SW_LOOP_NEXT_H

#include <stdbool.h>

enum conn_state {
    CONN_IDLE,    /* until a connect command */
    CONN_DIALING, /* the dialer makes an attempt */
    CONN_OPEN,    /* messages flow */
    CONN_CLOSING, /* the stream flushes or drains */
    CONN_WAITING, /* for the delay before the next attempt, or until the inbox has room for the report of its end */
    CONN_CLOSED,  /* finished; the loop frees it at the end of the round */
};

enum conn_goal {
    GOAL_RETRY,  /* no command has ended the connection: act by the reconnect options */
    GOAL_IDLE,   /* after a disconnect command: deliver what was accepted, as far as time allows, then stay idle */
    GOAL_REDIAL, /* after a connect command to another server, or while closing: dial at once */
    GOAL_CLOSE,  /* after a close command: the same, then finish */
};

enum conn_event {
    /* Commands. */
    EVENT_CONNECT,
    EVENT_DISCONNECT,
    EVENT_CLOSE,
    EVENT_RECONNECT, /* new reconnect options */
    /* The delay is over, or the inbox has room for a report. */
    EVENT_ATTEMPT_DUE,
    EVENT_LATE, /* the linger is over */
    /* The dialer's outcomes. */
    EVENT_READY,
    EVENT_FAILED,
    /* The stream's. */
    EVENT_ENDING, /* the connection begins to end, without a command */
    EVENT_OVER,   /* the connection has ended */
};

struct conn_facts {
    bool is_same;           /* CONNECT: the command names the server of the current connection or attempt */
    bool may_retry;         /* the reconnect options allow a further attempt */
    bool has_report_room;   /* the inbox can take the report of an attempt's end, even if there is no memory */
    bool needs_report_room; /* WAITING: the delay is over, and only the room for a report is missing */
    bool may_deliver;       /* DISCONNECT, CLOSE, FAILED: there is something to deliver, and time for it */
};

enum conn_step {
    STEP_NONE,              /* nothing */
    STEP_DIAL,              /* begin an attempt */
    STEP_AWAIT_REPORT_ROOM, /* wait until the inbox has room for a report, then begin an attempt */
    STEP_REDIAL,            /* end the attempt with an error event, and begin another */
    STEP_WAIT,              /* wait for the delay before the next attempt */
    STEP_RESCHEDULE,        /* the same, with the delay of the new reconnect options */
    STEP_DELIVER,           /* go on with attempts until the linger is over; the next one is due now */
    STEP_GIVE_UP,           /* end the attempt or the wait with an error event, and stay idle */
    STEP_OPEN,              /* give the connection to the stream */
    STEP_FLUSH,             /* flush, then stay idle */
    STEP_SHUT_DOWN,         /* drain without flushing, then dial */
    STEP_FLUSH_AND_CLOSE,   /* flush, then close */
    STEP_SET_GOAL_IDLE,     /* the connection ends already: set the goal */
    STEP_SET_GOAL_REDIAL,   /* likewise */
    STEP_POST_CLOSING,      /* post the state CLOSING */
    /* The connection has ended: post its disconnect event, then ... */
    STEP_END_IDLE,   /* ... stay idle */
    STEP_END_WAIT,   /* ... wait for the delay before the next attempt */
    STEP_END_REDIAL, /* ... begin an attempt */
    STEP_CLOSE,      /* give up all messages, post the close event, finish */
};

/* Returns what the connection does now. */
enum conn_step sw_next(enum conn_state state, enum conn_goal goal, enum conn_event event, struct conn_facts facts);

#endif
