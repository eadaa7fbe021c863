#include "loop/socket.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/platform.h"
#include "channel/fork.h"
#include "loop/ahead.h"

#if SW_COUNTS_UNACKED == SW_BY_SIOCOUTQ || SW_COUNTS_UNREAD
#include <linux/sockios.h>
#endif

/* Ignores errors: a connection works without these options. */
static void set(int fd, int level, int name, int value) { (void)setsockopt(fd, level, name, &value, sizeof value); }

static void set_keepalive(int fd, const struct sw_keepalive *keepalive) {
    if (keepalive->idle == 0) return;
    set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
#if defined TCP_KEEPIDLE
    set(fd, IPPROTO_TCP, TCP_KEEPIDLE, (int)keepalive->idle);
#elif defined TCP_KEEPALIVE /* macOS */
    set(fd, IPPROTO_TCP, TCP_KEEPALIVE, (int)keepalive->idle);
#endif
#if defined TCP_KEEPINTVL && defined TCP_KEEPCNT /* not OpenBSD: its times are the system's */
    set(fd, IPPROTO_TCP, TCP_KEEPINTVL, (int)keepalive->interval);
    set(fd, IPPROTO_TCP, TCP_KEEPCNT, (int)keepalive->count);
#endif
}

void sw_socket_set_ahead(int fd, int bytes) {
#ifdef TCP_NOTSENT_LOWAT
    set(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, bytes);
#else
    (void)fd, (void)bytes;
#endif
}

static void set_tcp_options(int fd, const struct sw_options *options) {
    if (options->nodelay) set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_keepalive(fd, &options->keepalive);
    sw_socket_set_ahead(fd, SW_AHEAD_MIN);
}

static void set_options(int fd, int family, const struct sw_options *options) {
    if (family != AF_UNIX) set_tcp_options(fd, options);
#if !SW_HAS_NOSIGNAL
    set(fd, SOL_SOCKET, SO_NOSIGPIPE, 1);
#endif
}

static int open_socket(int family) {
    const int protocol = family == AF_UNIX ? 0 : IPPROTO_TCP;
#if SW_HAS_SOCKET_FLAGS
    return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
#else
    int fd = socket(family, SOCK_STREAM, protocol);
    if (fd >= 0 && (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0)) {
        int failed = errno;
        close(fd);
        errno = failed;
        return -1;
    }
    return fd;
#endif
}

static bool is_bound(const struct sw_bind *bind) { return bind->address.version != 0 || bind->port != 0; }

/* The address to bind a socket of this family to; without an address in `bind`, that is the family's wildcard. */
static struct sw_address local_address(const struct sw_bind *bind, int family) {
    struct sw_address local;
    memset(&local, 0, sizeof local);
    local.any.sa_family = (sa_family_t)family;
    if (family == AF_INET) {
        local.size = sizeof local.in;
        local.in.sin_port = htons(bind->port);
        memcpy(&local.in.sin_addr, bind->address.bytes, sizeof local.in.sin_addr);
    } else {
        local.size = sizeof local.in6;
        local.in6.sin6_port = htons(bind->port);
        local.in6.sin6_scope_id = bind->address.zone;
        memcpy(&local.in6.sin6_addr, bind->address.bytes, sizeof local.in6.sin6_addr);
    }
    return local;
}

/* Without a port in `bind`, the port is chosen when the socket connects: so many connections to different servers may
 * share one (IP_BIND_ADDRESS_NO_PORT, ip(7)). With a port, SO_REUSEADDR lets a client bind it again while its last
 * connection is in TIME-WAIT; without that, bind fails for a minute with EADDRINUSE. */
