/* What stands in front of the system calls of a connection's traffic. */
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "rules.h"

__typeof__(sendmsg) __wrap_sendmsg, __real_sendmsg;
__typeof__(recv) __wrap_recv, __real_recv;
__typeof__(shutdown) __wrap_shutdown, __real_shutdown;
__typeof__(ioctl) __wrap_ioctl, __real_ioctl;

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
    return __real_sendmsg(fd, &some, flags);
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags) {
    size_t whole = size_of(message), size = whole;
    if (rules_refuse(CALL_SENDMSG, &size)) return -1;
    return size < whole ? send_some(fd, message, size, flags) : __real_sendmsg(fd, message, flags);
}

ssize_t __wrap_recv(int fd, void *buffer, size_t size, int flags) {
    return rules_refuse(CALL_RECV, &size) ? -1 : __real_recv(fd, buffer, size, flags);
}

int __wrap_shutdown(int fd, int how) { return rules_refuse(CALL_SHUTDOWN, NULL) ? -1 : __real_shutdown(fd, how); }

/* With one more argument, a pointer, as the module calls it. */
int __wrap_ioctl(int fd, unsigned long request, ...) {
    va_list arguments;
    va_start(arguments, request);
    void *value = va_arg(arguments, void *);
    va_end(arguments);
    return rules_refuse(CALL_IOCTL, NULL) ? -1 : __real_ioctl(fd, request, value);
}
