#include "channel/fork.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

static atomic_uint generation;
static int watch_failure;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static pthread_rwlock_t delay = PTHREAD_RWLOCK_INITIALIZER; /* a fork writes, what delays it reads */

/* One bit for each descriptor, guarded by the lock. Pages of it that are not used take no memory. */
enum { BITS = 64 };
static uint64_t notes[SW_FORK_NOTES / BITS];
static size_t used; /* no word of `notes` from here on has a bit */

void sw_fork_hold(void) { pthread_mutex_lock(&lock); }

void sw_fork_release(void) { pthread_mutex_unlock(&lock); }

void sw_fork_delay(void) { pthread_rwlock_rdlock(&delay); }

void sw_fork_allow(void) { pthread_rwlock_unlock(&delay); }

static bool has_note(int fd) { return fd >= 0 && fd < SW_FORK_NOTES; }

void sw_fork_note(int fd) {
    if (!has_note(fd)) return;
    size_t word = (size_t)fd / BITS;
    notes[word] |= UINT64_C(1) << fd % BITS;
    if (word >= used) used = word + 1;
}

void sw_fork_forget(int fd) {
    if (has_note(fd)) notes[(size_t)fd / BITS] &= ~(UINT64_C(1) << fd % BITS);
}

static void close_noted(void) {
    for (size_t word = 0; word < used; word++) {
        for (int bit = 0; notes[word] != 0 && bit < BITS; bit++)
            if (notes[word] >> bit & 1) close((int)word * BITS + bit);
        notes[word] = 0;
    }
    used = 0;
}

/* Runs in the child of a fork, in which it holds the lock. close() is one of the few calls that are allowed there when the
 * parent has several threads (signal-safety(7)). */
static void begin_child(void) {
    atomic_fetch_add_explicit(&generation, 1, memory_order_relaxed);
    close_noted();
    sw_fork_release();
    static const pthread_rwlock_t fresh = PTHREAD_RWLOCK_INITIALIZER;
    pthread_rwlock_unlock(&delay);
    delay = fresh; /* the parent's threads that wait for it are not here */
}

static void begin_fork(void) {
    pthread_rwlock_wrlock(&delay);
    sw_fork_hold();
}

static void end_fork(void) {
    sw_fork_release();
    pthread_rwlock_unlock(&delay);
}

static void watch(void) { watch_failure = pthread_atfork(begin_fork, end_fork, begin_child); }

int sw_fork_watch(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, watch);
    return watch_failure;
}

unsigned sw_fork_generation(void) { return atomic_load_explicit(&generation, memory_order_relaxed); }
