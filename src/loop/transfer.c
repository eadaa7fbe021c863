#include <errno.h>

#include "channel/engine.h"
#include "loop/conn.h"
#include "loop/loop.h"
#include "loop/socket.h"

enum {
    ROUNDS = 4,               /* reads, or writes, for one connection before others have their turn */
    IOVECS = 64,              /* pages a sendmsg; far below IOV_MAX (1024) */
    SEND_LIMIT = 1024 * 1024, /* bytes a sendmsg */
    STREAK = 16,              /* messages in a row that make a host one that goes on sending */
    PACED_BYTES = 32 * 1024,  /* so much is worth a sendmsg at once */
    ASK_BYTES = 64 * 1024,    /* not known to be acknowledged, that are worth a system call before the timer makes it */
};

/* How often to ask for acknowledgements when nothing else gives a reason to: soon while they come, rarely when the peer
 * is stuck. Where they make room in the queue, soon is sooner: a queue_limit of 1 MiB still allows 200 MB/s then. */
static const double ACK_INTERVAL = 0.02, ACK_INTERVAL_FOR_ROOM = 0.005, ACK_INTERVAL_MAX = 0.5;

/* So long after the last acknowledgement was seen a connection is idle, and stall_timeout is taken off: traffic now and
 * then, a message a frame, does not pay for two system calls each time. With ACK_INTERVAL_MAX it must be less than the
 * shortest keepalive, idle 1 s and interval 1 s, which the stall would cut short: see sw_socket_set_stall. */
static const double REST = 1.0;

/* --- acknowledgements --- */

static double ack_interval(const struct conn *conn) {
    return conn->queue.mode == SW_RETAIN_UNACKED ? ACK_INTERVAL_FOR_ROOM : ACK_INTERVAL;
}

static void sample(struct conn *conn) {
    struct sw_sendq *queue = &conn->queue;
    uint64_t before = queue->acked.id;
    conn->acked = sw_socket_acked(conn->fd, sw_transfer_written(conn), conn->fin);
    if (conn->acked > conn->greeted) sw_sendq_acked(queue, conn->acked - conn->greeted);
    /* A replay repeats nothing that was told. */
    if (queue->acked.id > before && queue->acked.id > conn->acked_due) conn->acked_due = queue->acked.id;
}

static bool owes_acked(const struct conn *conn) { return conn->acked_due > conn->acked_told; }

void sw_transfer_sample(struct conn *conn) {
    sample(conn);
    sw_conn_account(conn); /* first: who is told finds it in stats() */
    if (owes_acked(conn) && sw_channel_post_acked(conn->channel, conn->acked_due)) conn->acked_told = conn->acked_due;
}

bool sw_transfer_is_idle(const struct conn *conn) { return conn->rests || !ev_is_active(&conn->ack_timer); }

/* The timer asks from the first byte handed over until all are acknowledged, which the host knows, and the pages are
 * given back; then it rests. */
static void watch_acks(struct conn *conn) {
    if (!sw_transfer_is_idle(conn)) return;
    if (!ev_is_active(&conn->ack_timer)) sw_socket_set_stall(conn->fd, conn->channel->options->stall_timeout);
    conn->rests = false;
    conn->ack_timer.repeat = ack_interval(conn);
    ev_timer_again(conn->loop->ev, &conn->ack_timer);
}

void sw_transfer_trim(struct conn *conn) {
    struct sw_stock spent = sw_sendq_take_spent(&conn->queue);
    sw_stock_free(&spent);
    sw_channel_trim(conn->channel);
}

/* What the host sends next can only wait: no connection takes it now. */
static bool is_stuck(const struct conn *conn) {
    return conn->state != CONN_CONNECTED || (ev_is_active(&conn->writer) && !conn->paced);
}

void sw_transfer_make_ready(struct conn *conn, unsigned count) {
    struct sw_stock pages = sw_sendq_take_spent(&conn->queue);
    if (pages.count > 0 || !is_stuck(conn)) count = 0; /* what goes round is enough */
    sw_channel_give_pages(conn->channel, &pages);
    for (struct sw_page *page; count > 0 && (page = sw_page_new_ready()) != NULL; count--) {
        sw_stock_add(&pages, page);
        sw_channel_give_pages(conn->channel, &pages); /* each at once: the host may need it now */
    }
}

static void drop_greeting(struct conn *conn) {
    sw_greeting_unref(conn->greeting);
    conn->greeting = NULL;
}

