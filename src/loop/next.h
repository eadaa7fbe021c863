/* What a connection does next: one pure function of its state, its goal, what happened, and four facts.
 *
 *                        DUE                     READY
 *      IDLE, WAITING ----------> DIALING -----------------> OPEN
 *        ^      ^                   |                         |
 *        |      |      FAILED       |                         | ENDING: the peer, an error
 *        |      +-------------------+                         | DISCONNECT, CLOSE, CONNECT to another server
 *        |      |   a further attempt, or none                v
 *        +------+----------------------------------------- CLOSING ----> CLOSED
 *                                 OVER, by the goal
 *
 * The goal says what the end of a connection is for; commands that come while it ends change only the goal. Nothing
 * here touches a socket or a clock, so spec/unit/test_next.c walks through all of it.
 */
#ifndef SW_LOOP_NEXT_H
#define SW_LOOP_NEXT_H

#include <stdbool.h>

enum conn_state {
    CONN_IDLE,    /* nothing to do until a connect command */
    CONN_DIALING, /* the dialer makes an attempt */
    CONN_OPEN,    /* messages flow */
    CONN_CLOSING, /* the stream flushes or drains */
    CONN_WAITING, /* until the next attempt, or until its end would have a place in the inbox */
    CONN_CLOSED,  /* for good; freed at the end of the round */
};

enum conn_goal {
    GOAL_RETRY,  /* no command asked for the end: the reconnect options say what follows */
    GOAL_IDLE,   /* disconnect: stay idle */
    GOAL_REDIAL, /* connect, meanwhile: dial at once */
    GOAL_CLOSE,  /* close: nothing ever again */
};

enum conn_event {
    /* Commands. */
    EVENT_CONNECT,
    EVENT_DISCONNECT,
    EVENT_CLOSE,
    EVENT_RECONNECT, /* other reconnect options */
    /* Time, or a place in the inbox. */
    EVENT_ATTEMPT_DUE, /* an attempt is to be made */
    /* Outcomes: the dialer's ... */
    EVENT_READY,
    EVENT_FAILED,
    /* ... and the stream's. */
    EVENT_ENDING, /* it began to end by itself */
    EVENT_OVER,
};

struct conn_facts {
    bool is_same;           /* CONNECT: to the server of this connection or attempt */
    bool may_retry;         /* the reconnect options allow a further attempt */
    bool has_report_room;   /* the inbox has a place for the end of an attempt, also without memory */
    bool needs_report_room; /* WAITING: the delay is over, and it waits only for that */
};

enum conn_step {
    STEP_NONE,
    STEP_DIAL,              /* begin an attempt */
    STEP_AWAIT_REPORT_ROOM, /* wait until the inbox has that place, then begin it */
    STEP_REDIAL,            /* end the attempt, which is owed an error event; another is due */
    STEP_WAIT,              /* wait for the time of the next attempt */
    STEP_RESCHEDULE,        /* the same, by other options */
    STEP_GIVE_UP,           /* end whatever goes on with an error event, and stay idle */
    STEP_OPEN,              /* give the connection to the stream */
    STEP_FLUSH,             /* flush and stay idle then */
    STEP_SHUT_DOWN,         /* end without flushing and dial then */
    STEP_FLUSH_AND_CLOSE,   /* flush as far as there is something to flush to, and close then */
    STEP_SET_GOAL_IDLE,     /* it ends already: stay idle then ... */
    STEP_SET_GOAL_REDIAL,   /* ... or dial then */
    STEP_POST_CLOSING,      /* it has begun to end */
    /* The connection is over; its disconnect event comes first. */
    STEP_END_IDLE,
    STEP_END_WAIT,
    STEP_END_REDIAL,
    STEP_CLOSE, /* the last event, and nothing ever again */
};

/* What to do now. Pure. */
enum conn_step sw_next(enum conn_state state, enum conn_goal goal, enum conn_event event, struct conn_facts facts);

#endif
