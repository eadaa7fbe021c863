/* The loop thread: rounds over one libev loop, its connections, and the way in for work.
 *
 * Work arrives on the engine's lists. The loop takes it before it would sleep (ev_prepare), says that it sleeps under
 * the engine's lock, and is woken by a descriptor that only a thread that saw it asleep writes to; so a busy loop
 * costs its senders no system call. Every round has a budget; what is left keeps the loop awake by an idle watcher.
 * The option spin keeps it awake for a while, too.
 */
#ifndef SW_LOOP_LOOP_H
#define SW_LOOP_LOOP_H

/* The thread's main function; the argument is the engine, with a reference for the thread. */
void *sw_loop_main(void *argument);

#endif
