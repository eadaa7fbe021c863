#include "loop/conn.h"

#include <stdlib.h>

#include "base/clock.h"
#include "channel/engine.h"
#include "channel/thread.h"
#include "loop/loop.h"
#include "loop/socket.h"

/* A connection that held so long was good: the backoff starts anew. */
static const double HELD = 5;

/* --- states --- */

static enum sw_state visible(const struct conn *conn) {
    if (sw_conn_is_closing(conn)) return SW_STATE_CLOSED; /* as it was when close() returned */
    switch (conn->state) {
    case CONN_IDLE: return SW_STATE_IDLE;
    case CONN_RESOLVING: return SW_STATE_RESOLVING;
    case CONN_CONNECTING: return SW_STATE_CONNECTING;
    case CONN_CONNECTED: return SW_STATE_CONNECTED;
    case CONN_FLUSHING:
    case CONN_ENDING: return SW_STATE_CLOSING;
    case CONN_WAITING: return SW_STATE_WAITING;
    case CONN_CLOSED: return SW_STATE_CLOSED;
    }
    return SW_STATE_CLOSED;
}

static const struct sw_error *last_cause(const struct conn *conn) {
    return conn->cause.err != SW_OK ? &conn->cause : NULL;
}

static void show(struct conn *conn) {
    sw_channel_post_state(conn->channel, conn->known, visible(conn), last_cause(conn));
}

static void set_state(struct conn *conn, enum conn_state state) {
    ev_timer_stop(conn->loop->ev, &conn->timer);
    conn->state = state;
}

void sw_conn_enter(struct conn *conn, enum conn_state state) {
    set_state(conn, state);
    show(conn);
}

bool sw_conn_enter_with(struct conn *conn, enum conn_state state, const struct sw_report *report) {
    set_state(conn, state);
    return sw_channel_post_state_with(conn->channel, conn->known, visible(conn), last_cause(conn), report);
}

static void on_timer(struct ev_loop *ev, ev_timer *timer, int events) {
    (void)ev, (void)events;
    struct conn *conn = timer->data;
    switch (conn->state) {
    case CONN_RESOLVING:
    case CONN_CONNECTING: sw_dial_timeout(conn); break;
    case CONN_FLUSHING:
    case CONN_ENDING: sw_ending_timeout(conn); break;
    case CONN_WAITING: sw_dial_start(conn); break;
    case CONN_IDLE:
    case CONN_CONNECTED:
    case CONN_CLOSED: assert(!"a timer in a state without one");
    }
}

void sw_conn_set_timer(struct conn *conn, double seconds) {
    ev_timer_stop(conn->loop->ev, &conn->timer);
    ev_timer_set(&conn->timer, seconds > 0 ? seconds : 0, 0);
    ev_timer_start(conn->loop->ev, &conn->timer);
}

/* --- life --- */

struct conn *sw_conn_new(struct loop *loop, struct sw_channel *channel) {
    struct conn *conn = sw_loop_allocate(sizeof *conn);
    conn->loop = loop;
    conn->channel = sw_channel_ref(channel);
    conn->fd = -1;
    ev_init(&conn->timer, on_timer);
    conn->timer.data = conn;
    sw_channel_gauges(channel, &conn->gauges); /* an earlier loop may have counted */
    sw_sendq_init(&conn->queue, channel->options->retain, conn->gauges.handed, conn->gauges.finished);
    channel->conn = conn;
    return conn;
}

void sw_conn_free(struct conn *conn) {
    if (conn->lookup != NULL) conn->lookup->conn = NULL;
    sw_sendq_fini(&conn->queue);
    sw_greeting_unref(conn->greeting);
    sw_server_unref(conn->server);
    sw_server_unref(conn->dialled);
    sw_channel_unref(conn->channel);
    free(conn);
}

/* The last event, with what will never be sent; the channel has no connection from here on. */
static void let_go(struct conn *conn, struct sw_report *last) {
    last->event = SW_EVENT_CLOSE;
    conn->channel->conn = NULL;
    sw_conn_enter(conn, CONN_CLOSED);
    sw_channel_post_last(conn->channel, last);
    sw_loop_remove(conn->loop, conn);
}

void sw_conn_close_socket(struct conn *conn) {
    sw_fork_hold();
    atomic_store(&conn->channel->fd, -1);
    sw_socket_close(conn->fd);
    sw_fork_release();
    conn->fd = -1;
}

/* --- telling --- */

