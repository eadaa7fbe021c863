/* All system calls on sockets, one function for each, with the code that differs between systems.
 *
 * Every descriptor is non-blocking and close-on-exec. No function waits, and none raises SIGPIPE (MSG_NOSIGNAL,
 * SO_NOSIGPIPE). Functions report a failure as an errno value. While a connection is open, tx and rx call these
 * functions through a transport (loop/transport.h).
 */
#ifndef SW_LOOP_SOCKET_H
#define SW_LOOP_SOCKET_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

#include "base/address.h"
#include "base/error.h"
#include "base/options.h"

/* A socket address: IPv4 or IPv6, with the port, or the name of a unix socket. */
struct sw_address {
    socklen_t size; /* of the member in use */
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_un un;
    };
};

/* Makes the address of a unix socket: of a path, or of "@name", which is abstract (unix(7)). */
void sw_address_set_unix(struct sw_address *address, const char *name);

/* Opens a socket, sets its options, binds it as options->bind says, and begins to connect it. *fd is the socket, or -1 on
 * failure; err = SW_OK: it has begun; the errno EAGAIN: the
 * backlog of a unix socket is full (connect(2)), and no event tells when it has room. *connected: the socket is connected already; else wait until it is writable. A
 * forked child closes its copy of the descriptor (channel/fork.h). */
struct sw_error sw_socket_connect(const struct sw_address *address, const struct sw_options *options, int *fd,
                                  bool *connected);

/* The result of connecting, when the socket has become writable: 0, an errno, or -1 if it is not connected yet. If
 * data can be read, the socket is connected, and SO_ERROR is not asked: after a reset, that would discard data that
 * came before it. */
int sw_socket_connect_result(int fd);

/* True if the socket is connected to itself. On the loopback, the system may choose as the local port the
 * very port that it connects to (RFC 9293, 3.5: simultaneous open). */
bool sw_socket_is_self(int fd);

/* Returns how many bytes the kernel has taken (> 0), or -errno. */
ptrdiff_t sw_socket_send(int fd, struct iovec *iov, size_t count);

/* Returns how many bytes were read, 0 after the peer's FIN, or -errno. */
ptrdiff_t sw_socket_receive(int fd, void *buffer, size_t size);

/* Sends our FIN after all bytes sent before. True if the kernel has accepted it. */
bool sw_socket_shut_down(int fd);

/* Returns how many of the `written` bytes that the kernel has taken the peer's TCP has acknowledged; 0 if the kernel
 * cannot tell, and all where it never can (SW_COUNTS_UNACKED). `fin`: sw_socket_shut_down has succeeded. Where the
 * count stays correct after a reset (SIOCOUTQ), it does so until the socket is closed. */
uint64_t sw_socket_acked(int fd, uint64_t written, bool fin);

/* Unix sockets. Returns the size of the system's buffers that hold what the peer has not read: at least as much as the
 * bytes in them. -1: the system cannot tell. */
int sw_socket_unread(int fd);

/* Unix sockets. True if the peer has closed its socket with bytes unread, and neither sw_socket_send nor
 * sw_socket_receive has returned that yet (ECONNRESET). Leaves it there for them. */
bool sw_socket_is_reset(int fd);

/* Sets how many unsent bytes the system may hold (TCP_NOTSENT_LOWAT, where it exists; see loop/ahead.h). It is
 * SW_AHEAD_MIN at first. */
void sw_socket_set_ahead(int fd, int bytes);

/* Seconds of a round trip, as the system has measured them lately; 0 where it cannot tell. */
double sw_socket_round_trip(int fd);

/* Makes sw_socket_close send a reset, without TIME-WAIT. */
void sw_socket_set_abort(int fd);

/* Closes a connected or connecting socket. No other function closes one. */
void sw_socket_close(int fd);

/* The address without the port; version 0 for a unix socket. */
struct sw_ip sw_address_ip(const struct sw_address *address);

#endif
