#include <errno.h>

#include "base/clock.h"
#include "base/memory.h"
#include "channel/thread.h"
#include "loop/conn.h"
#include "loop/loop.h"
#include "loop/socket.h"

/* When other lookups of this process fill all places, look again so soon. */
static const double LOOKUP_RETRY = 0.02;

static void end_dial(struct conn *conn) {
    free(conn->dial);
    conn->dial = NULL;
}

static void close_socket(struct conn *conn) {
    if (conn->fd < 0) return;
    ev_io_stop(conn->loop->ev, &conn->writer);
    sw_conn_close_socket(conn);
}

static void fail(struct conn *conn, struct sw_error error) {
    close_socket(conn);
    end_dial(conn);
    sw_conn_dial_failed(conn, error);
}

void sw_dial_cancel(struct conn *conn) {
    close_socket(conn);
    end_dial(conn);
}

/* --- connecting: the addresses in order --- */

static void note_address(struct conn *conn, const struct sw_address *address) {
    conn->address = sw_address_ip(address);
    conn->port = conn->dialled->port;
}

static void on_ready(struct conn *conn) {
    bool again = conn->gauges.connects++ > 0;
    struct sw_report report = sw_conn_report(conn, SW_EVENT_CONNECT);
    sw_conn_account(conn);
    report.seconds = sw_clock() - conn->since;
    if (!sw_conn_enter_with(conn, CONN_CONNECTED, &report)) {
        fail(conn, sw_error_system(ENOMEM, SW_STAGE_CONNECT));
        return;
    }
    end_dial(conn);
    ev_io_stop(conn->loop->ev, &conn->writer);
    conn->since = sw_clock();
    conn->goal = GOAL_RETRY;
    conn->fence = UINT64_MAX;
    sw_conn_log(conn, again ? SW_LOG_RECONNECTED : SW_LOG_CONNECTED, 0);
    sw_transfer_start(conn);
}

static void try_next(struct conn *conn);

static void address_failed(struct conn *conn, struct sw_error error) {
    close_socket(conn);
    conn->dial->error = error;
    try_next(conn);
}

static void on_outcome(struct conn *conn) {
    int failed = sw_socket_outcome(conn->fd);
    if (failed < 0) return;
    if (failed > 0) {
        address_failed(conn, sw_error_system(failed, SW_STAGE_CONNECT));
    } else if (sw_socket_is_self(conn->fd)) {
        sw_socket_set_abort(conn->fd);
        address_failed(conn, sw_error_make(SW_SELF, SW_STAGE_CONNECT));
    } else {
        on_ready(conn);
    }
}

static void on_writable(struct ev_loop *ev, ev_io *writer, int events) {
    (void)ev;
    struct conn *conn = writer->data;
    if (events & EV_ERROR)
        address_failed(conn, sw_error_system(EIO, SW_STAGE_CONNECT));
    else
        on_outcome(conn);
}

static void wait_for_outcome(struct conn *conn) {
    ev_io_init(&conn->writer, on_writable, conn->fd, EV_WRITE);
    conn->writer.data = conn;
    ev_io_start(conn->loop->ev, &conn->writer);
    sw_loop_look_again(conn->loop);
    /* What is left of the attempt's time is shared among the addresses that are left, so that one black hole does not
     * take it all. */
    size_t left = conn->dial->addresses.count - conn->dial->next + 1;
    sw_conn_set_timer(conn, (conn->deadline - sw_clock()) / (double)left);
}

static void try_next(struct conn *conn) {
    struct dial *dial = conn->dial;
    while (dial->next < dial->addresses.count) {
        const struct sw_address *address = &dial->addresses.list[dial->next++];
        bool done;
        note_address(conn, address);
        sw_fork_hold();
        int failed = sw_socket_connect(address, conn->channel->options, &conn->fd, &done);
        atomic_store(&conn->channel->fd, conn->fd);
        sw_fork_release();
        if (failed != 0) {
            dial->error = sw_error_system(failed, SW_STAGE_CONNECT);
            continue;
        }
        wait_for_outcome(conn);
        if (done) on_outcome(conn);
        return;
    }
    fail(conn, dial->error);
}

static void connect_to(struct conn *conn, const struct sw_addresses *addresses) {
    conn->dial = sw_allocate_zeroed(sizeof *conn->dial);
    if (conn->dial == NULL) {
        fail(conn, sw_error_system(ENOMEM, SW_STAGE_CONNECT));
        return;
    }
    conn->dial->addresses = *addresses;
    sw_conn_enter(conn, CONN_CONNECTING);
    try_next(conn);
}

/* --- resolving --- */

static void look_up(struct conn *conn) {
    sw_conn_set_timer(conn, conn->deadline - sw_clock());
    if (conn->lookup != NULL) return; /* of an earlier attempt: what it finds may do for this one */
    int failed = sw_resolver_start(conn->loop->engine, conn->dialled, conn, &conn->lookup);
    if (failed == EAGAIN)
        sw_conn_set_timer(conn, LOOKUP_RETRY);
    else if (failed != 0)
        fail(conn, sw_error_system(failed, SW_STAGE_RESOLVE));
}

void sw_dial_resolved(struct conn *conn, struct sw_lookup *lookup) {
    conn->lookup = NULL;
    if (conn->state != CONN_RESOLVING) return;
    if (!sw_server_equal(lookup->server, conn->dialled))
        look_up(conn);
    else if (lookup->error.err != SW_OK)
        fail(conn, lookup->error);
    else
        connect_to(conn, &lookup->addresses);
}

/* --- the attempt --- */

void sw_dial_start(struct conn *conn) {
    conn->inbox_full = conn->inbox_full || sw_channel_is_full(conn->channel);
    conn->attempt_due = conn->inbox_full;
    if (conn->attempt_due) { /* what it would tell has no room: set_room comes back here */
        sw_conn_enter(conn, CONN_WAITING);
        return;
    }
    sw_server_set(&conn->dialled, conn->server);
    conn->since = sw_clock();
    conn->deadline = conn->since + conn->channel->options->connect_timeout;
    conn->address = (struct sw_ip){.version = 0};
    conn->port = conn->dialled->port;
    sw_conn_log(conn, conn->failures > 0 ? SW_LOG_RETRYING : SW_LOG_CONNECTING, 0);
    struct sw_addresses addresses;
    if (sw_resolver_numeric(conn->dialled, &addresses)) {
        connect_to(conn, &addresses);
        return;
    }
    sw_conn_enter(conn, CONN_RESOLVING);
    look_up(conn);
}

void sw_dial_timeout(struct conn *conn) {
    if (conn->state == CONN_CONNECTING)
        address_failed(conn, sw_error_system(ETIMEDOUT, SW_STAGE_CONNECT));
    else if (sw_clock() >= conn->deadline)
        fail(conn, sw_error_system(ETIMEDOUT, SW_STAGE_RESOLVE));
    else
        look_up(conn);
}