struct sw_report sw_conn_report(const struct conn *conn, enum sw_event event) {
    struct sw_report report = {
        .event = event,
        .error = conn->cause,
        .address = conn->address,
        .port = conn->port,
        .attempt = conn->failures + 1,
    };
    return report;
}

void sw_conn_log(struct conn *conn, enum sw_log log, double delay) {
    struct sw_report report = sw_conn_report(conn, SW_EVENT_LOG);
    report.log = log;
    report.seconds = delay;
    sw_channel_post_report(conn->channel, &report);
}

static void give_loans_back(struct conn *conn) {
    struct sw_pages lent = sw_sendq_take_lent(&conn->queue);
    sw_engine_give_back(conn->loop->engine, &lent);
}

struct sw_progress sw_conn_progress(struct conn *conn) {
    const struct sw_sendq *queue = &conn->queue;
    struct sw_gauges *gauges = &conn->gauges;
    gauges->in_flight = queue->handed.id - queue->kept.id;
    gauges->finished = queue->finished;
    gauges->handed = queue->handed.id;
    gauges->reached = queue->reached;
    gauges->failures = conn->failures;
    /* The four groups, each counted on its own, make up what was taken in. */
    assert(queue->last_id - queue->handed.id + sw_gauges_not_queued(gauges) == queue->last_id);
    uint64_t before = conn->released;
    conn->released = sw_sendq_released(queue);
    give_loans_back(conn);
    return (struct sw_progress){gauges, (size_t)(conn->released - before)};
}

void sw_conn_account(struct conn *conn) {
    const struct sw_progress progress = sw_conn_progress(conn);
    sw_channel_post_progress(conn->channel, &progress);
}

/* --- what comes next --- */

static bool may_retry(const struct conn *conn) { return sw_backoff_allows(&conn->reconnect, conn->failures); }

static double next_delay(struct conn *conn) {
    uint32_t failures = conn->failures > 0 ? conn->failures : 1;
    return sw_backoff_delay(&conn->reconnect, failures, sw_random(&conn->loop->seed));
}

static void wait_for_next(struct conn *conn) {
    double delay = next_delay(conn);
    conn->since = sw_clock();
    struct sw_report report = sw_conn_report(conn, SW_EVENT_RETRY);
    report.seconds = delay;
    sw_conn_enter_with(conn, CONN_WAITING, &report);
    sw_conn_set_timer(conn, delay);
    sw_conn_log(conn, SW_LOG_WILL_RETRY, delay);
}

/* A connect command came to nothing, for the cause given: its event. */
static struct sw_report error_report(const struct conn *conn) {
    struct sw_report report = sw_conn_report(conn, SW_EVENT_ERROR);
    report.unsent = conn->queue.last_id - conn->queue.handed.id;
    return report;
}

static void tell_error(struct conn *conn) {
    struct sw_report report = error_report(conn);
    sw_channel_post_report(conn->channel, &report);
    sw_conn_log(conn, SW_LOG_ERROR, 0);
}

/* No further attempt: the queue waits for the next connect command. */
static void give_up(struct conn *conn, struct sw_error error) {
    conn->cause = error;
    conn->failures = 0;
    conn->attempt_due = false;
    sw_transfer_take(conn); /* to be counted */
    struct sw_report report = error_report(conn);
    sw_conn_enter_with(conn, CONN_IDLE, &report);
    sw_conn_log(conn, SW_LOG_ERROR, 0);
}

void sw_conn_dial_failed(struct conn *conn, struct sw_error error) {
    conn->cause = error;
    conn->failures++;
    sw_conn_account(conn);
    if (may_retry(conn))
        wait_for_next(conn);
    else
        give_up(conn, error);
}

static void count_failure(struct conn *conn) {
    bool held = sw_clock() - conn->since >= HELD;
    conn->failures = held ? 0 : conn->failures + 1;
    sw_conn_account(conn);
}

static struct sw_error closed(void) { return sw_error_make(SW_CLOSED, SW_STAGE_CLOSE); }

static void tell_overtaken(struct conn *conn) {
    if (conn->overtaken > 0) conn->cause = closed();
    for (; conn->overtaken > 0; conn->overtaken--) tell_error(conn);
}

