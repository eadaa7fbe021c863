/* Checks on which thread a function runs, starts threads, and detects forks.
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

/* sw_fork_generation counts forks from the first process to this one: if it has changed, this process is a forked child
 * and lacks the parent's threads. sw_fork_watch must be called before; it returns 0 or an errno. */
int sw_fork_watch(void);
unsigned sw_fork_generation(void);

/* No fork happens between these two calls. They are used where a descriptor is opened or closed and stored in
 * sw_channel.fd, so that a forked child can close its copy; and where a helper thread takes a lock that the child may
 * use. Only system calls that do not wait may run between them. They do not nest. */
void sw_fork_hold(void);
void sw_fork_release(void);

#endif
