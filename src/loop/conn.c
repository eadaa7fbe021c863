#include "loop/conn.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/options.h"
#include "base/tunables.h"
#include "channel/command.h"
#include "channel/report.h"
#include "channel/thread.h"

/* --- states --- */

/* A disconnect or close command is carried out without a connection: attempts go on. */
static bool is_delivering(const struct conn *conn) {
    bool is_ending = conn->goal == GOAL_IDLE || conn->goal == GOAL_CLOSE;
    return is_ending && (conn->state == CONN_DIALING || conn->state == CONN_WAITING);
}

static enum sw_state state_of_attempt(enum dialer_status status) {
    if (status == DIALER_RESOLVING) return SW_STATE_RESOLVING;
    return status == DIALER_STAGES ? SW_STATE_HANDSHAKING : SW_STATE_CONNECTING;
}

static enum sw_state shown_state(const struct conn *conn) {
    if (sw_conn_is_closing(conn)) return SW_STATE_CLOSED; /* as it was when close() returned */
    if (is_delivering(conn)) return SW_STATE_CLOSING;
    switch (conn->state) {
    case CONN_IDLE: return SW_STATE_IDLE;
    case CONN_DIALING: return state_of_attempt(conn->dialer.status);
    case CONN_OPEN: return SW_STATE_CONNECTED;
    case CONN_CLOSING: return SW_STATE_CLOSING;
    case CONN_WAITING: return SW_STATE_WAITING;
    case CONN_CLOSED: return SW_STATE_CLOSED;
    }
    return SW_STATE_CLOSED;
}

static struct sw_standing make_standing(const struct conn *conn) {
    struct sw_standing standing = {
        .state = shown_state(conn),
        .server = conn->dialer.index,
        .ended_server = conn->cause_server,
        .attempt_due = conn->attempt_due,
        .ended = conn->cause,
    };
    if (standing.state == SW_STATE_RESOLVING) standing.lookups_ahead = sw_dialer_lookups_ahead(&conn->dialer);
    return standing;
}

static void post_state(struct conn *conn) {
    const struct sw_standing standing = make_standing(conn);
    sw_channel_post_state(conn->common.channel, conn->newest_command, &standing);
}

/* The timer runs out in so many seconds, or at the deadline of an end without a connection. */
static void set_timer(struct conn *conn, double seconds) {
    if (is_delivering(conn)) seconds = fmin(seconds, fmax(sw_stream_deadline(&conn->stream) - sw_clock(), 0));
    if (seconds < INFINITY) sw_reactor_set_timer(conn->common.reactor, &conn->timer, seconds);
}

/* The only place where the state changes. */
static void set_state(struct conn *conn, enum conn_state state) {
    ev_timer_stop(conn->common.reactor->ev, &conn->timer);
    conn->needs_report_room = false;
    conn->state = state;
    if (state == CONN_DIALING || state == CONN_WAITING) set_timer(conn, INFINITY);
}

/* Changes the state and posts it. */
static void enter(struct conn *conn, enum conn_state state) {
    set_state(conn, state);
    post_state(conn);
}

/* The same, and posts the report together with the state. False: there was no memory for the report. */
static bool enter_with(struct conn *conn, enum conn_state state, const struct sw_report *report) {
    set_state(conn, state);
    const struct sw_standing standing = make_standing(conn);
    return sw_channel_post_state_with(conn->common.channel, conn->newest_command, &standing, report);
}

/* Posts the close event, which also tells which messages are lost. The connection is finished. */
static void finish(struct conn *conn, struct sw_report *last) {
    last->event = SW_EVENT_CLOSE;
    conn->common.channel->conn = NULL;
    enter(conn, CONN_CLOSED);
    sw_channel_post_last(conn->common.channel, last);
    conn->is_finished = true;
}

/* --- reports --- */

static struct sw_error closed(void) { return sw_error_make(SW_CLOSED, SW_STAGE_CLOSE); }

