#include "loop/next.h"

static enum conn_step dial(struct conn_facts facts) {
    return facts.has_report_room ? STEP_DIAL : STEP_AWAIT_REPORT_ROOM;
}

static enum conn_step on_connect(enum conn_state state, enum conn_goal goal, struct conn_facts facts) {
    switch (state) {
    case CONN_IDLE: return dial(facts);
    case CONN_WAITING: return goal == GOAL_CLOSE ? STEP_NONE : dial(facts);
    case CONN_DIALING:
        if (goal == GOAL_CLOSE) return STEP_NONE;
        return facts.is_same && goal != GOAL_IDLE ? STEP_NONE : STEP_REDIAL;
    case CONN_OPEN: return facts.is_same ? STEP_NONE : STEP_SHUT_DOWN;
    case CONN_CLOSING: return goal == GOAL_CLOSE ? STEP_NONE : STEP_SET_GOAL_REDIAL;
    case CONN_CLOSED: return STEP_NONE;
    }
    return STEP_NONE;
}

static enum conn_step on_disconnect(enum conn_state state, enum conn_goal goal, struct conn_facts facts) {
    switch (state) {
    case CONN_DIALING:
    case CONN_WAITING:
        if (goal == GOAL_CLOSE) return STEP_NONE;
        return facts.may_deliver ? STEP_DELIVER : STEP_GIVE_UP;
    case CONN_OPEN: return STEP_FLUSH;
    case CONN_CLOSING: return goal == GOAL_CLOSE ? STEP_NONE : STEP_SET_GOAL_IDLE;
    case CONN_IDLE:
    case CONN_CLOSED: return STEP_NONE;
    }
    return STEP_NONE;
}

static enum conn_step on_close(enum conn_state state, struct conn_facts facts) {
    switch (state) {
    case CONN_IDLE: return STEP_CLOSE; /* no command asked for a connection */
    case CONN_DIALING:
    case CONN_WAITING: return facts.may_deliver ? STEP_DELIVER : STEP_CLOSE;
    case CONN_OPEN:
    case CONN_CLOSING: return STEP_FLUSH_AND_CLOSE;
    case CONN_CLOSED: return STEP_NONE;
    }
    return STEP_NONE;
}

static enum conn_step on_reconnect(enum conn_state state, struct conn_facts facts) {
    if (state != CONN_WAITING) return STEP_NONE;
    if (!facts.may_retry) return STEP_GIVE_UP;
    return facts.needs_report_room ? STEP_NONE : STEP_RESCHEDULE;
}

/* There is no connection, and time or attempts have run out. */
static enum conn_step without_connection(enum conn_goal goal) { return goal == GOAL_CLOSE ? STEP_CLOSE : STEP_GIVE_UP; }

static enum conn_step on_failed(enum conn_goal goal, struct conn_facts facts) {
    bool is_ending = goal == GOAL_IDLE || goal == GOAL_CLOSE;
    bool goes_on = facts.may_retry && (!is_ending || facts.may_deliver);
    return goes_on ? STEP_WAIT : without_connection(goal);
}

static enum conn_step on_finished(enum conn_state state, enum conn_goal goal, struct conn_facts facts) {
    if (state != CONN_OPEN && state != CONN_CLOSING) return STEP_NONE;
    switch (goal) {
    case GOAL_RETRY: return facts.may_retry ? STEP_END_WAIT : STEP_END_IDLE;
    case GOAL_IDLE: return STEP_END_IDLE;
    case GOAL_REDIAL: return STEP_END_REDIAL;
    case GOAL_CLOSE: return STEP_CLOSE;
    }
    return STEP_NONE;
}

enum conn_step sw_next(enum conn_state state, enum conn_goal goal, enum conn_event event, struct conn_facts facts) {
    switch (event) {
    case EVENT_CONNECT: return on_connect(state, goal, facts);
    case EVENT_DISCONNECT: return on_disconnect(state, goal, facts);
    case EVENT_CLOSE: return on_close(state, facts);
    case EVENT_RECONNECT: return on_reconnect(state, facts);
    case EVENT_ATTEMPT_DUE: return state == CONN_IDLE || state == CONN_WAITING ? dial(facts) : STEP_NONE;
    case EVENT_READY: return state == CONN_DIALING ? STEP_OPEN : STEP_NONE;
    case EVENT_LATE: return state == CONN_DIALING || state == CONN_WAITING ? without_connection(goal) : STEP_NONE;
    case EVENT_FAILED: return state == CONN_DIALING ? on_failed(goal, facts) : STEP_NONE;
    case EVENT_ENDING: return state == CONN_OPEN || state == CONN_CLOSING ? STEP_POST_CLOSING : STEP_NONE;
    case EVENT_OVER: return on_finished(state, goal, facts);
    }
    return STEP_NONE;
}
