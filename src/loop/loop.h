/* The loop thread: runs one libev loop with all connections of an engine, and takes the work that other threads post.
 *
 * Work waits in the engine's lists. The loop takes it just before it would sleep (ev_prepare). If there is none, it
 * sets a flag under the engine's lock that says that it sleeps. A thread that posts work and sees the flag wakes the
 * loop through a descriptor; while the loop is busy, posting needs no system call. Each round of work has a limit. If
 * work is left, an idle watcher keeps the loop from sleeping. It also does so while the loop busy-waits (option spin,
 * loop/turns.h).
 */
#ifndef SW_LOOP_LOOP_H
#define SW_LOOP_LOOP_H

/* The thread's main function. The argument is the engine; the thread takes over one reference to it. */
void *sw_loop_main(void *argument);

#endif
