/* A transport moves the bytes of one open connection: a table of six functions over a socket.
 *
 * The parts that use it (tx.c, rx.c, closing.c) are the same for every transport. plain.c writes the caller's bytes to
 * a TCP socket unchanged, unix.c to a unix socket. tls.c encrypts, which adds bytes (record headers, tags). So a transport
 * tells two numbers apart: how many of the caller's bytes it has taken (the result of `send`), and how many bytes it has
 * written to the socket (`written`).
 */
#ifndef SW_LOOP_TRANSPORT_H
#define SW_LOOP_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/error.h"

struct sw_transport;

/* The options that `tune` sets, and what their values mean. */
enum sw_tune {
    SW_TUNE_AHEAD, /* how many unsent bytes the system may hold: see loop/ahead.h */
    SW_TUNE_ABORT, /* `close` resets the connection, so nothing that the system holds arrives later; no value. A unix
                      socket has no reset: its peer has in its own buffer what was handed over, and can read it */
};

struct sw_transport_table {
    /* Takes bytes from the start of iov and sends them. Adds the number of bytes that it wrote to the socket to
     * `written`. Returns how many bytes of iov it took (> 0), or a failure (sw_transport_error): -EAGAIN (wait until the
     * socket is writable), -ENOBUFS (try again later), or a permanent one. After -EAGAIN and -ENOBUFS the caller offers
     * the same bytes again: some may be on their way, and count as taken when all that carries them is written. */
    ptrdiff_t (*send)(struct sw_transport *transport, struct iovec *iov, size_t count);

    /* Returns how many bytes it read, 0 after the peer's end, or a failure: -EAGAIN (wait until the socket is readable),
     * or a permanent one. */
    ptrdiff_t (*receive)(struct sw_transport *transport, void *buffer, size_t size);

    /* Sends our FIN after all bytes sent before, and sets `fin` if the kernel has accepted it. If not, it can be called
     * again. */
    void (*shut_down)(struct sw_transport *transport);

    /* Returns how many bytes of `written` the peer's TCP has acknowledged: see sw_socket_acked; unix sockets: how many
     * the peer has read, at least. It may return less than before, and 0 after a reset: the system cannot tell more. */
    uint64_t (*acked)(struct sw_transport *transport);

    /* Sets an option of the connection. Does nothing if the system does not have that option. */
    void (*tune)(struct sw_transport *transport, enum sw_tune what, double value);

    /* Closes the socket and frees what the transport has allocated. */
    void (*close)(struct sw_transport *transport);
};

struct sw_transport {
    const struct sw_transport_table
        *table;           /* NULL: closed; tls.c: lies in what belongs to the connection, and finds it */
    int fd;               /* the socket */
    bool fin : 1;         /* the kernel has accepted our FIN */
    bool failed : 1;      /* the socket has had a permanent error */
    bool has_taken : 1;   /* after `send`: it has taken more than it returned; the next call returns that, at once */
    bool has_input : 1;   /* after `receive`: more can be received, though the socket may not be readable */
    bool has_moved : 1;   /* the peer has read something, though `acked` may not show it yet: a sign of life for
                             stall_timeout, which tx takes back */
    unsigned unread : 27; /* unix.c: sw_socket_unread, when it was last asked */
    uint64_t written;     /* bytes written to the socket so far */
};

/* The failures that `send` and `receive` return are -errno, or one of these. */
enum {
    SW_TRANSPORT_CUT = -100000, /* the peer has ended, and has not said so as it should */
    SW_TRANSPORT_TLS = -200000, /* minus an enum sw_tls_reason */
};

static inline struct sw_error sw_transport_error(ptrdiff_t result, enum sw_stage stage) {
    if (result <= SW_TRANSPORT_TLS) return sw_error_tls((enum sw_tls_reason)(SW_TRANSPORT_TLS - result), stage);
    return result == SW_TRANSPORT_CUT ? sw_error_make(SW_TLSCUT, stage) : sw_error_system((int)-result, stage);
}

static inline bool sw_transport_is_open(const struct sw_transport *transport) { return transport->table != NULL; }

#endif
