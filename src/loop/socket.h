/* The socket calls, each once, with what is not portable about them.
 *
 * Every descriptor is non-blocking and close-on-exec; no call here waits, none raises SIGPIPE (MSG_NOSIGNAL,
 * SO_NOSIGPIPE). Failures are errno values. While a connection is open, a transport (loop/transport.h) stands between
 * these calls and all that sends and receives.
 */
#ifndef SW_LOOP_SOCKET_H
#define SW_LOOP_SOCKET_H

#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/address.h"
#include "base/options.h"

struct sw_address {
    socklen_t size;
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    };
};

/* A socket set up for the address and the options, connecting. *fd is -1 on failure, and *noted what *fd is: there a
 * forked child finds the descriptor to close. 0 (*done: connected at once, else wait until it is writable) or an
 * errno. */
int sw_socket_connect(const struct sw_address *address, const struct sw_options *options, atomic_int *fork_fd, int *fd,
                      bool *connected);

/* The outcome of a connect whose socket has become writable: 0, an errno, or -1 for "not yet". Looks for data first:
 * after a reset the kernel still has what came before it, and SO_ERROR would throw that away. */
int sw_socket_connect_result(int fd);

/* True when both ends are the same: a loopback connect to an ephemeral port that chose that very port as its own. */
bool sw_socket_is_self(int fd);

/* Bytes taken (> 0) or -errno. */
ptrdiff_t sw_socket_send(int fd, struct iovec *iov, size_t count);

/* Bytes read, 0 at the peer's end, or -errno. */
ptrdiff_t sw_socket_receive(int fd, void *buffer, size_t size);

/* Our FIN: after all that was sent. True when the kernel accepted it. */
bool sw_socket_shut_down(int fd);

/* Of `written` bytes that the kernel took, those that the peer's TCP has acknowledged; `fin` tells that
 * sw_socket_shut_down succeeded, since an unacknowledged FIN counts as one byte. Also right after a reset, until the
 * close. */
uint64_t sw_socket_acked(int fd, uint64_t written, bool fin);

/* How long the peer's TCP may acknowledge nothing, a connection attempt included, where the system can tell; 0: its
 * own limit. Not to be left on for long while nothing is under way: Linux then waits for this time, and no longer for
 * the number of keepalive probes, to give up an idle connection (measured on Linux 6). */
void sw_socket_set_stall(int fd, double seconds);

/* Bytes that it takes before it has sent them, where the system can tell; SW_AHEAD_MIN at first (loop/ahead.h). */
void sw_socket_set_ahead(int fd, int bytes);

/* Makes the close a reset: nothing lingers in the kernel, no TIME-WAIT. */
void sw_socket_set_abort(int fd);

/* The one place where a socket is closed; takes the note back. */
void sw_socket_close(int fd, atomic_int *fork_fd);

struct sw_ip sw_address_ip(const struct sw_address *address);

#endif