static struct sw_report make_report(const struct conn *conn, enum sw_event event) {
    bool is_of_attempt = conn->cause.stage == SW_STAGE_CONNECT || conn->cause.stage == SW_STAGE_TLS;
    bool has_causes = (event == SW_EVENT_RETRY || event == SW_EVENT_ERROR) && is_of_attempt;
    struct sw_causes *causes = has_causes ? conn->dialer.causes : NULL; /* a report that is posted gets a reference */
    struct sw_report report = {
        .event = event,
        .causes = causes,
        .lacks_causes = has_causes && causes == NULL,
        .error = conn->cause,
        .address = conn->dialer.address,
        .port = conn->dialer.port,
        .server = conn->dialer.index,
        .attempt = conn->failures + 1,
    };
    if (sw_report_is_about_frame(&report)) report.bad_frame = sw_rx_bad_frame(&conn->stream.rx);
    return report;
}

/* After close, nothing is told but the last event. */
static bool is_heard(const struct conn *conn) { return conn->goal != GOAL_CLOSE; }

static void post_log(struct conn *conn, enum sw_log log, double delay) {
    if (!is_heard(conn)) return;
    struct sw_report report = make_report(conn, SW_EVENT_LOG);
    report.log = log;
    report.seconds = delay;
    sw_channel_post_report(conn->common.channel, &report);
}

/* The error event: a connect command has failed, and conn->cause says why. */
static struct sw_report error_report(const struct conn *conn) {
    struct sw_report report = make_report(conn, SW_EVENT_ERROR);
    report.unsent = sw_tx_unsent(&conn->stream.tx);
    return report;
}

/* The error event of a connect command that a later command has replaced. */
static void post_superseded_one(struct conn *conn) {
    struct sw_report report = error_report(conn);
    conn->owes_outcome = false;
    sw_channel_post_report(conn->common.channel, &report);
    post_log(conn, SW_LOG_SUPERSEDED, 0);
}

static void post_superseded(struct conn *conn) {
    if (conn->superseded > 0) conn->cause = closed();
    for (; conn->superseded > 0; conn->superseded--) post_superseded_one(conn);
}

/* --- the steps that sw_next chooses --- */

static void set_failures(struct conn *conn, uint32_t failures) {
    conn->failures = failures;
    sw_progress_count_failures(&conn->stream.progress, failures);
    sw_progress_publish(&conn->stream.progress);
}

/* Of a round that has begun, every server is tried, also without a reconnect policy. But a connection that has ended is not
 * followed by another then. */
static bool may_retry(const struct conn *conn) {
    bool is_searching = conn->state == CONN_DIALING || conn->reconnect.enabled;
    if (is_searching && sw_round_is_under_way(&conn->round)) return true;
    return sw_backoff_allows(&conn->reconnect, conn->failures);
}

/* Why the attempt or connection to the dialer's server ended, or ends. */
static void set_cause(struct conn *conn, struct sw_error cause) {
    conn->cause = cause;
    conn->cause_server = conn->dialer.index;
}

/* The server has failed; the next one is to be tried. */
static void count_failed_server(struct conn *conn, bool counts_round) {
    bool is_over = sw_round_fail(&conn->round, conn->dialer.servers->count);
    set_failures(conn, conn->failures + (is_over && counts_round ? 1 : 0));
}

static void forget_failures(struct conn *conn) {
    sw_round_succeed(&conn->round);
    set_failures(conn, 0);
}

/* The attempt or connection is to one of these servers. One that is shut down takes nothing more: to connect then is to make
 * another. */
static bool is_at(const struct conn *conn, const struct sw_servers *servers) {
    bool takes_none = conn->is_shut && conn->state == CONN_OPEN;
    return !takes_none && sw_servers_equal(conn->dialer.servers, servers);
}

static struct conn_facts facts(const struct conn *conn, const struct sw_servers *servers) {
    return (struct conn_facts){
        .is_same = is_at(conn, servers),
        .may_retry = may_retry(conn),
        .has_report_room = !is_heard(conn) || sw_channel_can_report(conn->common.channel),
        .needs_report_room = conn->needs_report_room,
        .may_deliver = sw_clock() < sw_stream_deadline(&conn->stream) && sw_tx_has_rest(&conn->stream.tx, conn->fence),
    };
}