static size_t greeting_left(const struct conn *conn) {
    return conn->greeting != NULL ? conn->greeting->size - (size_t)conn->greeted : 0;
}

/* Of what was taken in, something is not handed over. */
static bool has_rest(const struct conn *conn) {
    return greeting_left(conn) > 0 || conn->queue.handed.byte != conn->queue.end;
}

/* There is something to send, and no event will say when: see STARVED. */
static bool is_starved(const struct conn *conn) {
    bool sends = conn->state == CONN_CONNECTED || conn->state == CONN_FLUSHING;
    return sends && has_rest(conn) && !ev_is_active(&conn->writer);
}

static void watch_no_more(struct conn *conn) {
    sw_socket_set_stall(conn->fd, 0);
    ev_timer_stop(conn->loop->ev, &conn->ack_timer);
}

static void ask_for_acks(struct conn *conn) {
    ev_timer *timer = &conn->ack_timer;
    uint64_t before = conn->queue.acked.id;
    sw_transfer_sample(conn);
    bool advanced = conn->queue.acked.id > before;
    double longer = timer->repeat * 2 < ACK_INTERVAL_MAX ? timer->repeat * 2 : ACK_INTERVAL_MAX;
    timer->repeat = advanced ? ack_interval(conn) : longer;
    bool starved = is_starved(conn);
    if (sw_transfer_is_acked(conn) && !owes_acked(conn) && !starved) {
        conn->rests = true;
        timer->repeat = REST;
        sw_transfer_trim(conn);
    }
    ev_timer_again(conn->loop->ev, timer);
    if (starved) sw_transfer_send(conn);
}

static void on_ack_timer(struct ev_loop *ev, ev_timer *timer, int events) {
    (void)ev, (void)events;
    struct conn *conn = timer->data;
    if (conn->rests)
        watch_no_more(conn);
    else
        ask_for_acks(conn);
}

/* --- sending --- */

static void take(struct conn *conn, const struct sw_progress *progress) {
    struct sw_stock spent = sw_sendq_take_spent(&conn->queue);
    struct sw_intake intake = sw_channel_take_messages(conn->channel, progress, &spent);
    if (intake.fence < conn->fence && conn->goal != GOAL_CLOSE) conn->fence = intake.fence;
    sw_stock_free(&spent); /* the host has enough */
    if (intake.pages.head != NULL) sw_sendq_put(&conn->queue, &intake.pages);
}

void sw_transfer_take(struct conn *conn) { take(conn, NULL); }

/* The kernel refuses our bytes for good; what the peer sent before is still to be read. */
static void send_failed(struct conn *conn, int failed) {
    conn->cause = sw_error_system(failed, SW_STAGE_SEND);
    if (conn->state == CONN_CONNECTED) conn->goal = GOAL_RETRY;
    sw_ending_start(conn, SW_DRAIN_MAX);
}

enum outcome {
    ALL_SENT,
    PACED,   /* more comes all the time: let some come together */
    BLOCKED, /* until the socket is writable */
    STARVED, /* it may be writable, but the system has no buffers: ask again by the timer */
    MORE,
    BROKEN,
};

/* If nothing is left to send, takes what there is, and accounts for what was sent.
 *
 * A host in the middle of a thousand sends has a few more messages whenever we look, and to be looked at costs it more
 * than a send: both threads want the same lock and the same memory. So it is left alone for a moment, and a single
 * sendmsg takes what has come together. Messages now and then, and the first ones of many, go at once. */
static enum outcome look(struct conn *conn) {
    if (has_rest(conn)) return MORE;
    uint64_t last_id = conn->queue.last_id;
    const struct sw_progress progress = sw_conn_progress(conn);
    take(conn, &progress);
    bool goes_on = conn->streak >= STREAK && conn->state == CONN_CONNECTED;
    conn->streak += conn->queue.last_id - last_id;
    if (!has_rest(conn)) {
        conn->streak = 0;
        return ALL_SENT;
    }
    conn->paced = goes_on && conn->queue.end - conn->queue.handed.byte < PACED_BYTES;
    return conn->paced ? PACED : MORE;
}

/* Something went to the peer or came from it: an answer, or the next message, may be near. */
static void note_traffic(struct conn *conn) {
    if (conn->channel->options->spin > 0) sw_loop_spin(conn->loop, conn->channel->options->spin);
}

