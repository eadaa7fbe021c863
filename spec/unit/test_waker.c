#include "channel/waker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "unit.h"

static bool is_readable(const struct sw_waker *waker) {
    struct pollfd fd = {.fd = waker->read_fd, .events = POLLIN};
    return poll(&fd, 1, 0) == 1;
}

static void wakes(void) {
    struct sw_waker waker = SW_WAKER_CLOSED;
    sw_waker_close(&waker); /* does nothing */
    CHECK_EQ(sw_waker_open(&waker), 0);
    CHECK(fcntl(waker.read_fd, F_GETFD) & FD_CLOEXEC);
    CHECK(fcntl(waker.write_fd, F_GETFD) & FD_CLOEXEC);
    CHECK(!is_readable(&waker));
    CHECK(!sw_waker_clear(&waker));                           /* does not wait */
    for (int i = 0; i < 100000; i++) sw_waker_signal(&waker); /* nor does this */
    CHECK(is_readable(&waker));
    CHECK(sw_waker_clear(&waker));
    CHECK(!is_readable(&waker));
    sw_waker_close(&waker);
    CHECK_EQ(waker.read_fd, -1);
}

static void takes_a_number(void) {
    struct sw_waker waker, other;
    CHECK_EQ(sw_waker_open_at(&waker, -1), 0);
    int number = waker.read_fd;
    CHECK(number > STDERR_FILENO && waker.write_fd > STDERR_FILENO);
    sw_waker_signal(&waker);
    CHECK_EQ(sw_waker_open_at(&other, number), 0); /* closes the first one's reading end */
    CHECK_EQ(other.read_fd, number);
    CHECK(fcntl(other.read_fd, F_GETFD) & FD_CLOEXEC);
    CHECK(fcntl(other.write_fd, F_GETFD) & FD_CLOEXEC);
    CHECK(fcntl(other.read_fd, F_GETFL) & O_NONBLOCK);
    CHECK(!is_readable(&other));
    sw_waker_signal(&other);
    CHECK(is_readable(&other));
    if (waker.write_fd != number) close(waker.write_fd);
    sw_waker_close(&other);
    CHECK_EQ(fcntl(number, F_GETFD), -1);
}

static void lacks_descriptors(void) {
    struct sw_waker waker, other;
    struct rlimit limit, none;
    CHECK_EQ(sw_waker_open_at(&waker, -1), 0);
    getrlimit(RLIMIT_NOFILE, &limit);
    none = limit;
    none.rlim_cur = 0;
    setrlimit(RLIMIT_NOFILE, &none);
    CHECK_EQ(sw_waker_open_at(&other, -1), EMFILE);
    CHECK_EQ(other.read_fd, -1);
    CHECK_EQ(sw_waker_open_at(&other, waker.read_fd), EMFILE);
    CHECK_EQ(other.write_fd, -1);
    setrlimit(RLIMIT_NOFILE, &limit);
    CHECK_EQ(fcntl(waker.read_fd, F_GETFD), -1); /* both are closed */
    if (waker.write_fd != waker.read_fd) close(waker.write_fd);
}

static void claims(void) {
    struct sw_waker waker = {.read_fd = -1, .write_fd = -1};
    CHECK(!sw_waker_claim(&waker)); /* it is awake, and will look */
    waker.sleeping = true;
    CHECK(sw_waker_claim(&waker));
    CHECK(!sw_waker_claim(&waker)); /* once is enough */
    waker.sleeping = false;
    CHECK(!sw_waker_claim(&waker));
    waker.sleeping = true; /* not cleared yet: the descriptor ends this sleep, too */
    CHECK(!sw_waker_claim(&waker));
    waker.pending = false;
    CHECK(sw_waker_claim(&waker));
}

static const struct unit_test tests[] = {
    {"wakes without ever waiting", wakes},
    {"wakes a thread once for each sleep", claims},
    {"takes the place of a descriptor", takes_a_number},
    {"leaves none open when there is none left [F16]", lacks_descriptors},
};

UNIT_MAIN(tests)