static enum conn_step next_step(const struct conn *conn, enum conn_event event) {
    return sw_next(conn->state, conn->goal, event, facts(conn, conn->dialer.servers));
}

/* The end that a disconnect or close command asks for, from now on. */
static void set_end(struct conn *conn, uint64_t fence, double linger) {
    sw_tx_take(&conn->stream.tx); /* to know whether there is something to deliver */
    conn->fence = fence;
    if (!sw_stream_is_open(&conn->stream)) sw_stream_set_deadline(&conn->stream, sw_clock() + linger);
}

static void check_dialer(struct conn *conn);
static void check_stream(struct conn *conn);

/* Begins with the first server. */
static void begin_round(struct conn *conn) {
    bool is_random = conn->servers->order == SW_ORDER_RANDOM;
    conn->round = sw_round_begin(is_random, sw_reactor_random(conn->common.reactor));
}

static void dial(struct conn *conn) {
    if (!sw_servers_equal(conn->dialer.servers, conn->servers)) begin_round(conn);
    sw_dialer_set_server(&conn->dialer, conn->servers, sw_round_server(&conn->round, conn->servers->count));
    post_log(conn, conn->failures > 0 ? SW_LOG_RETRYING : SW_LOG_CONNECTING, 0);
    set_state(conn, CONN_DIALING);
    sw_dialer_start(&conn->dialer);
    check_dialer(conn);
}

/* The inbox has no room for the report of an attempt's end. When it has, handle_credit begins the attempt. */
static void await_report_room(struct conn *conn) {
    conn->attempt_due = 0;
    enter(conn, CONN_WAITING);
    conn->needs_report_room = true;
}

/* Begins an attempt, or waits until the inbox has room for its report. Does not post WAITING first: the host would
 * take it for the outcome of the command that is being handled. */
static void attempt(struct conn *conn) {
    set_state(conn, CONN_WAITING);
    if (next_step(conn, EVENT_ATTEMPT_DUE) == STEP_DIAL)
        dial(conn);
    else
        await_report_room(conn);
}

/* While it ends, the linger is what there is: the script's own delays may be longer. */
static double next_delay(struct conn *conn) {
    if (sw_round_is_under_way(&conn->round)) return 0;
    static const struct sw_reconnect last = {.delay = SW_LAST_DELAY, .max = SW_LAST_DELAY_MAX, .factor = 2};
    uint32_t failures = conn->failures > 0 ? conn->failures : 1;
    const struct sw_reconnect *options = is_delivering(conn) ? &last : &conn->reconnect;
    return sw_backoff_delay(options, failures, sw_reactor_random(conn->common.reactor));
}

/* Sets when the next attempt begins. Returns the delay until then. */
static double plan_attempt(struct conn *conn) {
    double delay = next_delay(conn);
    conn->state_since = sw_clock();
    conn->attempt_due = conn->state_since + delay;
    return delay;
}

static void wait_for_next(struct conn *conn, double delay) {
    struct sw_report report = make_report(conn, SW_EVENT_RETRY);
    report.seconds = delay;
    if (is_heard(conn))
        enter_with(conn, CONN_WAITING, &report);
    else
        enter(conn, CONN_WAITING);
    set_timer(conn, delay);
    post_log(conn, SW_LOG_WILL_RETRY, delay);
}

/* Makes no further attempt. Queued messages are kept for the next connect command. */
static void give_up(struct conn *conn, struct sw_error cause, enum sw_log log) {
    sw_dialer_cancel(&conn->dialer);
    conn->cause = cause;
    forget_failures(conn);
    sw_tx_take(&conn->stream.tx); /* so that the report counts all unsent messages */
    struct sw_report report = error_report(conn);
    conn->owes_outcome = false;
    enter_with(conn, CONN_IDLE, &report);
    post_log(conn, log, 0);
}

