/* Checks on which thread a function runs, and starts threads.
 */
#ifndef SW_CHANNEL_THREAD_H
#define SW_CHANNEL_THREAD_H

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>

/* Marks the calling thread as one of sidewire's (loop or resolver helper). */
void sw_thread_mark_ours(void);

/* True on a loop thread and on a resolver helper. The host thread is any other thread, because a program may use a Lua
 * state on several threads, one after the other. */
bool sw_thread_is_ours(void);

#define SW_ON_LOOP_THREAD() assert(sw_thread_is_ours())
#define SW_ON_HOST_THREAD() assert(!sw_thread_is_ours())

/* Starts a thread on which all signals are blocked, except those for its own faults. Returns 0 or an errno. */
int sw_thread_spawn(pthread_t *thread, bool detached, void *(*thread_main)(void *), void *argument);

#endif
