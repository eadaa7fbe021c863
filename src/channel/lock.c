#include "channel/lock.h"

#ifndef UNDER_VALGRIND

#include <time.h>

#include "base/tunables.h"

/* Tells the processor that this thread busy-waits for another core. */
static void relax_processor(void) {
#if defined __x86_64__ || defined __i386__
    __builtin_ia32_pause();
#elif defined __aarch64__
    __asm__ volatile("yield");
#endif
}

void sw_lock_wait(struct sw_lock *lock) {
    const struct timespec rest = {.tv_nsec = SW_LOCK_SLEEP};
    for (int spins = 0; atomic_load_explicit(&lock->held, memory_order_relaxed); spins++) {
        if (spins < SW_LOCK_SPINS)
            relax_processor();
        else
            nanosleep(&rest, NULL);
    }
}

#endif
