#include "loop/next.h"

#include "unit.h"

enum { ANY = -1, STATES = CONN_CLOSED + 1, GOALS = GOAL_CLOSE + 1, EVENTS = EVENT_OVER + 1, FACTS = 32 };

/* All that is decided, one row a decision; whatever no row names is STEP_NONE. */
struct row {
    int event, state, goal;
    int same, retry, room, held, deliver; /* ANY, or what the fact is */
    enum conn_step step;
};

static const struct row rows[] = {
    {EVENT_CONNECT, CONN_IDLE, ANY, ANY, ANY, true, ANY, ANY, STEP_DIAL},
    {EVENT_CONNECT, CONN_IDLE, ANY, ANY, ANY, false, ANY, ANY, STEP_AWAIT_REPORT_ROOM},
    {EVENT_CONNECT, CONN_WAITING, GOAL_RETRY, ANY, ANY, true, ANY, ANY, STEP_DIAL},
    {EVENT_CONNECT, CONN_WAITING, GOAL_RETRY, ANY, ANY, false, ANY, ANY, STEP_AWAIT_REPORT_ROOM},
    {EVENT_CONNECT, CONN_WAITING, GOAL_IDLE, ANY, ANY, true, ANY, ANY, STEP_DIAL},
    {EVENT_CONNECT, CONN_WAITING, GOAL_IDLE, ANY, ANY, false, ANY, ANY, STEP_AWAIT_REPORT_ROOM},
    {EVENT_CONNECT, CONN_WAITING, GOAL_REDIAL, ANY, ANY, true, ANY, ANY, STEP_DIAL},
    {EVENT_CONNECT, CONN_WAITING, GOAL_REDIAL, ANY, ANY, false, ANY, ANY, STEP_AWAIT_REPORT_ROOM},
    {EVENT_CONNECT, CONN_DIALING, GOAL_RETRY, false, ANY, ANY, ANY, ANY, STEP_REDIAL},
    {EVENT_CONNECT, CONN_DIALING, GOAL_IDLE, ANY, ANY, ANY, ANY, ANY, STEP_REDIAL},
    {EVENT_CONNECT, CONN_DIALING, GOAL_REDIAL, false, ANY, ANY, ANY, ANY, STEP_REDIAL},
    {EVENT_CONNECT, CONN_OPEN, ANY, false, ANY, ANY, ANY, ANY, STEP_SHUT_DOWN},
    {EVENT_CONNECT, CONN_CLOSING, GOAL_RETRY, ANY, ANY, ANY, ANY, ANY, STEP_SET_GOAL_REDIAL},
    {EVENT_CONNECT, CONN_CLOSING, GOAL_IDLE, ANY, ANY, ANY, ANY, ANY, STEP_SET_GOAL_REDIAL},
    {EVENT_CONNECT, CONN_CLOSING, GOAL_REDIAL, ANY, ANY, ANY, ANY, ANY, STEP_SET_GOAL_REDIAL},

    {EVENT_DISCONNECT, CONN_DIALING, GOAL_RETRY, ANY, ANY, ANY, ANY, false, STEP_GIVE_UP},
    {EVENT_DISCONNECT, CONN_DIALING, GOAL_RETRY, ANY, ANY, ANY, ANY, true, STEP_DELIVER},
    {EVENT_DISCONNECT, CONN_DIALING, GOAL_IDLE, ANY, ANY, ANY, ANY, false, STEP_GIVE_UP},
    {EVENT_DISCONNECT, CONN_DIALING, GOAL_IDLE, ANY, ANY, ANY, ANY, true, STEP_DELIVER},
    {EVENT_DISCONNECT, CONN_DIALING, GOAL_REDIAL, ANY, ANY, ANY, ANY, false, STEP_GIVE_UP},
    {EVENT_DISCONNECT, CONN_DIALING, GOAL_REDIAL, ANY, ANY, ANY, ANY, true, STEP_DELIVER},
    {EVENT_DISCONNECT, CONN_WAITING, GOAL_RETRY, ANY, ANY, ANY, ANY, false, STEP_GIVE_UP},
    {EVENT_DISCONNECT, CONN_WAITING, GOAL_RETRY, ANY, ANY, ANY, ANY, true, STEP_DELIVER},
    {EVENT_DISCONNECT, CONN_WAITING, GOAL_IDLE, ANY, ANY, ANY, ANY, false, STEP_GIVE_UP},
    {EVENT_DISCONNECT, CONN_WAITING, GOAL_IDLE, ANY, ANY, ANY, ANY, true, STEP_DELIVER},
    {EVENT_DISCONNECT, CONN_WAITING, GOAL_REDIAL, ANY, ANY, ANY, ANY, false, STEP_GIVE_UP},
    {EVENT_DISCONNECT, CONN_WAITING, GOAL_REDIAL, ANY, ANY, ANY, ANY, true, STEP_DELIVER},
    {EVENT_DISCONNECT, CONN_OPEN, ANY, ANY, ANY, ANY, ANY, ANY, STEP_FLUSH},
    {EVENT_DISCONNECT, CONN_CLOSING, GOAL_RETRY, ANY, ANY, ANY, ANY, ANY, STEP_SET_GOAL_IDLE},
    {EVENT_DISCONNECT, CONN_CLOSING, GOAL_IDLE, ANY, ANY, ANY, ANY, ANY, STEP_SET_GOAL_IDLE},
    {EVENT_DISCONNECT, CONN_CLOSING, GOAL_REDIAL, ANY, ANY, ANY, ANY, ANY, STEP_SET_GOAL_IDLE},

    {EVENT_CLOSE, CONN_IDLE, ANY, ANY, ANY, ANY, ANY, ANY, STEP_CLOSE},
    {EVENT_CLOSE, CONN_DIALING, ANY, ANY, ANY, ANY, ANY, false, STEP_CLOSE},
    {EVENT_CLOSE, CONN_DIALING, ANY, ANY, ANY, ANY, ANY, true, STEP_DELIVER},
    {EVENT_CLOSE, CONN_WAITING, ANY, ANY, ANY, ANY, ANY, false, STEP_CLOSE},
    {EVENT_CLOSE, CONN_WAITING, ANY, ANY, ANY, ANY, ANY, true, STEP_DELIVER},
    {EVENT_CLOSE, CONN_OPEN, ANY, ANY, ANY, ANY, ANY, ANY, STEP_FLUSH_AND_CLOSE},
    {EVENT_CLOSE, CONN_CLOSING, ANY, ANY, ANY, ANY, ANY, ANY, STEP_FLUSH_AND_CLOSE},

    {EVENT_RECONNECT, CONN_WAITING, ANY, ANY, false, ANY, ANY, ANY, STEP_GIVE_UP},
    {EVENT_RECONNECT, CONN_WAITING, ANY, ANY, true, ANY, false, ANY, STEP_RESCHEDULE},

    {EVENT_ATTEMPT_DUE, CONN_IDLE, ANY, ANY, ANY, true, ANY, ANY, STEP_DIAL},
    {EVENT_ATTEMPT_DUE, CONN_IDLE, ANY, ANY, ANY, false, ANY, ANY, STEP_AWAIT_REPORT_ROOM},
    {EVENT_ATTEMPT_DUE, CONN_WAITING, ANY, ANY, ANY, true, ANY, ANY, STEP_DIAL},
    {EVENT_ATTEMPT_DUE, CONN_WAITING, ANY, ANY, ANY, false, ANY, ANY, STEP_AWAIT_REPORT_ROOM},

    {EVENT_READY, CONN_DIALING, ANY, ANY, ANY, ANY, ANY, ANY, STEP_OPEN},
    {EVENT_LATE, CONN_DIALING, GOAL_RETRY, ANY, ANY, ANY, ANY, ANY, STEP_GIVE_UP},
    {EVENT_LATE, CONN_DIALING, GOAL_IDLE, ANY, ANY, ANY, ANY, ANY, STEP_GIVE_UP},
    {EVENT_LATE, CONN_DIALING, GOAL_REDIAL, ANY, ANY, ANY, ANY, ANY, STEP_GIVE_UP},
    {EVENT_LATE, CONN_DIALING, GOAL_CLOSE, ANY, ANY, ANY, ANY, ANY, STEP_CLOSE},
    {EVENT_LATE, CONN_WAITING, GOAL_RETRY, ANY, ANY, ANY, ANY, ANY, STEP_GIVE_UP},
    {EVENT_LATE, CONN_WAITING, GOAL_IDLE, ANY, ANY, ANY, ANY, ANY, STEP_GIVE_UP},
    {EVENT_LATE, CONN_WAITING, GOAL_REDIAL, ANY, ANY, ANY, ANY, ANY, STEP_GIVE_UP},
    {EVENT_LATE, CONN_WAITING, GOAL_CLOSE, ANY, ANY, ANY, ANY, ANY, STEP_CLOSE},

    {EVENT_FAILED, CONN_DIALING, GOAL_RETRY, ANY, true, ANY, ANY, ANY, STEP_WAIT},
    {EVENT_FAILED, CONN_DIALING, GOAL_RETRY, ANY, false, ANY, ANY, ANY, STEP_GIVE_UP},
    {EVENT_FAILED, CONN_DIALING, GOAL_REDIAL, ANY, true, ANY, ANY, ANY, STEP_WAIT},
    {EVENT_FAILED, CONN_DIALING, GOAL_REDIAL, ANY, false, ANY, ANY, ANY, STEP_GIVE_UP},
    {EVENT_FAILED, CONN_DIALING, GOAL_IDLE, ANY, true, ANY, ANY, true, STEP_WAIT},
    {EVENT_FAILED, CONN_DIALING, GOAL_IDLE, ANY, true, ANY, ANY, false, STEP_GIVE_UP},
    {EVENT_FAILED, CONN_DIALING, GOAL_IDLE, ANY, false, ANY, ANY, ANY, STEP_GIVE_UP},
    {EVENT_FAILED, CONN_DIALING, GOAL_CLOSE, ANY, true, ANY, ANY, true, STEP_WAIT},
    {EVENT_FAILED, CONN_DIALING, GOAL_CLOSE, ANY, true, ANY, ANY, false, STEP_CLOSE},
    {EVENT_FAILED, CONN_DIALING, GOAL_CLOSE, ANY, false, ANY, ANY, ANY, STEP_CLOSE},

    {EVENT_ENDING, CONN_OPEN, ANY, ANY, ANY, ANY, ANY, ANY, STEP_POST_CLOSING},
    {EVENT_ENDING, CONN_CLOSING, ANY, ANY, ANY, ANY, ANY, ANY, STEP_POST_CLOSING},

    {EVENT_OVER, CONN_OPEN, GOAL_RETRY, ANY, true, ANY, ANY, ANY, STEP_END_WAIT},
    {EVENT_OVER, CONN_OPEN, GOAL_RETRY, ANY, false, ANY, ANY, ANY, STEP_END_IDLE},
    {EVENT_OVER, CONN_OPEN, GOAL_IDLE, ANY, ANY, ANY, ANY, ANY, STEP_END_IDLE},
    {EVENT_OVER, CONN_OPEN, GOAL_REDIAL, ANY, ANY, ANY, ANY, ANY, STEP_END_REDIAL},
    {EVENT_OVER, CONN_OPEN, GOAL_CLOSE, ANY, ANY, ANY, ANY, ANY, STEP_CLOSE},
    {EVENT_OVER, CONN_CLOSING, GOAL_RETRY, ANY, true, ANY, ANY, ANY, STEP_END_WAIT},
    {EVENT_OVER, CONN_CLOSING, GOAL_RETRY, ANY, false, ANY, ANY, ANY, STEP_END_IDLE},
    {EVENT_OVER, CONN_CLOSING, GOAL_IDLE, ANY, ANY, ANY, ANY, ANY, STEP_END_IDLE},
    {EVENT_OVER, CONN_CLOSING, GOAL_REDIAL, ANY, ANY, ANY, ANY, ANY, STEP_END_REDIAL},
    {EVENT_OVER, CONN_CLOSING, GOAL_CLOSE, ANY, ANY, ANY, ANY, ANY, STEP_CLOSE},
};

