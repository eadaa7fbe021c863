#include "loop/next.h"

static enum conn_step dial(struct conn_facts facts) {
    return facts.has_report_room ? STEP_DIAL : STEP_AWAIT_REPORT_ROOM;
}

static enum conn_step on_connect(enum conn_state state, enum conn_goal goal, struct conn_facts facts) {
    switch (state) {
    case CONN_IDLE:
    case CONN_WAITING: return dial(facts);
    case CONN_DIALING: return facts.is_same ? STEP_NONE : STEP_REDIAL;
    case CONN_OPEN: return facts.is_same ? STEP_NONE : STEP_SHUT_DOWN;
    case CONN_CLOSING: return goal == GOAL_CLOSE ? STEP_NONE : STEP_SET_GOAL_REDIAL;
    case CONN_CLOSED: return STEP_NONE;
    }
    return STEP_NONE;
}

static enum conn_step on_disconnect(enum conn_state state, enum conn_goal goal) {
    switch (state) {
    case CONN_DIALING:
    case CONN_WAITING: return STEP_GIVE_UP;
    case CONN_OPEN: return STEP_FLUSH;
    case CONN_CLOSING: return goal == GOAL_CLOSE ? STEP_NONE : STEP_SET_GOAL_IDLE;
    case CONN_IDLE:
    case CONN_CLOSED: return STEP_NONE;
    }
    return STEP_NONE;
}

static enum conn_step on_close(enum conn_state state) {
    switch (state) {
    case CONN_IDLE:
    case CONN_DIALING:
    case CONN_WAITING: return STEP_CLOSE; /* without a connection there is nothing to flush */
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

static enum conn_step on_over(enum conn_state state, enum conn_goal goal, struct conn_facts facts) {
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
    case EVENT_DISCONNECT: return on_disconnect(state, goal);
    case EVENT_CLOSE: return on_close(state);
    case EVENT_RECONNECT: return on_reconnect(state, facts);
    case EVENT_ATTEMPT_DUE: return state == CONN_IDLE || state == CONN_WAITING ? dial(facts) : STEP_NONE;
    case EVENT_READY: return state == CONN_DIALING ? STEP_OPEN : STEP_NONE;
    case EVENT_FAILED:
        if (state != CONN_DIALING) return STEP_NONE;
        return facts.may_retry ? STEP_WAIT : STEP_GIVE_UP;
    case EVENT_ENDING: return state == CONN_OPEN || state == CONN_CLOSING ? STEP_POST_CLOSING : STEP_NONE;
    case EVENT_OVER: return on_over(state, goal, facts);
    }
    return STEP_NONE;
}
