/* The system calls that a build with FAULTS=1 can make fail: included after the headers that declare them, it puts
 * base/faults.h before each. In any other build it is empty, and the calls are the system's own.
 */
#ifndef SW_BASE_CALLS_H
#define SW_BASE_CALLS_H

#ifdef SW_FAULTS

#include <netdb.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

int sw_faulty_socket(int family, int type, int protocol);
int sw_faulty_connect(int fd, const struct sockaddr *address, socklen_t size);
ssize_t sw_faulty_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t sw_faulty_recv(int fd, void *buffer, size_t size, int flags);
int sw_faulty_shutdown(int fd, int how);
int sw_faulty_getsockopt(int fd, int level, int name, void *value, socklen_t *size);
int sw_faulty_setsockopt(int fd, int level, int name, const void *value, socklen_t size);
int sw_faulty_ioctl(int fd, unsigned long request, int *value);
int sw_faulty_eventfd(unsigned count, int flags);
ssize_t sw_faulty_read(int fd, void *buffer, size_t size);
ssize_t sw_faulty_write(int fd, const void *buffer, size_t size);
int sw_faulty_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*thread_main)(void *),
                             void *argument);
int sw_faulty_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **found);

#define socket(...) sw_faulty_socket(__VA_ARGS__)
#define connect(...) sw_faulty_connect(__VA_ARGS__)
#define sendmsg(...) sw_faulty_sendmsg(__VA_ARGS__)
#define recv(...) sw_faulty_recv(__VA_ARGS__)
#define shutdown(...) sw_faulty_shutdown(__VA_ARGS__)
#define getsockopt(...) sw_faulty_getsockopt(__VA_ARGS__)
#define setsockopt(...) sw_faulty_setsockopt(__VA_ARGS__)
#define ioctl(...) sw_faulty_ioctl(__VA_ARGS__)
#define eventfd(...) sw_faulty_eventfd(__VA_ARGS__)
#define read(...) sw_faulty_read(__VA_ARGS__)
#define write(...) sw_faulty_write(__VA_ARGS__)
#define pthread_create(...) sw_faulty_pthread_create(__VA_ARGS__)
#define getaddrinfo(...) sw_faulty_getaddrinfo(__VA_ARGS__)

#endif

#endif