enum { ROWS = sizeof rows / sizeof rows[0] };

static struct conn_facts facts_of(int bits) {
    return (struct conn_facts){
        .is_same = bits & 1,
        .may_retry = bits & 2,
        .has_report_room = bits & 4,
        .needs_report_room = bits & 8,
        .may_deliver = bits & 16,
    };
}

static bool fits(int wanted, int is) { return wanted == ANY || wanted == is; }

static bool matches(const struct row *row, int state, int goal, int event, struct conn_facts facts) {
    return row->event == event && row->state == state && fits(row->goal, goal) && fits(row->same, facts.is_same) &&
           fits(row->retry, facts.may_retry) && fits(row->room, facts.has_report_room) &&
           fits(row->held, facts.needs_report_room) && fits(row->deliver, facts.may_deliver);
}

typedef void visitor(int state, int goal, int event, struct conn_facts facts);

static void visit_all(visitor *visit) {
    for (int state = 0; state < STATES; state++)
        for (int goal = 0; goal < GOALS; goal++)
            for (int event = 0; event < EVENTS; event++)
                for (int bits = 0; bits < FACTS; bits++) visit(state, goal, event, facts_of(bits));
}

static enum conn_step next(int state, int goal, int event, struct conn_facts facts) {
    return sw_next((enum conn_state)state, (enum conn_goal)goal, (enum conn_event)event, facts);
}

