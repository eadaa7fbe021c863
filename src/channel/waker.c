#include "channel/waker.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/eventfd.h>

int sw_waker_open(struct sw_waker *waker) {
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    waker->read_fd = waker->write_fd = fd;
    return fd < 0 ? errno : 0;
}

#else

static int prepare(int fd) {
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) return errno;
    int flags = fcntl(fd, F_GETFL);
    return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? errno : 0;
}

int sw_waker_open(struct sw_waker *waker) {
    int ends[2];
    if (pipe(ends) < 0) return errno;
    waker->read_fd = ends[0];
    waker->write_fd = ends[1];
    int failed = prepare(ends[0]);
    if (failed == 0) failed = prepare(ends[1]);
    if (failed != 0) sw_waker_close(waker);
    return failed;
}

#endif

void sw_waker_close(struct sw_waker *waker) {
    if (waker->write_fd != waker->read_fd) close(waker->write_fd);
    if (waker->read_fd >= 0) close(waker->read_fd);
    *waker = SW_WAKER_CLOSED;
}

void sw_waker_signal(const struct sw_waker *waker) {
    const uint64_t one = 1; /* eventfd(2) requires eight bytes; a pipe takes any number */
    ssize_t written;
    do {
        written = write(waker->write_fd, &one, sizeof one);
    } while (written < 0 && errno == EINTR);
    /* EAGAIN: the descriptor is already readable. */
}

void sw_waker_clear(const struct sw_waker *waker) {
    uint64_t counts[32];
    ssize_t got;
    do {
        got = read(waker->read_fd, counts, sizeof counts);
    } while ((got < 0 && errno == EINTR) || got == (ssize_t)sizeof counts);
}
