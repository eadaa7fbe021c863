#include "channel/thread.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

static _Thread_local bool ours;

void sw_thread_mark_ours(void) { ours = true; }

bool sw_thread_is_ours(void) { return ours; }

int sw_thread_spawn(pthread_t *thread, bool detached, void *(*thread_main)(void *), void *argument) {
    sigset_t all, before;
    sigfillset(&all);
    /* A fault signal goes to the thread that caused it. All other signals are for the host's own threads. */
    sigdelset(&all, SIGSEGV);
    sigdelset(&all, SIGBUS);
    sigdelset(&all, SIGFPE);
    sigdelset(&all, SIGILL);
    pthread_attr_t attributes;
    int failed = pthread_attr_init(&attributes);
    if (failed != 0) return failed;
    if (detached) pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    failed = pthread_create(thread, &attributes, thread_main, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return failed;
}

static atomic_uint generation;
static int watch_failure;

static pthread_mutex_t fork_lock = PTHREAD_MUTEX_INITIALIZER;

void sw_fork_hold(void) { pthread_mutex_lock(&fork_lock); }

void sw_fork_release(void) { pthread_mutex_unlock(&fork_lock); }

/* Runs in the child of a fork. Only the thread that forked exists there. It holds fork_lock, so it can release it;
 * other locks may be held by threads that do not exist in the child. */
static void count_fork(void) {
    atomic_fetch_add_explicit(&generation, 1, memory_order_relaxed);
    sw_fork_release();
}

static void watch(void) { watch_failure = pthread_atfork(sw_fork_hold, sw_fork_release, count_fork); }

int sw_fork_watch(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, watch);
    return watch_failure;
}

unsigned sw_fork_generation(void) { return atomic_load_explicit(&generation, memory_order_relaxed); }