static unsigned used[ROWS], situations;

static void compare(int state, int goal, int event, struct conn_facts facts) {
    enum conn_step want = STEP_NONE;
    unsigned found = 0;
    for (unsigned i = 0; i < ROWS; i++) {
        if (!matches(&rows[i], state, goal, event, facts)) continue;
        want = rows[i].step;
        used[i]++;
        found++;
    }
    situations++;
    CHECK(found <= 1);
    if (!CHECK_EQ(next(state, goal, event, facts), want))
        printf("# state %d, goal %d, event %d, same %d, retry %d, room %d, held %d, deliver %d\n", state, goal, event,
               facts.is_same, facts.may_retry, facts.has_report_room, facts.needs_report_room, facts.may_deliver);
}

static void every_situation(void) {
    visit_all(compare);
    CHECK_EQ(situations, STATES * GOALS * EVENTS * FACTS);
    for (unsigned i = 0; i < ROWS; i++) CHECK(used[i] > 0);
}

static bool begins(enum conn_step step) {
    return step == STEP_DIAL || step == STEP_AWAIT_REPORT_ROOM || step == STEP_REDIAL || step == STEP_WAIT ||
           step == STEP_END_WAIT || step == STEP_END_REDIAL || step == STEP_SET_GOAL_REDIAL || step == STEP_OPEN;
}