static void set_bind_options(int fd, const struct sw_bind *bind) {
    if (bind->port != 0) {
        set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
        return;
    }
#ifdef IP_BIND_ADDRESS_NO_PORT
    set(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
#endif
}

static struct sw_error bind_failure(int failed) {
    switch (failed) {
    case EADDRNOTAVAIL: return sw_error_make(SW_BINDADDRESS, SW_STAGE_CONNECT);
    case EADDRINUSE: return sw_error_make(SW_BINDPORT, SW_STAGE_CONNECT);
    case EACCES: return sw_error_make(SW_BINDDENIED, SW_STAGE_CONNECT);
    default: return sw_error_system(failed, SW_STAGE_CONNECT);
    }
}

static struct sw_error bind_socket(int fd, const struct sw_bind *to, int family) {
    if (!is_bound(to) || family == AF_UNIX) return sw_error_make(SW_OK, SW_STAGE_CONNECT);
    const struct sw_address local = local_address(to, family);
    set_bind_options(fd, to);
    if (bind(fd, &local.any, local.size) < 0) return bind_failure(errno);
    return sw_error_make(SW_OK, SW_STAGE_CONNECT);
}

static struct sw_error start_connect(int fd, const struct sw_address *address, const struct sw_bind *bind,
                                     bool *connected) {
    *connected = connect(fd, &address->any, address->size) == 0;
    if (*connected || errno == EINPROGRESS || errno == EINTR) return sw_error_make(SW_OK, SW_STAGE_CONNECT);
    if (errno == EADDRNOTAVAIL && is_bound(bind)) return sw_error_make(SW_BINDPAIR, SW_STAGE_CONNECT);
    return sw_error_system(errno, SW_STAGE_CONNECT);
}

struct sw_error sw_socket_connect(const struct sw_address *address, const struct sw_options *options, int *fd,
                                  bool *connected) {
    struct sw_error error;
    sw_fork_hold();
    *fd = open_socket(address->any.sa_family);
    if (*fd < 0) {
        error = sw_error_system(errno, SW_STAGE_CONNECT);
    } else {
        set_options(*fd, address->any.sa_family, options);
        error = bind_socket(*fd, &options->bind, address->any.sa_family);
        if (error.err == SW_OK) error = start_connect(*fd, address, &options->bind, connected);
        if (error.err != SW_OK) close(*fd);
    }
    if (error.err == SW_OK)
        sw_fork_note(*fd);
    else
        *fd = -1;
    sw_fork_release();
    return error;
}

static ssize_t receive(int fd, void *buffer, size_t size, int flags) {
    ssize_t got;
    do {
        got = recv(fd, buffer, size, flags);
    } while (got < 0 && errno == EINTR);
    return got;
}

int sw_socket_connect_result(int fd) {
    char byte;
    if (receive(fd, &byte, 1, MSG_PEEK) >= 0) return 0;
    if (errno == ENOTCONN) return -1;
    if (errno != EAGAIN && errno != EWOULDBLOCK) return errno;
    int failed = 0;
    socklen_t size = sizeof failed;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &size) < 0 ? errno : failed;
}

static bool is_same_address(const struct sw_address *a, const struct sw_address *b) {
    if (a->any.sa_family != b->any.sa_family || a->any.sa_family == AF_UNIX) return false;
    if (a->any.sa_family == AF_INET) {
        const struct sockaddr_in *x = &a->in, *y = &b->in;
        return x->sin_port == y->sin_port && x->sin_addr.s_addr == y->sin_addr.s_addr;
    }
    const struct sockaddr_in6 *x = &a->in6, *y = &b->in6;
    return x->sin6_port == y->sin6_port && memcmp(&x->sin6_addr, &y->sin6_addr, sizeof x->sin6_addr) == 0;
}

bool sw_socket_is_self(int fd) {
    struct sw_address ours = {.size = sizeof ours.in6}, theirs = {.size = sizeof theirs.in6};
    return getsockname(fd, &ours.any, &ours.size) == 0 && getpeername(fd, &theirs.any, &theirs.size) == 0 &&
           is_same_address(&ours, &theirs);
}

ptrdiff_t sw_socket_send(int fd, struct iovec *iov, size_t count) {
    struct msghdr message = {.msg_iov = iov, .msg_iovlen = count};
#if SW_HAS_NOSIGNAL
    const int flags = MSG_NOSIGNAL;
#else
    const int flags = 0;
#endif
    ssize_t taken;
    do {
        taken = sendmsg(fd, &message, flags);
    } while (taken < 0 && errno == EINTR);
    return taken < 0 ? -errno : taken;
}

ptrdiff_t sw_socket_receive(int fd, void *buffer, size_t size) {
    ssize_t got = receive(fd, buffer, size, 0);
    return got < 0 ? -errno : got;
}

bool sw_socket_shut_down(int fd) { return shutdown(fd, SHUT_WR) == 0; }

#if SW_COUNTS_UNACKED == SW_BY_SO_NWRITE || SW_COUNTS_UNACKED == SW_BY_FIONWRITE

/* When a connection ends, these systems empty its send buffer (soisdisconnected in their sources). So an empty one says
 * that all is acknowledged only while the connection exists, or when it has ended without an error: that leaves the
 * peer's FIN to read. A peek does not take an error away. */
