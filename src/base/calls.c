#include "base/calls.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/faults.h"

/* In parentheses a name is not a macro's: these are the system's own. */

static bool refuses(enum sw_call call, size_t *size) {
    int failed = sw_faults_judge(call, size);
    if (failed != 0) errno = failed;
    return failed != 0;
}

int sw_faulty_socket(int family, int type, int protocol) {
    return refuses(SW_CALL_SOCKET, NULL) ? -1 : (socket)(family, type, protocol);
}

int sw_faulty_connect(int fd, const struct sockaddr *address, socklen_t size) {
    return refuses(SW_CALL_CONNECT, NULL) ? -1 : (connect)(fd, address, size);
}

static size_t size_of(const struct msghdr *message) {
    size_t size = 0;
    for (size_t i = 0; i < message->msg_iovlen; i++) size += message->msg_iov[i].iov_len;
    return size;
}

/* Hands over the first `size` bytes; fewer when they are in very many pieces. */
static ssize_t send_some(int fd, const struct msghdr *message, size_t size, int flags) {
    struct iovec pieces[64];
    struct msghdr some = *message;
    some.msg_iov = pieces;
    some.msg_iovlen = 0;
    while (size > 0 && some.msg_iovlen < sizeof pieces / sizeof pieces[0]) {
        struct iovec *piece = &pieces[some.msg_iovlen];
        *piece = message->msg_iov[some.msg_iovlen++];
        if (piece->iov_len > size) piece->iov_len = size;
        size -= piece->iov_len;
    }
    return (sendmsg)(fd, &some, flags);
}

ssize_t sw_faulty_sendmsg(int fd, const struct msghdr *message, int flags) {
    size_t whole = size_of(message), size = whole;
    if (refuses(SW_CALL_SENDMSG, &size)) return -1;
    return size < whole ? send_some(fd, message, size, flags) : (sendmsg)(fd, message, flags);
}

ssize_t sw_faulty_recv(int fd, void *buffer, size_t size, int flags) {
    return refuses(SW_CALL_RECV, &size) ? -1 : (recv)(fd, buffer, size, flags);
}

int sw_faulty_shutdown(int fd, int how) { return refuses(SW_CALL_SHUTDOWN, NULL) ? -1 : (shutdown)(fd, how); }

int sw_faulty_getsockopt(int fd, int level, int name, void *value, socklen_t *size) {
    return refuses(SW_CALL_GETSOCKOPT, NULL) ? -1 : (getsockopt)(fd, level, name, value, size);
}

int sw_faulty_setsockopt(int fd, int level, int name, const void *value, socklen_t size) {
    return refuses(SW_CALL_SETSOCKOPT, NULL) ? -1 : (setsockopt)(fd, level, name, value, size);
}

int sw_faulty_ioctl(int fd, unsigned long request, int *value) {
    return refuses(SW_CALL_IOCTL, NULL) ? -1 : (ioctl)(fd, request, value);
}

int sw_faulty_eventfd(unsigned count, int flags) {
    return refuses(SW_CALL_EVENTFD, NULL) ? -1 : (eventfd)(count, flags);
}

ssize_t sw_faulty_read(int fd, void *buffer, size_t size) {
    return refuses(SW_CALL_READ, NULL) ? -1 : (read)(fd, buffer, size);
}

ssize_t sw_faulty_write(int fd, const void *buffer, size_t size) {
    return refuses(SW_CALL_WRITE, NULL) ? -1 : (write)(fd, buffer, size);
}

int sw_faulty_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*thread_main)(void *),
                             void *argument) {
    int failed = sw_faults_judge(SW_CALL_PTHREAD_CREATE, NULL);
    return failed != 0 ? failed : (pthread_create)(thread, attributes, thread_main, argument);
}

/* EAI_ codes are negative in glibc, errno values are not. */
int sw_faulty_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **found) {
    int failed = sw_faults_judge(SW_CALL_GETADDRINFO, NULL);
    if (failed == 0) return (getaddrinfo)(host, port, hints, found);
    if (failed < 0) return failed;
    errno = failed;
    return EAI_SYSTEM;
}