/* The same after a disconnect command. */
static void stop_attempts(struct conn *conn) { give_up(conn, closed(), SW_LOG_STOPPED); }

/* Another connect command takes the place of the one that the attempts are for. */
static void supersede(struct conn *conn) {
    sw_dialer_cancel(&conn->dialer);
    forget_failures(conn);
    if (!conn->owes_outcome) return;
    conn->cause = closed();
    sw_tx_take(&conn->stream.tx); /* to be counted */
    post_superseded_one(conn);
}

static void attempt_failed(struct conn *conn, struct sw_error error) {
    sw_dialer_cancel(&conn->dialer);
    set_state(conn, CONN_DIALING); /* it is OPEN if the stream could not be opened */
    set_cause(conn, error);
    count_failed_server(conn, !conn->is_extra);
    conn->is_extra = false;
    switch (next_step(conn, EVENT_FAILED)) {
    case STEP_WAIT: wait_for_next(conn, plan_attempt(conn)); break;
    case STEP_CLOSE: sw_conn_abort(conn); break;
    default: give_up(conn, error, SW_LOG_ERROR); break;
    }
}

/* There is a connection at last, on which to deliver what was accepted before the command. */
static void finish_delivery(struct conn *conn, double deadline) {
    double left = deadline - sw_clock();
    conn->cause = closed();
    enter(conn, CONN_CLOSING);
    sw_stream_flush(&conn->stream, conn->fence, fmax(left, 0), conn->goal == GOAL_CLOSE);
}

/* How long the attempt has taken, and its parts. */
static void set_times(const struct conn *conn, struct sw_report *report) {
    struct dialer_times times = sw_dialer_times(&conn->dialer);
    report->seconds = times.all;
    report->dns = (float)times.dns;
    report->tcp = (float)times.tcp;
    report->turn = (float)times.turn;
}

static void open_stream(struct conn *conn) {
    struct sw_transport transport;
    uint32_t number = (uint32_t)sw_progress_count_connect(&conn->stream.progress);
    sw_progress_publish(&conn->stream.progress);
    struct sw_report report = make_report(conn, SW_EVENT_CONNECT);
    set_times(conn, &report);
    report.first = sw_tx_first(&conn->stream.tx);
    report.connection = number;
    bool ends = is_delivering(conn);
    double deadline = sw_stream_deadline(&conn->stream); /* which the new connection resets */
    if (!ends) conn->goal = conn->is_shut ? GOAL_IDLE : GOAL_RETRY;
    sw_channel_set_connection(conn->common.channel, number);
    if (is_heard(conn)) report.tls = sw_dialer_take_tls(&conn->dialer);
    if (is_heard(conn) && !enter_with(conn, ends ? CONN_CLOSING : CONN_OPEN, &report)) {
        sw_tx_give_up_once(&conn->stream.tx);
        attempt_failed(conn, sw_error_system(ENOMEM, SW_STAGE_CONNECT));
        return;
    }
    conn->owes_outcome = conn->is_extra = false;
    conn->state_since = sw_clock();
    post_log(conn, number > 1 ? SW_LOG_RECONNECTED : SW_LOG_CONNECTED, 0);
    struct sw_greeting *opening = sw_dialer_take(&conn->dialer, &transport);
    sw_stream_open(&conn->stream, &transport, opening);
    if (ends)
        finish_delivery(conn, deadline);
    else if (conn->is_shut)
        sw_stream_half_close(&conn->stream, conn->fence);
    else
        sw_stream_send(&conn->stream);
    check_stream(conn);
}

/* Acts on the status of the dialer. */
static void check_dialer(struct conn *conn) {
    switch (conn->dialer.status) {
    case DIALER_IDLE: break;
    case DIALER_RESOLVING:
    case DIALER_CONNECTING:
    case DIALER_STAGES: post_state(conn); break;
    case DIALER_READY:
        if (next_step(conn, EVENT_READY) == STEP_OPEN) open_stream(conn);
        break;
    case DIALER_FAILED: attempt_failed(conn, conn->dialer.error); break;
    }
}

