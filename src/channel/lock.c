#include "channel/lock.h"

#ifndef UNDER_VALGRIND

#include <time.h>

enum {
    LOOKS = 500,    /* some microseconds: far longer than it is ever held */
    NAP_NS = 50000, /* about what a sleeping thread's way back takes */
};

/* Tells the processor that this is a loop that waits for another core. */
static void pause_a_moment(void) {
#if defined __x86_64__ || defined __i386__
    __builtin_ia32_pause();
#elif defined __aarch64__
    __asm__ volatile("yield");
#endif
}

void sw_lock_wait(struct sw_lock *lock) {
    const struct timespec nap = {.tv_nsec = NAP_NS};
    for (int looks = 0; atomic_load_explicit(&lock->held, memory_order_relaxed); looks++) {
        if (looks < LOOKS)
            pause_a_moment();
        else
            nanosleep(&nap, NULL);
    }
}

#endif
