#include "channel/thread.h"

#include <pthread.h>
#include <signal.h>

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
