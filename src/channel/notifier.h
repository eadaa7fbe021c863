/* The notifier of an engine: a descriptor that is readable while the host has something to take. It is for hosts that
 * sleep in an event loop of their own.
 *
 * It is a waker beside the one on which the host sleeps in sidewire.wait and the like. A wait clears its descriptor each
 * time before it checks for work, and a Lua error can end a wait at any point. A loop that watched the same descriptor
 * would then sleep although events are queued. channel/waker.h explains why this one loses no wake-up. A host that never
 * asks for a notifier has no such descriptor, and no system call is made for it.
 *
 * The descriptor is opened once and closed with the engine, so it stays the same when the loop thread ends and starts
 * again. A forked child shares it with the parent, so what one of them clears the other would miss. So in the child a
 * new descriptor replaces it, with the same number.
 *
 * The host thread calls these functions.
 */
#ifndef SW_CHANNEL_NOTIFIER_H
#define SW_CHANNEL_NOTIFIER_H

#include <stdbool.h>

#include "channel/engine.h"

/* Opens the descriptor unless it is open. If something is posted, it is readable at once. Returns 0 or an errno. */
int sw_notifier_open(struct sw_engine *engine);

static inline bool sw_notifier_is_open(const struct sw_engine *engine) { return engine->notifier.read_fd >= 0; }

/* The host has something left: makes the descriptor readable. */
void sw_notifier_signal(struct sw_engine *engine);

/* The host has nothing left: makes the descriptor unreadable, unless something is posted. */
void sw_notifier_clear(struct sw_engine *engine);

#endif
