/* What happens at a fork: it is detected, and the child closes its copies of our sockets.
 *
 * In the child only the thread that forked exists. Our other threads do not, and their locks may be held forever; so there
 * is one lock that no thread of ours holds during a fork. While it is held, a socket is opened or closed together with the
 * note of its descriptor, and the registry of name lookups (loop/lookups.h) is changed.
 *
 * A library that has locks of its own has none of these: a fork waits until no thread of ours is within it.
 *
 * The child closes the noted descriptors at once. If it kept them, the peer would not see when the parent closes a
 * connection.
 */
#ifndef SW_CHANNEL_FORK_H
#define SW_CHANNEL_FORK_H

/* Counts forks from the first process to this one: if it has changed, this process is a forked child and lacks the parent's
 * threads. sw_fork_watch must be called before; it returns 0 or an errno. */
int sw_fork_watch(void);
unsigned sw_fork_generation(void);

/* No fork happens between these two calls. Only system calls that do not wait may run between them. They do not nest. */
void sw_fork_hold(void);
void sw_fork_release(void);

/* A fork waits until all threads that have called the first one have called the second one. They do not nest, and
 * sw_fork_hold may come between them, but not the other way round. Nothing between them may wait for the host. */
void sw_fork_delay(void);
void sw_fork_allow(void);

/* Between sw_fork_hold and sw_fork_release: notes a descriptor that a forked child closes, and forgets it before it is
 * closed. Descriptors from SW_FORK_NOTES on are not noted, and stay open in the child; Linux allows no more by default
 * (fs.nr_open, proc(5)). */
enum { SW_FORK_NOTES = 1 << 20 };
void sw_fork_note(int fd);
void sw_fork_forget(int fd);

#endif