static void rests_when_closed(int state, int goal, int event, struct conn_facts facts) {
    if (state == CONN_CLOSED) CHECK_EQ(next(state, goal, event, facts), STEP_NONE);
    if (state == CONN_CLOSING && goal == GOAL_CLOSE) CHECK(!begins(next(state, goal, event, facts)));
}

static void closed_is_final(void) { visit_all(rests_when_closed); }

static void dials_only_with_room(int state, int goal, int event, struct conn_facts facts) {
    if (!facts.has_report_room) CHECK(next(state, goal, event, facts) != STEP_DIAL);
    if (facts.has_report_room) CHECK(next(state, goal, event, facts) != STEP_AWAIT_REPORT_ROOM);
}

static void room(void) { visit_all(dials_only_with_room); }

static void retries_only_if_allowed(int state, int goal, int event, struct conn_facts facts) {
    enum conn_step step = next(state, goal, event, facts);
    if (!facts.may_retry) CHECK(step != STEP_WAIT && step != STEP_END_WAIT && step != STEP_RESCHEDULE);
}

static void retries(void) { visit_all(retries_only_if_allowed); }

static const struct unit_test tests[] = {
    {"decides every situation as the table says, and each row of it is one", every_situation},
    {"does nothing when closed, and begins nothing while it closes", closed_is_final},
    {"begins an attempt only when the inbox has room", room},
    {"waits for a further attempt only if the options allow one", retries},
};

UNIT_MAIN(tests)
