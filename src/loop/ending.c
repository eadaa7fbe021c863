#include "base/clock.h"
#include "loop/conn.h"
#include "loop/loop.h"
#include "loop/socket.h"

/* There is no event for "acknowledged": ask this often, for so short a time. */
static const double DRAIN_STEP = 0.005;

/* Unread input would turn the close into a reset, and may keep the peer from reading. After close() nobody wants it, so
 * the inbox's bound does not matter. */
static void read_to_end(struct conn *conn) {
    if (!conn->peer_ended && (!conn->inbox_full || conn->goal == GOAL_CLOSE))
        ev_io_start(conn->loop->ev, &conn->reader);
}

void sw_ending_flush(struct conn *conn, enum conn_goal goal, uint64_t fence, double linger) {
    conn->goal = goal;
    conn->fence = fence;
    conn->linger = linger;
    conn->cause = sw_error_make(SW_CLOSED, SW_STAGE_CLOSE);
    conn->deadline = sw_clock() + linger;
    sw_conn_enter(conn, CONN_FLUSHING);
    if (linger <= 0) {
        sw_ending_finish(conn);
        return;
    }
    sw_conn_set_timer(conn, linger);
    if (goal == GOAL_CLOSE) read_to_end(conn);
    sw_transfer_send(conn);
}

void sw_ending_start(struct conn *conn, double seconds) {
    if (seconds > SW_DRAIN_MAX) seconds = SW_DRAIN_MAX;
    ev_io_stop(conn->loop->ev, &conn->writer);
    conn->fin = sw_socket_finish(conn->fd);
    conn->deadline = sw_clock() + seconds;
    sw_conn_enter(conn, CONN_ENDING);
    sw_conn_set_timer(conn, DRAIN_STEP);
    read_to_end(conn);
    sw_ending_check(conn);
}

void sw_ending_check(struct conn *conn) {
    sw_transfer_sample(conn);
    if ((conn->peer_ended && sw_transfer_is_acked(conn)) || sw_clock() >= conn->deadline) sw_ending_finish(conn);
}

void sw_ending_timeout(struct conn *conn) {
    if (conn->state == CONN_FLUSHING) {
        sw_ending_start(conn, conn->linger);
        return;
    }
    sw_conn_set_timer(conn, DRAIN_STEP);
    sw_ending_check(conn);
}

static uint64_t size_of(struct sw_loss loss) { return loss.first == 0 ? 0 : loss.last - loss.first + 1; }

/* Gives up, or goes back to, what the retain mode and the goal say, and writes it into the report. */
static void settle(struct conn *conn, struct sw_report *report) {
    bool final = conn->goal == GOAL_CLOSE;
    sw_transfer_take(conn); /* also to be counted and, where nothing is replayed, given up, up to the fence */
    report->unsent = conn->queue.last_id - conn->queue.handed.id;
    struct sw_toll toll = final ? sw_sendq_abandon(&conn->queue) : sw_sendq_rewind(&conn->queue, conn->fence);
    report->unacked = toll.in_flight;
    report->lost_unknown = toll.unknown;
    report->lost_unsent = toll.unsent;
    conn->gauges.lost_unknown += size_of(toll.unknown);
    conn->gauges.lost_unsent += size_of(toll.unsent);
    conn->gauges.lost_not_handed += toll.not_handed;
    sw_conn_account(conn);
}

static void close_socket(struct conn *conn) {
    sw_transfer_stop(conn);
    sw_conn_close_socket(conn);
}

void sw_ending_account(struct conn *conn, struct sw_report *report) {
    if (conn->fd >= 0) sw_transfer_sample(conn);
    settle(conn, report);
    report->partial = sw_assembly_partial(&conn->in);
    sw_assembly_reset(&conn->in);
    if (conn->fd >= 0) close_socket(conn);
    sw_transfer_trim(conn);
}

void sw_ending_finish(struct conn *conn) {
    struct sw_report report = sw_conn_report(conn, SW_EVENT_DISCONNECT);
    sw_conn_enter(conn, CONN_ENDING); /* who waits sees the cause before the losses */
    sw_ending_account(conn, &report);
    sw_conn_ended(conn, &report);
}