/* Counts a failure, unless the connection lasted long enough to be called good. */
static void count_failure(struct conn *conn) {
    bool was_good = sw_clock() - conn->state_since >= SW_GOOD_AFTER;
    conn->dialer.avoids_address = !was_good;
    if (was_good)
        forget_failures(conn);
    else
        count_failed_server(conn, true);
}

/* Posts the disconnect event of the connection that has ended, and carries out the step that follows. */
static void continue_after_end(struct conn *conn, enum conn_step step, struct sw_report *report) {
    double delay = step == STEP_END_WAIT ? plan_attempt(conn) : 0; /* the state that follows tells it */
    report->will_retry = step != STEP_END_IDLE;
    if (step == STEP_END_REDIAL)
        sw_channel_post_report(conn->common.channel, report);
    else
        enter_with(conn, step == STEP_END_WAIT ? CONN_WAITING : CONN_IDLE, report);
    post_log(conn, SW_LOG_DISCONNECTED, 0);
    post_superseded(conn);
    if (step == STEP_END_WAIT) {
        wait_for_next(conn, delay);
        return;
    }
    forget_failures(conn);
    if (step != STEP_END_REDIAL) return;
    conn->goal = GOAL_RETRY;
    conn->owes_outcome = true;
    attempt(conn);
}

static void end_stream(struct conn *conn) {
    struct sw_report report = make_report(conn, SW_EVENT_DISCONNECT);
    struct sw_transport rest;
    double deadline = sw_stream_deadline(&conn->stream);
    enter(conn, CONN_CLOSING); /* a host that waits sees the cause before the losses */
    sw_stream_close(&conn->stream, conn->goal == GOAL_CLOSE, &report, &rest);
    if (sw_transport_is_open(&rest)) sw_lingering_start(conn->common.reactor, conn->common.channel, &rest, deadline);
    if (conn->goal == GOAL_RETRY) count_failure(conn);
    enum conn_step step = next_step(conn, EVENT_OVER);
    if (step == STEP_CLOSE)
        finish(conn, &report);
    else
        continue_after_end(conn, step, &report);
}

/* Acts on the phase of the stream. */
static void check_stream(struct conn *conn) {
    enum closing_phase phase = sw_stream_phase(&conn->stream);
    if (!sw_stream_is_open(&conn->stream) || phase == CLOSING_NOT) return;
    bool is_new = conn->state == CONN_OPEN || conn->cause.err != conn->stream.cause.err;
    set_cause(conn, conn->stream.cause);
    if (phase == CLOSING_DONE) {
        end_stream(conn);
        return;
    }
    if (is_new && next_step(conn, EVENT_ENDING) == STEP_POST_CLOSING) enter(conn, CONN_CLOSING);
    sw_reactor_set_timer(conn->common.reactor, &conn->timer, sw_stream_wait(&conn->stream));
}

/* --- commands --- */

/* Begins attempts to the server, which the command gave. */
static void begin(struct conn *conn, bool is_same) {
    bool is_waiting = conn->state == CONN_WAITING;
    if (is_waiting && (!is_same || conn->goal == GOAL_IDLE))
        supersede(conn);
    else if (!is_same)
        forget_failures(conn);
    conn->is_extra = is_waiting && is_same && !conn->needs_report_room;
    conn->goal = GOAL_RETRY;
    conn->owes_outcome = true;
}

