/* Which facilities each system has, where other code takes the place of a missing one. No other file decides that.
 *
 * A build with SW_FALLBACKS (make FALLBACKS=1) uses none of them. So tests on Linux run the code that other systems
 * run. Socket options that nothing replaces are not here: loop/socket.c sets them where there are any. The sources of
 * the columns are manual pages: eventfd(2), tcp(7), sched_setaffinity(2) of Linux; getsockopt(2), tcp(4) of macOS;
 * ioctl(2), tcp(4) of FreeBSD. Only Linux is tested.
 */
#ifndef SW_BASE_PLATFORM_H
#define SW_BASE_PLATFORM_H

#if defined SW_ON
/* `make warnings` chooses a column, to compile the code for other systems here. */
#elif defined SW_FALLBACKS
#define SW_ON(linux_, macos, bsd, others) others
#elif defined __linux__
#define SW_ON(linux_, macos, bsd, others) linux_
#elif defined __APPLE__
#define SW_ON(linux_, macos, bsd, others) macos
#elif defined __FreeBSD__ || defined __NetBSD__
#define SW_ON(linux_, macos, bsd, others) bsd
#else
#define SW_ON(linux_, macos, bsd, others) others
#endif

/* 1: eventfd(2). 0: threads are woken by a pipe. */
#define SW_HAS_EVENTFD SW_ON(1, 0, 0, 0)

/* 1: timerfd_create(2), for times below a millisecond. 0: a timer of libev. */
#define SW_HAS_TIMERFD SW_ON(1, 0, 0, 0)

/* 1: libev chooses how it waits: epoll, kqueue. 0: it waits by poll(2). */
#define SW_HAS_EVENT_QUEUE SW_ON(1, 1, 1, 0)

/* 1: socket(2) takes SOCK_NONBLOCK and SOCK_CLOEXEC. 0: fcntl(2) sets the flags after it. */
#define SW_HAS_SOCKET_FLAGS SW_ON(1, 0, 1, 0)

/* 1: sendmsg(2) takes MSG_NOSIGNAL (POSIX). 0: SO_NOSIGPIPE is set once. */
#define SW_HAS_NOSIGNAL SW_ON(1, 0, 1, 1)

#define SW_BY_NOTHING 0

/* How the system tells how many bytes the peer's TCP has not acknowledged: they are in the send buffer. By nothing: a
 * message is finished when it is handed over, and retain = "unacked" is refused. */
#define SW_BY_SIOCOUTQ 1  /* an ioctl; it also counts our FIN, and stays correct after a reset */
#define SW_BY_SO_NWRITE 2 /* a socket option */
#define SW_BY_FIONWRITE 3 /* an ioctl */
#define SW_COUNTS_UNACKED SW_ON(SW_BY_SIOCOUTQ, SW_BY_SO_NWRITE, SW_BY_FIONWRITE, SW_BY_NOTHING)

/* 1: SIOCOUTQ tells the size of the buffers whose bytes a unix socket's peer has not read, and there is an error on our
 * socket when the peer's is closed before it has read all (loop/unix.h). 0: on a unix socket, a message is finished when
 * it is handed over. */
#define SW_COUNTS_UNREAD SW_ON(1, 0, 0, 0)

/* How the system tells the round-trip time of a connection. By nothing: it counts as zero. */
#define SW_BY_TCP_INFO 1
#define SW_BY_TCP_CONNECTION_INFO 2
#define SW_ROUND_TRIP SW_ON(SW_BY_TCP_INFO, SW_BY_TCP_CONNECTION_INFO, SW_BY_TCP_INFO, SW_BY_NOTHING)

/* 1: sched_getaffinity(2). 0: all processors that are online count. */
#define SW_HAS_AFFINITY SW_ON(1, 0, 0, 0)

/* 1: madvise(2) may have MADV_POPULATE_WRITE. 0: each page of memory is written to. */
#define SW_HAS_POPULATE SW_ON(1, 0, 0, 0)

#endif
