/* What moves the bytes of one open connection: a table of six functions over a socket.
 *
 * Everything above it (tx, rx, closing) is the same for every transport. plain.c gives the bytes to the socket as
 * they are. A transport may put more bytes on the wire than it was given (records, tags), so two counts are kept
 * apart: what it took of the caller's bytes, and what it gave to the socket for them.
 */
#ifndef SW_LOOP_TRANSPORT_H
#define SW_LOOP_TRANSPORT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct sw_transport;

enum sw_tune {
    SW_TUNE_STALL, /* seconds for which the peer's TCP may acknowledge nothing; 0: the system's own limit */
    SW_TUNE_AHEAD, /* bytes that the system takes before it has sent them: see loop/ahead.h */
};

struct sw_transport_table {
    /* Takes bytes of iov and gives the socket what becomes of them: adds that to `written`. The number taken (> 0),
     * or -errno: -EAGAIN (wait until it is writable), -ENOBUFS (try again later), anything else for good. */
    ptrdiff_t (*send)(struct sw_transport *transport, struct iovec *iov, size_t count);

    /* Bytes read, 0 at the peer's end, or -errno: -EAGAIN (wait until it is readable), anything else for good. */
    ptrdiff_t (*receive)(struct sw_transport *transport, void *buffer, size_t size);

    /* Ends our direction after all that was sent. */
    void (*shut_down)(struct sw_transport *transport);

    /* Of the bytes written, those that the peer's TCP has acknowledged; also right after a reset. */
    uint64_t (*acked)(struct sw_transport *transport);

    /* Sets what the system is to do for this connection, as far as it can. */
    void (*tune)(struct sw_transport *transport, enum sw_tune what, double value);

    /* Closes the socket and frees what the transport made. */
    void (*close)(struct sw_transport *transport);
};

struct sw_transport {
    const struct sw_transport_table *table; /* NULL: none is open */
    int fd;
    bool fin;            /* our FIN is among what the kernel took */
    atomic_int *fork_fd; /* see sw_socket_connect */
    uint64_t written;    /* bytes given to the socket so far */
};

static inline bool sw_transport_is_open(const struct sw_transport *transport) { return transport->table != NULL; }

#endif
