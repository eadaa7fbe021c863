/* The monotonic clock in seconds. Deadlines use it, because the wall clock can be changed. */
#ifndef SW_BASE_CLOCK_H
#define SW_BASE_CLOCK_H

#include <time.h>

static inline double sw_clock(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

#endif
