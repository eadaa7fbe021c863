/* What stands in front of the system calls. */
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rules.h"

__typeof__(socket) __wrap_socket, __real_socket;
__typeof__(connect) __wrap_connect, __real_connect;
__typeof__(sendmsg) __wrap_sendmsg, __real_sendmsg;
__typeof__(recv) __wrap_recv, __real_recv;
__typeof__(getsockopt) __wrap_getsockopt, __real_getsockopt;
__typeof__(setsockopt) __wrap_setsockopt, __real_setsockopt;
__typeof__(eventfd) __wrap_eventfd, __real_eventfd;
__typeof__(read) __wrap_read, __real_read;
__typeof__(write) __wrap_write, __real_write;
__typeof__(pthread_create) __wrap_pthread_create, __real_pthread_create;
__typeof__(getaddrinfo) __wrap_getaddrinfo, __real_getaddrinfo;

int __wrap_socket(int family, int type, int protocol) {
    return rules_refuse(CALL_SOCKET) ? -1 : __real_socket(family, type, protocol);
}

int __wrap_connect(int fd, const struct sockaddr *address, socklen_t size) {
    return rules_refuse(CALL_CONNECT) ? -1 : __real_connect(fd, address, size);
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags) {
    return rules_refuse(CALL_SENDMSG) ? -1 : __real_sendmsg(fd, message, flags);
}

ssize_t __wrap_recv(int fd, void *buffer, size_t size, int flags) {
    return rules_refuse(CALL_RECV) ? -1 : __real_recv(fd, buffer, size, flags);
}

int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *size) {
    return rules_refuse(CALL_GETSOCKOPT) ? -1 : __real_getsockopt(fd, level, name, value, size);
}

int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t size) {
    return rules_refuse(CALL_SETSOCKOPT) ? -1 : __real_setsockopt(fd, level, name, value, size);
}

int __wrap_eventfd(unsigned count, int flags) { return rules_refuse(CALL_EVENTFD) ? -1 : __real_eventfd(count, flags); }

ssize_t __wrap_read(int fd, void *buffer, size_t size) {
    return rules_refuse(CALL_READ) ? -1 : __real_read(fd, buffer, size);
}

ssize_t __wrap_write(int fd, const void *buffer, size_t size) {
    return rules_refuse(CALL_WRITE) ? -1 : __real_write(fd, buffer, size);
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*thread_main)(void *),
                          void *argument) {
    int failed = rules_judge(CALL_PTHREAD_CREATE, NULL);
    return failed != 0 ? failed : __real_pthread_create(thread, attributes, thread_main, argument);
}

/* EAI_ codes are negative in glibc, errno values are not. */
int __wrap_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **found) {
    int failed = rules_judge(CALL_GETADDRINFO, NULL);
    if (failed == 0) return __real_getaddrinfo(host, port, hints, found);
    if (failed < 0) return failed;
    errno = failed;
    return EAI_SYSTEM;
}