static void handle_connect(struct conn *conn, const struct sw_command *command) {
    bool is_same = is_at(conn, command->servers);
    enum conn_step step = sw_next(conn->state, conn->goal, EVENT_CONNECT, facts(conn, command->servers));
    conn->is_shut = false;
    bool replaces = conn->goal == GOAL_REDIAL && !sw_servers_equal(conn->servers, command->servers);
    sw_servers_set(&conn->servers, command->servers);
    if (conn->state == CONN_IDLE) begin_round(conn);
    conn->reconnect = command->policy;
    switch (step) {
    case STEP_DIAL:
        begin(conn, is_same);
        dial(conn);
        break;
    case STEP_AWAIT_REPORT_ROOM:
        begin(conn, is_same);
        await_report_room(conn);
        break;
    case STEP_REDIAL:
        supersede(conn);
        begin(conn, true);
        attempt(conn);
        break;
    case STEP_SHUT_DOWN:
        conn->goal = GOAL_REDIAL;
        sw_stream_shut_down(&conn->stream, command->fence, conn->common.channel->options->linger);
        sw_stream_await(&conn->stream);
        check_stream(conn);
        break;
    case STEP_SET_GOAL_REDIAL:
        if (replaces) conn->superseded++;
        sw_tx_lower_fence(&conn->stream.tx, command->fence);
        conn->goal = GOAL_REDIAL;
        sw_stream_await(&conn->stream);
        check_stream(conn);
        break;
    default: break;
    }
}

/* Without a connection, the next one is shut down when it is there. */
static void handle_shut_down(struct conn *conn, const struct sw_command *command) {
    conn->is_shut = true;
    conn->fence = command->fence;
    if (conn->state != CONN_OPEN) return;
    conn->goal = GOAL_IDLE;
    sw_stream_half_close(&conn->stream, command->fence);
    check_stream(conn);
}

static void deliver(struct conn *conn, enum conn_goal goal) {
    bool is_waiting = conn->state == CONN_WAITING;
    conn->goal = goal;
    forget_failures(conn);
    if (is_waiting)
        attempt(conn);
    else
        set_timer(conn, INFINITY);
}

static void handle_disconnect(struct conn *conn, const struct sw_command *command) {
    if (conn->goal != GOAL_CLOSE) set_end(conn, command->fence, command->linger);
    switch (next_step(conn, EVENT_DISCONNECT)) {
    case STEP_GIVE_UP: stop_attempts(conn); break;
    case STEP_DELIVER: deliver(conn, GOAL_IDLE); break;
    case STEP_FLUSH:
        conn->goal = GOAL_IDLE;
        conn->cause = closed();
        enter(conn, CONN_CLOSING);
        sw_stream_flush(&conn->stream, command->fence, command->linger, false);
        check_stream(conn);
        break;
    case STEP_SET_GOAL_IDLE:
        if (conn->goal == GOAL_REDIAL) conn->superseded++;
        conn->goal = GOAL_IDLE;
        sw_stream_end_by(&conn->stream, command->fence, command->linger);
        check_stream(conn);
        break;
    default: break;
    }
}

bool sw_conn_is_closing(const struct conn *conn) {
    return conn->goal == GOAL_CLOSE && conn->state != CONN_IDLE && conn->state != CONN_CLOSED;
}

/* Ends the attempt or connection and gives up all messages; the report tells which. Messages that the host accepts
 * from now on are not included.
 */
static void give_up_everything(struct conn *conn, struct sw_report *report) {
    sw_dialer_cancel(&conn->dialer);
    struct sw_transport rest;
    conn->goal = GOAL_CLOSE;
    sw_stream_close(&conn->stream, true, report, &rest);
}

void sw_conn_abort(struct conn *conn) {
    struct sw_report last = {.event = SW_EVENT_CLOSE};
    give_up_everything(conn, &last);
    finish(conn, &last);
}

void sw_conn_close(struct conn *conn, double linger) {
    set_end(conn, UINT64_MAX, linger);
    switch (next_step(conn, EVENT_CLOSE)) {
    case STEP_CLOSE: sw_conn_abort(conn); break;
    case STEP_DELIVER: deliver(conn, GOAL_CLOSE); break;
    case STEP_FLUSH_AND_CLOSE:
        conn->goal = GOAL_CLOSE;
        set_state(conn, CONN_CLOSING);
        sw_stream_flush(&conn->stream, UINT64_MAX, linger, true);
        conn->cause = conn->stream.cause;
        post_state(conn);
        check_stream(conn);
        break;
    default: break;
    }
}

