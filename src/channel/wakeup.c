#include "channel/wakeup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/eventfd.h>

int sw_wakeup_open(struct sw_wakeup *wakeup) {
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    wakeup->read_fd = wakeup->write_fd = fd;
    return fd < 0 ? errno : 0;
}

#else

static int prepare(int fd) {
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) return errno;
    int flags = fcntl(fd, F_GETFL);
    return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? errno : 0;
}

int sw_wakeup_open(struct sw_wakeup *wakeup) {
    int ends[2];
    *wakeup = SW_WAKEUP_CLOSED;
    if (pipe(ends) < 0) return errno;
    *wakeup = (struct sw_wakeup){ends[0], ends[1]};
    int failed = prepare(ends[0]);
    if (failed == 0) failed = prepare(ends[1]);
    if (failed != 0) sw_wakeup_close(wakeup);
    return failed;
}

#endif

void sw_wakeup_close(struct sw_wakeup *wakeup) {
    if (wakeup->write_fd != wakeup->read_fd) close(wakeup->write_fd);
    if (wakeup->read_fd >= 0) close(wakeup->read_fd);
    *wakeup = SW_WAKEUP_CLOSED;
}

void sw_wakeup_signal(const struct sw_wakeup *wakeup) {
    const uint64_t one = 1; /* eventfd(2) wants eight bytes; a pipe does not mind */
    ssize_t written;
    do {
        written = write(wakeup->write_fd, &one, sizeof one);
    } while (written < 0 && errno == EINTR);
    /* EAGAIN: it is readable already, which is all that was wanted. */
}

void sw_wakeup_drain(const struct sw_wakeup *wakeup) {
    uint64_t counts[32];
    ssize_t got;
    do {
        got = read(wakeup->read_fd, counts, sizeof counts);
    } while ((got < 0 && errno == EINTR) || got == (ssize_t)sizeof counts);
}
