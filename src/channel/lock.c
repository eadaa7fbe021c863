#include "channel/lock.h"

#ifndef UNDER_VALGRIND /* else the lock is a mutex: see lock.h */

#include <time.h>

#include "base/tunables.h"

/* Tells the processor that this thread spins: it then saves power, and leaves more of the core to the core's other
 * hardware thread. */
static void cpu_relax(void) {
#if defined __x86_64__ || defined __i386__
    __builtin_ia32_pause();
#elif defined __aarch64__
    __asm__ volatile("yield");
#endif
}

void sw_lock_wait(struct sw_lock *lock) {
    const struct timespec duration = {.tv_nsec = SW_LOCK_SLEEP};
    for (int spins = 0; atomic_load_explicit(&lock->held, memory_order_relaxed); spins++) {
        if (spins < SW_LOCK_SPINS)
            cpu_relax();
        else
            nanosleep(&duration, NULL);
    }
}

#endif