/* The next bytes: what is left of the greeting, then messages. */
static size_t fill(struct conn *conn, struct iovec *iov) {
    size_t left = greeting_left(conn), count = left > 0;
    if (left > 0) iov[0] = (struct iovec){conn->greeting->bytes + conn->greeted, left};
    return count + sw_sendq_fill(&conn->queue, conn->fence, SEND_LIMIT, iov + count, IOVECS - count);
}

static void note_handed(struct conn *conn, size_t bytes) {
    size_t left = greeting_left(conn), of_greeting = bytes < left ? bytes : left;
    conn->gauges.sent_bytes += bytes;
    conn->greeted += of_greeting;
    if (of_greeting == left) drop_greeting(conn);
    sw_sendq_handed(&conn->queue, bytes - of_greeting);
    note_traffic(conn);
}

/* The bytes of lent pages are held meanwhile. They are gone only when the loop is to end, which it sees before it
 * sleeps: until then, nothing more can be handed over. */
static ptrdiff_t hand_over(struct conn *conn, struct iovec *iov, size_t count) {
    if (conn->queue.loans == 0) return sw_socket_send(conn->fd, iov, count);
    if (!sw_engine_hold_loans(conn->loop->engine)) return -EAGAIN;
    ptrdiff_t taken = sw_socket_send(conn->fd, iov, count);
    sw_engine_release_loans(conn->loop->engine);
    return taken;
}

static enum outcome send_some(struct conn *conn) {
    struct iovec iov[IOVECS];
    enum outcome outcome = look(conn);
    if (outcome != MORE) return outcome;
    size_t count = fill(conn, iov);
    if (count == 0) { /* up to the fence */
        sw_conn_account(conn);
        return ALL_SENT;
    }
    ptrdiff_t taken = hand_over(conn, iov, count);
    if (taken == -EAGAIN || taken == -EWOULDBLOCK) return BLOCKED;
    if (taken == -ENOBUFS) return STARVED;
    if (taken < 0) {
        sw_conn_account(conn);
        send_failed(conn, (int)-taken);
        return BROKEN;
    }
    note_handed(conn, (size_t)taken);
    if (sw_transfer_written(conn) - conn->acked >= ASK_BYTES) sw_transfer_sample(conn);
    return MORE;
}

void sw_transfer_send(struct conn *conn) {
    enum outcome outcome = MORE;
    uint64_t before = sw_transfer_written(conn);
    if (conn->paced) sw_transfer_take(conn);
    conn->paced = false;
    for (int round = 0; round < ROUNDS && outcome == MORE; round++) outcome = send_some(conn);
    if (outcome == BROKEN) return;
    if (outcome != ALL_SENT && outcome != PACED) sw_conn_account(conn); /* else it is done */
    if (sw_transfer_written(conn) != before || outcome == STARVED) watch_acks(conn);
    if (outcome == PACED) sw_loop_nap(conn->loop);
    if (outcome == BLOCKED || outcome == MORE || outcome == PACED) {
        ev_io_start(conn->loop->ev, &conn->writer);
        return;
    }
    ev_io_stop(conn->loop->ev, &conn->writer); /* STARVED: it is writable, and would only spin */
    if (outcome == STARVED) return;
    if (conn->state == CONN_FLUSHING) sw_ending_start(conn, conn->linger);
}

/* A watcher that libev gave up on (epoll_ctl failed: ENOSPC, ENOMEM). */
static void watching_failed(struct conn *conn) {
    conn->cause = sw_error_system(EIO, SW_STAGE_START);
    if (conn->state == CONN_CONNECTED) conn->goal = GOAL_RETRY;
    sw_ending_finish(conn);
}

static void on_writable(struct ev_loop *ev, ev_io *writer, int events) {
    (void)ev;
    if (events & EV_ERROR)
        watching_failed(writer->data);
    else
        sw_transfer_send(writer->data);
}

/* --- receiving --- */

static void set_inbox_full(struct conn *conn) {
    conn->inbox_full = true;
    ev_io_stop(conn->loop->ev, &conn->reader);
}

static void put_messages(struct conn *conn) {
    struct sw_pages pages;
    size_t bytes;
    uint64_t count = sw_assembly_take(&conn->in, &pages, &bytes);
    if (conn->discard || count == 0)
        sw_pages_free(&pages);
    else if (sw_channel_post_messages(conn->channel, &pages, count, bytes))
        set_inbox_full(conn);
}

static void broken(struct conn *conn, struct sw_error error) {
    if (conn->state == CONN_CONNECTED) conn->goal = GOAL_RETRY;
    /* While ending, the first cause is the one that counts. */
    if (conn->state != CONN_ENDING) conn->cause = error;
    sw_ending_finish(conn);
}