/* The delay counts from the end of the last attempt. */
static void reschedule(struct conn *conn) {
    conn->attempt_due = conn->state_since + next_delay(conn);
    set_timer(conn, conn->attempt_due - sw_clock());
    post_state(conn);
}

static void handle_reconnect(struct conn *conn, const struct sw_reconnect *reconnect) {
    conn->reconnect = *reconnect;
    switch (next_step(conn, EVENT_RECONNECT)) {
    case STEP_GIVE_UP: give_up(conn, conn->cause, SW_LOG_ERROR); break;
    case STEP_RESCHEDULE: reschedule(conn); break;
    default: break;
    }
}

static void handle_command(struct conn *conn, const struct sw_command *command) {
    conn->newest_command = command->number;
    switch (command->verb) {
    case SW_CONNECT: handle_connect(conn, command); break;
    case SW_SERVER: sw_servers_set(&conn->servers, command->servers); break;
    case SW_SHUT_DOWN: handle_shut_down(conn, command); break;
    case SW_DISCONNECT: handle_disconnect(conn, command); break;
    case SW_CLOSE: sw_conn_close(conn, command->linger); break;
    }
    if (conn->state != CONN_CLOSED) post_state(conn); /* until this, scripts see the state that the host has assumed */
}

/* Handles the commands, and the reconnect options between them, in the order in which the host posted them. */
static void handle_commands(struct conn *conn, const struct sw_batch *batch) {
    bool is_posted = batch->slots.posted & SW_SLOT_RECONNECT;
    for (const struct sw_command *command = batch->commands; command != NULL; command = command->next) {
        if (is_posted && command->number > batch->slots.reconnect_after) {
            handle_reconnect(conn, &batch->slots.reconnect);
            is_posted = false;
        }
        handle_command(conn, command);
    }
    if (is_posted) handle_reconnect(conn, &batch->slots.reconnect);
}

static void handle_interest(struct conn *conn, struct sw_interest interest) {
    conn->stream.rx.discards_messages = !interest.messages;
}

static void handle_bad_frame(struct conn *conn, uint32_t connection) {
    if (!sw_stream_is_open(&conn->stream) || connection != (uint32_t)conn->stream.progress.connects) return;
    sw_stream_break(&conn->stream);
    check_stream(conn);
}

static void handle_confirmed(struct conn *conn, uint64_t id) { sw_tx_confirm(&conn->stream.tx, id); }

static void handle_credit(struct conn *conn, const struct sw_slots *slots) {
    sw_rx_set_credit(&conn->stream.rx, slots->has_credit);
    sw_progress_publish(&conn->stream.progress); /* a drain may be due */
    if (slots->can_report && conn->needs_report_room) attempt(conn);
}

void sw_conn_handle_batch(struct conn *conn, const struct sw_batch *batch) {
    SW_ON_LOOP_THREAD();
    const struct sw_slots *slots = &batch->slots;
    struct tx *tx = &conn->stream.tx;
    if (slots->posted & SW_SLOT_INTEREST) handle_interest(conn, slots->interest);
    if (slots->posted & SW_SLOT_BAD_FRAME) handle_bad_frame(conn, slots->bad_frame);
    if (slots->posted & SW_SLOT_CREDIT) handle_credit(conn, slots);
    if (slots->posted & SW_SLOT_CONFIRMED) handle_confirmed(conn, slots->confirmed);
    if (slots->posted & SW_SLOT_ONCE) sw_tx_take(tx);
    sw_tx_lift_fence(tx);
    handle_commands(conn, batch);
    bool can_wait = batch->commands == NULL && tx->once == NULL && sw_tx_is_coalescing(tx);
    if (sw_stream_is_open(&conn->stream) && !can_wait) {
        sw_stream_send(&conn->stream);
        check_stream(conn);
    }
    if (conn->state == CONN_CLOSED) return;
    if (slots->posted & SW_SLOT_PAGES) sw_tx_prefault(tx, slots->pages);
    if (slots->posted & SW_SLOT_COPY) sw_tx_copy(tx);
}

/* --- when the loop ends --- */