static bool is_emptied(int fd) {
    struct sw_address peer = {.size = sizeof peer.in6};
    char byte;
    return getpeername(fd, &peer.any, &peer.size) < 0 && receive(fd, &byte, 1, MSG_PEEK) != 0;
}

#endif

/* Bytes in the send buffer; with SIOCOUTQ, an unacknowledged FIN is one of them. -1: the system cannot tell. */
static int count_unacked(int fd) {
    int count = 0;
#if SW_COUNTS_UNACKED == SW_BY_SIOCOUTQ
    return ioctl(fd, SIOCOUTQ, &count) == 0 ? count : -1;
#elif SW_COUNTS_UNACKED == SW_BY_SO_NWRITE
    socklen_t size = sizeof count;
    bool tells = getsockopt(fd, SOL_SOCKET, SO_NWRITE, &count, &size) == 0;
    return !tells || (count == 0 && is_emptied(fd)) ? -1 : count;
#elif SW_COUNTS_UNACKED == SW_BY_FIONWRITE
    bool tells = ioctl(fd, FIONWRITE, &count) == 0;
    return !tells || (count == 0 && is_emptied(fd)) ? -1 : count;
#else
    (void)fd;
    return count;
#endif
}

uint64_t sw_socket_acked(int fd, uint64_t written, bool fin) {
    int unacked = count_unacked(fd);
    uint64_t all = written + (SW_COUNTS_UNACKED == SW_BY_SIOCOUTQ && fin ? 1 : 0), left = (uint64_t)unacked;
    if (unacked < 0 || left > all) return 0;
    return all - left < written ? all - left : written;
}

int sw_socket_unread(int fd) {
#if SW_COUNTS_UNREAD
    int size = 0;
    return ioctl(fd, SIOCOUTQ, &size) == 0 ? size : -1;
#else
    (void)fd;
    return -1;
#endif
}

/* Not by MSG_PEEK or SO_ERROR: both take the error away, and the first does not see it behind bytes to read. */
bool sw_socket_is_reset(int fd) {
    struct pollfd state = {.fd = fd};
    return poll(&state, 1, 0) < 0 || (state.revents & (POLLERR | POLLNVAL)) != 0;
}

double sw_socket_round_trip(int fd) {
#if SW_ROUND_TRIP == SW_BY_TCP_INFO
    struct tcp_info info; /* tcpi_rtt: microseconds, smoothed (RFC 6298) */
    socklen_t size = sizeof info;
    memset(&info, 0, sizeof info);
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 ? (double)info.tcpi_rtt * 1e-6 : 0;
#elif SW_ROUND_TRIP == SW_BY_TCP_CONNECTION_INFO
    struct tcp_connection_info info; /* tcpi_srtt: milliseconds */
    socklen_t size = sizeof info;
    memset(&info, 0, sizeof info);
    return getsockopt(fd, IPPROTO_TCP, TCP_CONNECTION_INFO, &info, &size) == 0 ? (double)info.tcpi_srtt * 1e-3 : 0;
#else
    (void)fd;
    return 0;
#endif
}

void sw_socket_set_abort(int fd) {
    const struct linger now = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

void sw_socket_close(int fd) {
    sw_fork_hold();
    sw_fork_forget(fd);
    close(fd); /* not repeated on EINTR: Linux has closed the descriptor (close(2)) */
    sw_fork_release();
}

void sw_address_set_unix(struct sw_address *address, const char *name) {
    size_t size = strlen(name);
    assert(size < sizeof address->un.sun_path); /* base/url.h */
    memset(&address->un, 0, sizeof address->un);
    address->un.sun_family = AF_UNIX;
    memcpy(address->un.sun_path, name, size);
    if (name[0] == '@') address->un.sun_path[0] = '\0'; /* its end is told by the size, and needs no zero */
    address->size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size + (name[0] == '@' ? 0 : 1));
}

struct sw_ip sw_address_ip(const struct sw_address *address) {
    struct sw_ip ip = {.version = 0};
    if (address->any.sa_family == AF_INET) {
        ip.version = 4;
        memcpy(ip.bytes, &address->in.sin_addr, sizeof address->in.sin_addr);
    } else if (address->any.sa_family == AF_INET6) {
        ip.version = 6;
        ip.zone = address->in6.sin6_scope_id;
        memcpy(ip.bytes, &address->in6.sin6_addr, sizeof address->in6.sin6_addr);
    }
    return ip;
}