void sw_conn_ended(struct conn *conn, struct sw_report *report) {
    if (conn->goal == GOAL_CLOSE) {
        let_go(conn, report);
        return;
    }
    if (conn->goal == GOAL_RETRY) count_failure(conn);
    bool again = conn->goal == GOAL_RETRY && may_retry(conn);
    report->will_retry = again || conn->goal == GOAL_REDIAL;
    if (conn->goal == GOAL_REDIAL)
        sw_channel_post_report(conn->channel, report);
    else
        sw_conn_enter_with(conn, again ? CONN_WAITING : CONN_IDLE, report);
    sw_conn_log(conn, SW_LOG_DISCONNECTED, 0);
    tell_overtaken(conn);
    if (again) {
        wait_for_next(conn);
        return;
    }
    conn->failures = 0;
    if (conn->goal == GOAL_REDIAL) sw_dial_start(conn);
}

/* --- commands --- */

/* Straight to the next attempt: a state in between would be taken for the outcome of the command that is carried out.
 */
static void redial(struct conn *conn) {
    sw_dial_cancel(conn);
    conn->cause = closed();
    conn->failures = 0;
    sw_transfer_take(conn); /* to be counted */
    tell_error(conn);
    sw_dial_start(conn);
}

static void handle_connect(struct conn *conn, const struct sw_command *command) {
    bool same = sw_server_equal(conn->dialled, command->server);
    bool same_next = sw_server_equal(conn->server, command->server);
    sw_server_set(&conn->server, command->server);
    conn->reconnect = command->policy;
    switch (conn->state) {
    case CONN_IDLE:
    case CONN_WAITING: sw_dial_start(conn); break;
    case CONN_RESOLVING:
    case CONN_CONNECTING:
        if (!same) redial(conn);
        break;
    case CONN_CONNECTED:
        if (same) break;
        conn->goal = GOAL_REDIAL;
        conn->fence = command->fence;
        conn->cause = closed();
        sw_ending_start(conn, conn->channel->options->linger);
        break;
    case CONN_FLUSHING:
    case CONN_ENDING:
        if (conn->goal == GOAL_CLOSE) break;
        if (conn->goal == GOAL_REDIAL && !same_next) conn->overtaken++;
        if (conn->fence > command->fence) conn->fence = command->fence;
        conn->goal = GOAL_REDIAL;
        break;
    case CONN_CLOSED: break;
    }
}

static void handle_policy(struct conn *conn, const struct sw_reconnect *policy) {
    conn->reconnect = *policy;
    if (conn->state != CONN_WAITING) return;
    if (!may_retry(conn))
        give_up(conn, conn->cause);
    else if (!conn->attempt_due)
        sw_conn_set_timer(conn, conn->since + next_delay(conn) - sw_clock());
}

static void handle_disconnect(struct conn *conn, const struct sw_command *command) {
    switch (conn->state) {
    case CONN_RESOLVING:
    case CONN_CONNECTING:
        sw_dial_cancel(conn);
        give_up(conn, closed());
        break;
    case CONN_WAITING: give_up(conn, closed()); break;
    case CONN_CONNECTED: sw_ending_flush(conn, GOAL_REST, command->fence, command->linger); break;
    case CONN_FLUSHING:
    case CONN_ENDING:
        if (conn->goal == GOAL_CLOSE) break;
        if (conn->goal == GOAL_REDIAL) conn->overtaken++;
        if (conn->fence > command->fence) conn->fence = command->fence;
        conn->goal = GOAL_REST;
        break;
    case CONN_IDLE:
    case CONN_CLOSED: break;
    }
}

bool sw_conn_is_closing(const struct conn *conn) {
    return conn->goal == GOAL_CLOSE && (conn->state == CONN_FLUSHING || conn->state == CONN_ENDING);
}

/* Whatever is under way ends, and all messages with it: into the report. What the host accepts from now on is not ours.
 */
static void give_everything_up(struct conn *conn, struct sw_report *report) {
    if (conn->state == CONN_RESOLVING || conn->state == CONN_CONNECTING) sw_dial_cancel(conn);
    conn->goal = GOAL_CLOSE;
    sw_ending_account(conn, report);
}

void sw_conn_abort(struct conn *conn) {
    struct sw_report last = {.event = SW_EVENT_CLOSE};
    give_everything_up(conn, &last);
    let_go(conn, &last);
}

void sw_conn_close(struct conn *conn, double linger) {
    switch (conn->state) {
    case CONN_IDLE:
    case CONN_RESOLVING:
    case CONN_CONNECTING:
    case CONN_WAITING: sw_conn_abort(conn); break; /* nothing to flush to */
    case CONN_CONNECTED:
    case CONN_FLUSHING: sw_ending_flush(conn, GOAL_CLOSE, UINT64_MAX, linger); break;
    case CONN_ENDING:
        conn->goal = GOAL_CLOSE;
        sw_ending_check(conn);
        break;
    case CONN_CLOSED: break;
    }
}

