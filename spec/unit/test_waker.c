#include "channel/waker.h"

#include <fcntl.h>
#include <poll.h>

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
    sw_waker_clear(&waker);                                   /* does not wait */
    for (int i = 0; i < 100000; i++) sw_waker_signal(&waker); /* nor does this */
    CHECK(is_readable(&waker));
    sw_waker_clear(&waker);
    CHECK(!is_readable(&waker));
    sw_waker_close(&waker);
    CHECK_EQ(waker.read_fd, -1);
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
};

UNIT_MAIN(tests)
