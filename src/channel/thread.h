/* Which thread is this? The folder of a function says on which thread it runs; entry points of the rooms assert it.
 */
#ifndef SW_CHANNEL_THREAD_H
#define SW_CHANNEL_THREAD_H

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>

/* Marks the calling thread as one of ours (loop or resolver helper) for the rest of its life. */
void sw_thread_mark_ours(void);

/* True on a loop thread or a resolver helper. A Lua state may wander between the host's own threads, so "not ours" is
 * all that can be said of the host thread. */
bool sw_thread_is_ours(void);

#define SW_ON_LOOP_THREAD() assert(sw_thread_is_ours())
#define SW_ON_HOST_THREAD() assert(!sw_thread_is_ours())

/* Starts a thread with all signals blocked but those that report its own faults. 0 or an errno. */
int sw_thread_spawn(pthread_t *thread, bool detached, void *(*thread_main)(void *), void *argument);

/* Counts the forks this process descends from, so that a child can tell that its parent's threads are not here.
 * sw_fork_watch must have been called once before; it returns 0 or an errno. */
int sw_fork_watch(void);
unsigned sw_fork_generation(void);

/* Helper threads under way in this process, at most `most` at once: a claim says whether there may be one more. In the
 * child of a fork the count starts anew, since the parent's helpers are not there. */
bool sw_thread_claim_helper(int most);
void sw_thread_end_helper(void);

/* Between these two no fork happens: a descriptor and the note of it, by which a child closes its copy, stay together,
 * and what a helper holds while no loop runs is free in the child. For a few system calls that do not wait; not nested. */
void sw_fork_hold(void);
void sw_fork_release(void);

#endif
