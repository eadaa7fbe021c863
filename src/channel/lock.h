/* A spin lock that the host thread and the loop thread hold for a few instructions.
 *
 * It is faster than a pthread mutex, because a plain store releases it. A mutex needs an atomic exchange for that,
 * which waits until all earlier stores have left the core. Such a store is slow when the host has just copied a message
 * into a page that is in the loop's cache. Measured in a loop of sends to spec/support/peer.c: 200 ns for a send with
 * an adaptive mutex, 120 ns with this lock.
 *
 * A thread that finds the lock held spins for a while and then sleeps. It must sleep, because the holder may have lost
 * its core to a waiting thread of higher priority. A thread never holds two of these locks, and never calls a function
 * that may wait while it holds one.
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

/* Returns when the lock seems free. Spins first, then sleeps between tests. */
void sw_lock_wait(struct sw_lock *lock);

static inline void sw_lock_acquire(struct sw_lock *lock) {
    while (atomic_exchange_explicit(&lock->held, true, memory_order_acquire)) sw_lock_wait(lock);
}

static inline void sw_lock_release(struct sw_lock *lock) {
    atomic_store_explicit(&lock->held, false, memory_order_release);
}

#else /* helgrind does not know the memory order of atomics, so under valgrind the lock is a mutex */

#include <pthread.h>

struct sw_lock {
    pthread_mutex_t mutex;
};

static inline void sw_lock_init(struct sw_lock *lock) { pthread_mutex_init(&lock->mutex, NULL); }
static inline void sw_lock_destroy(struct sw_lock *lock) { pthread_mutex_destroy(&lock->mutex); }
static inline void sw_lock_acquire(struct sw_lock *lock) { pthread_mutex_lock(&lock->mutex); }
static inline void sw_lock_release(struct sw_lock *lock) { pthread_mutex_unlock(&lock->mutex); }

#endif

#endif
