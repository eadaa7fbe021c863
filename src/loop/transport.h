/* A transport moves the bytes of one open connection: a table of six functions over a socket.
 *
 * tx, rx and closing are the same for every transport. The one in plain.c passes the bytes to the socket as they are.
 * A transport that encrypts would write more bytes to the socket than it was given (records, tags). So two numbers
 * are kept: the caller's bytes that it took (the result of `send`), and the bytes that it wrote to the socket
 * (`written`).
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
    SW_TUNE_AHEAD, /* how many unsent bytes the system may hold: see loop/ahead.h */
};

struct sw_transport_table {
    /* Sends bytes from the start of iov, and adds what it wrote to the socket to `written`. Returns how many bytes of
     * iov it took (> 0), or -errno: -EAGAIN (wait until the socket is writable), -ENOBUFS (try again later), or a
     * permanent error. */
    ptrdiff_t (*send)(struct sw_transport *transport, struct iovec *iov, size_t count);

    /* Returns how many bytes it read, 0 after the peer's FIN, or -errno: -EAGAIN (wait until the socket is readable),
     * or a permanent error. */
    ptrdiff_t (*receive)(struct sw_transport *transport, void *buffer, size_t size);

    /* Sends our FIN after all bytes sent before. */
    void (*shut_down)(struct sw_transport *transport);

    /* Returns how many bytes of `written` the peer's TCP has acknowledged. The number stays correct after a
     * reset. */
    uint64_t (*acked)(struct sw_transport *transport);

    /* Sets an option of the connection, where the system has it. */
    void (*tune)(struct sw_transport *transport, enum sw_tune what, double value);

    /* Closes the socket and frees what the transport has allocated. */
    void (*close)(struct sw_transport *transport);
};

struct sw_transport {
    const struct sw_transport_table *table; /* NULL: none is open */
    int fd;                                 /* the socket */
    bool fin;                               /* the kernel has accepted our FIN */
    atomic_int *fork_fd;                    /* for a forked child: see sw_socket_connect */
    uint64_t written;                       /* bytes written to the socket so far */
};

static inline bool sw_transport_is_open(const struct sw_transport *transport) { return transport->table != NULL; }

#endif