static void peer_ended(struct conn *conn) {
    conn->peer_ended = true;
    ev_io_stop(conn->loop->ev, &conn->reader);
    switch (conn->state) {
    case CONN_CONNECTED:
        conn->goal = GOAL_RETRY;
        conn->cause = sw_error_make(SW_PEER, SW_STAGE_RECEIVE);
        sw_ending_start(conn, SW_DRAIN_MAX);
        break;
    case CONN_ENDING: sw_ending_check(conn); break;
    case CONN_FLUSHING: break; /* it may still read */
    case CONN_IDLE:
    case CONN_RESOLVING:
    case CONN_CONNECTING:
    case CONN_WAITING:
    case CONN_CLOSED: assert(!"reads without a connection");
    }
}

/* False: reading is over for this round, or for good. */
static bool digest(struct conn *conn, size_t size) {
    conn->gauges.received_bytes += size;
    note_traffic(conn);
    if (conn->goal == GOAL_CLOSE && conn->state != CONN_CONNECTED) return true;
    enum sw_err failed = sw_assembly_feed(&conn->in, &conn->channel->options->framing, conn->loop->buffer, size);
    put_messages(conn);
    sw_conn_account(conn); /* after the messages: who sees the bytes counted can have them */
    if (failed == SW_OK) return !conn->inbox_full;
    broken(conn,
           failed == SW_FRAME ? sw_error_make(SW_FRAME, SW_STAGE_RECEIVE) : sw_error_system(ENOMEM, SW_STAGE_RECEIVE));
    return false;
}

static bool receive_some(struct conn *conn) {
    ptrdiff_t got = sw_socket_receive(conn->fd, conn->loop->buffer, sizeof conn->loop->buffer);
    if (got == -EAGAIN || got == -EWOULDBLOCK) return false;
    if (got < 0) {
        broken(conn, sw_error_system((int)-got, SW_STAGE_RECEIVE));
        return false;
    }
    if (got == 0) {
        peer_ended(conn);
        return false;
    }
    return digest(conn, (size_t)got) && (size_t)got == sizeof conn->loop->buffer;
}

static void on_readable(struct ev_loop *ev, ev_io *reader, int events) {
    (void)ev;
    struct conn *conn = reader->data;
    if (events & EV_ERROR) {
        watching_failed(conn);
        return;
    }
    for (int round = 0; round < ROUNDS; round++)
        if (!receive_some(conn)) break;
}

/* --- start, stop --- */

void sw_transfer_start(struct conn *conn) {
    struct ev_loop *ev = conn->loop->ev;
    ev_io_init(&conn->reader, on_readable, conn->fd, EV_READ);
    ev_io_init(&conn->writer, on_writable, conn->fd, EV_WRITE);
    ev_init(&conn->ack_timer, on_ack_timer);
    conn->reader.data = conn->writer.data = conn->ack_timer.data = conn;
    conn->fin = conn->peer_ended = conn->paced = conn->rests = false;
    conn->streak = 0;
    conn->greeting = sw_channel_greeting(conn->channel);
    conn->greeted = conn->acked = 0;
    sw_assembly_reset(&conn->in);
    sw_socket_set_stall(conn->fd, 0);
    if (!conn->inbox_full) ev_io_start(ev, &conn->reader);
    sw_transfer_send(conn);
}

void sw_transfer_stop(struct conn *conn) {
    struct ev_loop *ev = conn->loop->ev;
    drop_greeting(conn);
    ev_io_stop(ev, &conn->reader);
    ev_io_stop(ev, &conn->writer);
    ev_timer_stop(ev, &conn->ack_timer);
}

void sw_transfer_copy(struct conn *conn) {
    if (sw_conn_is_open(conn)) sw_transfer_sample(conn);
    sw_transfer_take(conn);
    struct sw_copy copy = {.first = conn->queue.kept.id + 1, .failed = true};
    if (sw_engine_hold_loans(conn->loop->engine)) {
        copy.failed = !sw_sendq_copy(&conn->queue, &copy.pages);
        sw_engine_release_loans(conn->loop->engine);
    }
    sw_channel_post_copy(conn->channel, &copy);
}

void sw_transfer_resume(struct conn *conn) {
    if (sw_conn_is_open(conn) && !conn->peer_ended) ev_io_start(conn->loop->ev, &conn->reader);
}
