#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* dup3 */
#endif

#include "channel/waker.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>

#include "base/platform.h"

#if SW_HAS_EVENTFD
#include <sys/eventfd.h>

int sw_waker_open(struct sw_waker *waker) {
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    waker->read_fd = waker->write_fd = fd;
    return fd < 0 ? errno : 0;
}

static int replace(int fd, int number) { return dup3(fd, number, O_CLOEXEC); }

#else

/* Makes a descriptor non-blocking and close-on-exec. Returns 0 or an errno. */
static int set_flags(int fd) {
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) return errno;
    int flags = fcntl(fd, F_GETFL);
    return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? errno : 0;
}

int sw_waker_open(struct sw_waker *waker) {
    int ends[2];
    if (pipe(ends) < 0) return errno;
    waker->read_fd = ends[0];
    waker->write_fd = ends[1];
    int error = set_flags(ends[0]);
    if (error == 0) error = set_flags(ends[1]);
    if (error != 0) sw_waker_close(waker);
    return error;
}

static int replace(int fd, int number) {
    int replaced = dup2(fd, number);
    if (replaced >= 0) (void)fcntl(replaced, F_SETFD, FD_CLOEXEC);
    return replaced;
}

#endif

/* Moves the descriptor to the number or, if that is negative, away from 0, 1 and 2. Returns its new number, or -1 with
 * errno. */
static int move(int fd, int number) {
    if (number < 0 && fd > STDERR_FILENO) return fd;
    int moved = number >= 0 ? replace(fd, number) : fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1), error = errno;
    close(fd);
    errno = error;
    return moved;
}

int sw_waker_open_at(struct sw_waker *waker, int number) {
    *waker = SW_WAKER_CLOSED;
    int error = sw_waker_open(waker);
    bool is_eventfd = waker->write_fd == waker->read_fd;
    if (error == 0 && !is_eventfd && (waker->write_fd = move(waker->write_fd, -1)) < 0) error = errno;
    if (error == 0 && (waker->read_fd = move(waker->read_fd, number)) < 0) error = errno;
    if (is_eventfd) waker->write_fd = waker->read_fd;
    if (error == 0) return 0;
    sw_waker_close(waker);
    if (number >= 0) close(number);
    return error;
}

void sw_waker_close(struct sw_waker *waker) {
    if (waker->write_fd >= 0 && waker->write_fd != waker->read_fd) close(waker->write_fd);
    if (waker->read_fd >= 0) close(waker->read_fd);
    *waker = SW_WAKER_CLOSED;
}

void sw_waker_signal(const struct sw_waker *waker) {
    const uint64_t one = 1; /* eventfd(2) requires eight bytes; a pipe takes any number */
    ssize_t written;
    do {
        written = write(waker->write_fd, &one, sizeof one);
    } while (written < 0 && errno == EINTR);
    /* EAGAIN needs no handling: the counter or the pipe is full, so the descriptor is readable. */
}

bool sw_waker_clear(const struct sw_waker *waker) {
    /* An eventfd is cleared by one read of eight bytes. A pipe has eight bytes for each signal, so this reads until a
     * read returns less than the buffer holds. */
    uint64_t signals[32];
    ssize_t got;
    bool was_readable = false;
    do {
        got = read(waker->read_fd, signals, sizeof signals);
        was_readable = was_readable || got > 0;
    } while ((got < 0 && errno == EINTR) || got == (ssize_t)sizeof signals);
    return was_readable;
}