void sw_conn_fail(struct conn *conn, struct sw_error fault) {
    if (sw_conn_is_closing(conn)) {
        sw_conn_abort(conn);
        return;
    }
    bool was_idle = conn->state == CONN_IDLE, was_open = sw_stream_is_open(&conn->stream);
    if (was_open && conn->goal == GOAL_REDIAL) conn->superseded++;
    conn->cause = fault;
    post_state(conn); /* first, as in end_stream */
    struct sw_report report = make_report(conn, was_open ? SW_EVENT_DISCONNECT : SW_EVENT_ERROR);
    give_up_everything(conn, &report);
    bool loses = report.lost_unsent.first != 0 || report.lost_unknown.first != 0;
    enter(conn, CONN_IDLE);
    if (!was_idle || loses) sw_channel_post_report(conn->common.channel, &report);
    for (; conn->superseded > 0; conn->superseded--) post_superseded_one(conn);
    conn->common.channel->conn = NULL;
    sw_channel_detach(conn->common.channel); /* from now on, the host's close() posts the close event */
    conn->is_finished = true;
}

void sw_conn_refuse(struct conn *conn, const struct sw_batch *batch, struct sw_error fault) {
    bool closing = false, connecting = false;
    for (const struct sw_command *command = batch->commands; command != NULL; command = command->next) {
        conn->newest_command = command->number;
        closing = closing || command->verb == SW_CLOSE;
        connecting = connecting || command->verb == SW_CONNECT;
    }
    enter(conn, connecting ? CONN_WAITING : CONN_IDLE); /* WAITING: sw_conn_fail reports the failed connect */
    if (closing)
        sw_conn_abort(conn);
    else
        sw_conn_fail(conn, fault);
}

/* --- events; making and freeing --- */

static void notify_owner(struct conn *conn) {
    if (conn->is_finished) conn->on_finished(conn);
}

static void on_dialer(struct dialer *dialer) {
    struct conn *conn = SW_HOLDER(dialer, struct conn, dialer);
    check_dialer(conn);
    notify_owner(conn);
}

static void on_stream(struct stream *stream) {
    struct conn *conn = SW_HOLDER(stream, struct conn, stream);
    check_stream(conn);
    notify_owner(conn);
}

/* The linger is over, and there is no connection. */
static void end_late(struct conn *conn) {
    if (next_step(conn, EVENT_LATE) == STEP_CLOSE)
        sw_conn_abort(conn);
    else
        stop_attempts(conn);
}

static void on_timer(struct ev_loop *ev, ev_timer *timer, int events) {
    (void)ev, (void)events;
    struct conn *conn = timer->data;
    if (is_delivering(conn) && sw_clock() >= sw_stream_deadline(&conn->stream)) {
        end_late(conn);
    } else if (conn->state == CONN_WAITING) {
        attempt(conn);
    } else if (conn->state == CONN_DIALING) {
        set_timer(conn, INFINITY);
    } else {
        sw_stream_advance(&conn->stream);
        check_stream(conn);
    }
    notify_owner(conn);
}

struct conn *sw_conn_new(struct sw_reactor *reactor, struct sw_channel *channel, void (*on_finished)(struct conn *conn),
                         void *owner) {
    struct conn *conn = sw_reactor_allocate(sizeof *conn);
    conn->common.reactor = reactor;
    conn->common.channel = sw_channel_ref(channel);
    sw_turns_init(&conn->common.turns);
    conn->on_finished = on_finished;
    conn->owner = owner;
    sw_dialer_init(&conn->dialer, &conn->common, on_dialer);
    sw_stream_init(&conn->stream, &conn->common, on_stream);
    ev_init(&conn->timer, on_timer);
    conn->timer.data = conn;
    channel->conn = conn;
    return conn;
}

void sw_conn_free(struct conn *conn) {
    sw_dialer_fini(&conn->dialer);
    sw_stream_fini(&conn->stream);
    sw_servers_unref(conn->servers);
    sw_channel_unref(conn->common.channel);
    free(conn);
}
