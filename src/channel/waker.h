/* What ends a thread's sleep: a descriptor that other threads make readable, an eventfd, or a pipe where there is none.
 *
 * Not ev_async, which aborts the process when descriptors run out; not a condition variable, which cannot be waited for
 * together with a signal (EINTR) or by the host's own event loop.
 *
 * A write to the descriptor is a system call, and costs more than all else that is done to hand something over. So a
 * thread is woken only when it sleeps, and once for each of its sleeps, whatever comes meanwhile. Two flags see to that;
 * the engine's lock guards them, as it guards the lists on which work is left.
 *
 * The sleeper, to which the waker belongs:
 *     1. clears the descriptor, if it was found readable
 *     2. under the lock: resets `pending` and sets `sleeping`
 *     3. looks for work, and sleeps only when there is none
 *     4. under the lock, whatever ended the sleep: resets `sleeping`
 * It may put 1 off until it would sleep again: a thread that was woken has better things to do first.
 * Another thread, which has work for it:
 *     a. leaves the work, then claims the waker, under the lock
 *     b. without the lock: signals, if the claim says so
 *
 * No wake-up is lost. Work that is left before 2 is found in 3. Of the claims between 2 and 4, the first says that a
 * signal must follow; the descriptor becomes readable, perhaps not at once, and nothing clears it before 4, so the sleep
 * ends; the other claims need no signal of their own. A signal can come so late that its sleep has ended for another
 * reason. Then either the next 1 clears it, and its work, which was left before, is found in the 3 that follows; or it
 * comes after that 1, and ends the next sleep for nothing, which does no harm.
 */
#ifndef SW_CHANNEL_WAKER_H
#define SW_CHANNEL_WAKER_H

#include <stdbool.h>

struct sw_waker {
    int read_fd, write_fd; /* the same descriptor with an eventfd; -1 when closed */
    bool sleeping;         /* under the lock: its thread sleeps, or is about to */
    bool pending;          /* under the lock: it was written to, or is about to be, and was not cleared since */
};

#define SW_WAKER_CLOSED ((struct sw_waker){-1, -1, false, false})

/* Opens the descriptor, non-blocking and close-on-exec. 0 or an errno. */
int sw_waker_open(struct sw_waker *waker);
void sw_waker_close(struct sw_waker *waker);

/* With the engine's lock held, by a thread that has something for the sleeper: must sw_waker_signal follow, once the lock is
 * dropped? */
static inline bool sw_waker_claim(struct sw_waker *waker) {
    bool must_signal = waker->sleeping && !waker->pending;
    if (must_signal) waker->pending = true;
    return must_signal;
}

/* Makes the descriptor readable, after a claim that said so. Any thread, without the lock. */
void sw_waker_signal(const struct sw_waker *waker);

/* Makes the descriptor unreadable again. The sleeper, without the lock, while `sleeping` is not set. */
void sw_waker_clear(const struct sw_waker *waker);

#endif