static void handle(struct conn *conn, const struct sw_command *command) {
    conn->known = command->number;
    switch (command->verb) {
    case SW_CONNECT: handle_connect(conn, command); break;
    case SW_SERVER: sw_server_set(&conn->server, command->server); break;
    case SW_DISCONNECT: handle_disconnect(conn, command); break;
    case SW_CLOSE: sw_conn_close(conn, command->linger); break;
    }
    if (conn->state != CONN_CLOSED) show(conn); /* the host shows its guess until the loop knows the command */
}

static void set_room(struct conn *conn, const struct sw_batch *batch) {
    bool was_full = conn->inbox_full;
    conn->inbox_full = !batch->slots.has_room;
    if (!was_full || conn->inbox_full) return;
    sw_transfer_resume(conn);
    if (conn->attempt_due) sw_dial_start(conn);
}

static void confirm(struct conn *conn, uint64_t id) {
    sw_sendq_confirm(&conn->queue, id);
    sw_conn_account(conn);
    if (sw_transfer_is_idle(conn)) sw_transfer_trim(conn); /* else the timer does it */
}

/* The commands, and the reconnect policy at its place among them. */
static void handle_commands(struct conn *conn, const struct sw_batch *batch) {
    const struct sw_slots *slots = &batch->slots;
    bool has_policy = slots->posted & SW_SLOT_RECONNECT;
    for (struct sw_command *command = batch->commands; command != NULL; command = command->next) {
        if (has_policy && command->number > slots->reconnect_after) {
            handle_policy(conn, &slots->reconnect);
            has_policy = false;
        }
        handle(conn, command);
    }
    if (has_policy) handle_policy(conn, &slots->reconnect);
}

void sw_conn_attend(struct conn *conn, struct sw_batch *batch) {
    SW_ON_LOOP_THREAD();
    const struct sw_slots *slots = &batch->slots;
    conn->discard = !slots->interest.messages;
    set_room(conn, batch);
    if (slots->confirmed > conn->queue.confirmed) confirm(conn, slots->confirmed);
    if (conn->state == CONN_CONNECTED) conn->fence = UINT64_MAX; /* the commands are seen now */
    handle_commands(conn, batch);
    if (conn->state == CONN_CONNECTED || conn->state == CONN_FLUSHING) sw_transfer_send(conn);
    if (slots->posted & SW_SLOT_PAGES) sw_transfer_make_ready(conn, slots->pages);
    if (slots->posted & SW_SLOT_COPY && conn->state != CONN_CLOSED) sw_transfer_copy(conn);
}

void sw_conn_fail(struct conn *conn, struct sw_error fault) {
    if (sw_conn_is_closing(conn)) {
        sw_conn_abort(conn);
        return;
    }
    bool idle = conn->state == CONN_IDLE, open = sw_conn_is_open(conn);
    if (open && conn->goal == GOAL_REDIAL) conn->overtaken++;
    conn->cause = fault;
    show(conn); /* who waits sees the cause before the losses */
    struct sw_report report = sw_conn_report(conn, open ? SW_EVENT_DISCONNECT : SW_EVENT_ERROR);
    give_everything_up(conn, &report);
    bool loses = report.lost_unsent.first != 0 || report.lost_unknown.first != 0;
    sw_conn_enter(conn, CONN_IDLE);
    if (!idle || loses) sw_channel_post_report(conn->channel, &report);
    for (; conn->overtaken > 0; conn->overtaken--) tell_error(conn);
    conn->channel->conn = NULL;
    sw_channel_detach(conn->channel); /* from here on, close() puts the last event itself */
    sw_loop_remove(conn->loop, conn);
}

void sw_conn_refuse(struct conn *conn, const struct sw_batch *batch, struct sw_error fault) {
    bool closing = false, connecting = false;
    for (const struct sw_command *command = batch->commands; command != NULL; command = command->next) {
        conn->known = command->number;
        closing = closing || command->verb == SW_CLOSE;
        connecting = connecting || command->verb == SW_CONNECT;
    }
    sw_conn_enter(conn, connecting ? CONN_WAITING : CONN_IDLE); /* for what will not come */
    if (closing)
        sw_conn_abort(conn);
    else
        sw_conn_fail(conn, fault);
}
