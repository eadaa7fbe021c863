/* A transport that stands in front of the plain one: it judges what the module asks of an open connection. */
#include "loop/plain.h"

#include "rules.h"

__typeof__(sw_plain_open) __wrap_sw_plain_open, __real_sw_plain_open;

static const struct sw_transport_table *_Atomic plain; /* of every connection; loops of several hosts set it */

static size_t size_of(const struct iovec *iov, size_t count) {
    size_t size = 0;
    for (size_t i = 0; i < count; i++) size += iov[i].iov_len;
    return size;
}

/* Leaves the first `size` bytes (> 0) in iov; returns the new count. */
static size_t shorten(struct iovec *iov, size_t size) {
    size_t last = 0;
    for (; iov[last].iov_len < size; last++) size -= iov[last].iov_len;
    iov[last].iov_len = size;
    return last + 1;
}

static ptrdiff_t send_at_most(struct sw_transport *transport, struct iovec *iov, size_t count, size_t limit) {
    size_t whole = size_of(iov, count), size = whole < limit ? whole : limit;
    int failed = rules_judge(CALL_SEND, &size);
    if (failed != 0) return -failed;
    return plain->send(transport, iov, size < whole ? shorten(iov, size) : count);
}

static ptrdiff_t judged_send(struct sw_transport *transport, struct iovec *iov, size_t count) {
    return send_at_most(transport, iov, count, SIZE_MAX);
}

static ptrdiff_t judged_receive(struct sw_transport *transport, void *buffer, size_t size) {
    int failed = rules_judge(CALL_RECEIVE, &size);
    return failed != 0 ? -failed : plain->receive(transport, buffer, size);
}

/* A failure: the kernel does not accept our FIN. */
static void judged_shut_down(struct sw_transport *transport) {
    if (rules_judge(CALL_SHUT_DOWN, NULL) == 0) plain->shut_down(transport);
}

/* A failure: the kernel does not say. */
static uint64_t judged_acked(struct sw_transport *transport) {
    return rules_judge(CALL_ACKED, NULL) != 0 ? 0 : plain->acked(transport);
}

static void tune(struct sw_transport *transport, enum sw_tune what, double value) {
    plain->tune(transport, what, value);
}

static void close_plain(struct sw_transport *transport) { plain->close(transport); }

static const struct sw_transport_table judged = {
    .send = judged_send,
    .receive = judged_receive,
    .shut_down = judged_shut_down,
    .acked = judged_acked,
    .tune = tune,
    .close = close_plain,
};

/* --- records --- */

/* A connection of this kind says that EXTRA more bytes follow each EVERY bytes. They do not exist: the peer gets the
 * plain bytes. A send that reports such bytes is a record; a shorter one may report none. */
enum { EVERY = 1024, EXTRA = 1024, RECORD_MAX = 16384 };

static uint64_t with_extra(uint64_t bytes) { return bytes + bytes / EVERY * EXTRA; }

static uint64_t without_extra(uint64_t written) { return written - written / (EVERY + EXTRA) * EXTRA; }

static ptrdiff_t record_send(struct sw_transport *transport, struct iovec *iov, size_t count) {
    transport->written = without_extra(transport->written);
    ptrdiff_t taken = send_at_most(transport, iov, count, RECORD_MAX);
    transport->written = with_extra(transport->written);
    return taken;
}

static uint64_t record_acked(struct sw_transport *transport) {
    uint64_t written = transport->written;
    transport->written = without_extra(written);
    uint64_t acked = judged_acked(transport);
    transport->written = written;
    return with_extra(acked);
}

static const struct sw_transport_table records = {
    .send = record_send,
    .receive = judged_receive,
    .shut_down = judged_shut_down,
    .acked = record_acked,
    .tune = tune,
    .close = close_plain,
};

void __wrap_sw_plain_open(struct sw_transport *transport, int fd) {
    __real_sw_plain_open(transport, fd);
    plain = transport->table;
    transport->table = rules_judge(CALL_OPEN, NULL) != 0 ? &records : &judged;
}
