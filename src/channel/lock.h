/* The seam's lock: held for a few instructions, by two threads at most, and dropped by a plain store.
 *
 * That store is why it is no pthread mutex. To drop one of those is an atomic exchange, which waits until all earlier
 * stores have left the core; a message that was just copied into a page that the loop had in its cache is such a store.
 * In a loop of sends to the peer of the tests, which computes a digest of what it reads, a send took 200 ns with an
 * adaptive mutex and 120 ns with this.
 *
 * A thread that finds it held looks a while and then sleeps, since the holder may have lost its core, perhaps to a
 * thread that waits here with a higher priority. Never held around a call that may wait, and never two at once.
 */
#ifndef SW_CHANNEL_LOCK_H
#define SW_CHANNEL_LOCK_H

#ifndef UNDER_VALGRIND

#include <stdatomic.h>
#include <stdbool.h>

struct sw_lock {
    atomic_bool held;
};

static inline void sw_lock_init(struct sw_lock *lock) { atomic_init(&lock->held, false); }
static inline void sw_lock_destroy(struct sw_lock *lock) { (void)lock; }

/* Looks until it seems free, and sleeps now and then. */
void sw_lock_wait(struct sw_lock *lock);

static inline void sw_lock_take(struct sw_lock *lock) {
    while (atomic_exchange_explicit(&lock->held, true, memory_order_acquire)) sw_lock_wait(lock);
}

static inline void sw_lock_drop(struct sw_lock *lock) {
    atomic_store_explicit(&lock->held, false, memory_order_release);
}

#else /* helgrind does not know what atomics order: it gets a mutex to watch */

#include <pthread.h>

struct sw_lock {
    pthread_mutex_t mutex;
};

static inline void sw_lock_init(struct sw_lock *lock) { pthread_mutex_init(&lock->mutex, NULL); }
static inline void sw_lock_destroy(struct sw_lock *lock) { pthread_mutex_destroy(&lock->mutex); }
static inline void sw_lock_take(struct sw_lock *lock) { pthread_mutex_lock(&lock->mutex); }
static inline void sw_lock_drop(struct sw_lock *lock) { pthread_mutex_unlock(&lock->mutex); }

#endif

#endif
