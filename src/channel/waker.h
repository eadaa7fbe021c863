/* A waker wakes a sleeping thread: it is an eventfd, or a pipe on systems without eventfd, that other threads make
 * readable.
 *
 * ev_async is not used, because it aborts the process when no descriptor is left. A condition variable is not used,
 * because a signal does not end its wait (EINTR), and an event loop cannot wait for it.
 *
 * A write to the descriptor is a system call, which costs more than the rest of posting something. So a thread is woken
 * only if it sleeps, and once for each sleep. Two flags ensure this. The engine's lock guards the flags and the lists
 * of posted work.
 *
 * The sleeper, which owns the waker:
 *     1. clears the descriptor, if it is readable
 *     2. under the lock: resets `pending` and sets `sleeping`
 *     3. checks for work, and sleeps if there is none
 *     4. under the lock, when the sleep ends for any reason: resets `sleeping`
 * The sleeper can delay step 1 until it wants to sleep again, and do its work first.
 *
 * Another thread, which has work for the sleeper:
 *     a. under the lock: posts the work, then claims the waker
 *     b. without the lock: signals, if the claim returned true
 *
 * No wake-up is lost. Step 3 finds work that was posted before step 2. Between steps 2 and 4, the first claim returns
 * true, so its thread makes the descriptor readable; nothing clears it before step 4, so the sleep ends. The other
 * claims need no signal. A signal can be late, when the sleep has already ended for another reason. If it comes before
 * the next step 1, that step clears it, and the following step 3 finds its work. If it comes later, it ends the next
 * sleep without need, which is harmless.
 *
 * A notifier (channel/notifier.h) is a waker whose owner sleeps in an event loop of its own, so that sidewire does not
 * know when a sleep begins or ends. Its owner counts as asleep all the time: `sleeping` is true from the opening on, and
 * `pending` alone tells whether the descriptor is readable, or is about to become so. The rule is then:
 *
 *     `pending` is true while something is posted that the owner has not taken, or something is left that it has taken.
 *
 * The owner clears the descriptor when it has nothing left:
 *     i.   under the lock: goes on only if `pending` is true and nothing is posted
 *     ii.  without the lock: clears the descriptor, and goes on only if that was readable
 *     iii. under the lock: resets `pending`; if something was posted since step i, claims the waker, and then signals
 *
 * No wake-up is lost. A thread that posts before step iii finds `pending` true and signals nothing; step iii finds what
 * it has posted. A thread that posts later finds `pending` false, so it signals. No wake-up comes for ever, either. If
 * step ii finds nothing to clear, a thread has claimed the waker and has not signalled yet. Then `pending` stays true;
 * the signal wakes the owner once without need, and the owner's next step ii clears it. So no signal is on its way while
 * `pending` is false, and the descriptor is not readable then.
 */
#ifndef SW_CHANNEL_WAKER_H
#define SW_CHANNEL_WAKER_H

#include <stdbool.h>

struct sw_waker {
    int read_fd, write_fd; /* equal for an eventfd; -1 = closed */
    bool sleeping;         /* under the lock: the owner sleeps, or is about to */
    bool pending; /* under the lock: a thread has signalled, or is about to, and the owner has not cleared it */
};

#define SW_WAKER_CLOSED ((struct sw_waker){-1, -1, false, false})

/* Opens the descriptor, non-blocking and close-on-exec. Returns 0 or an errno. */
int sw_waker_open(struct sw_waker *waker);

/* The same, for a descriptor whose number scripts get: it is never 0, 1 or 2. If `number` is not negative, the new
 * descriptor replaces the one that has this number. After an error both are closed. */
int sw_waker_open_at(struct sw_waker *waker, int number);
void sw_waker_close(struct sw_waker *waker);

/* With the engine's lock held, after something was posted for the owner. True: the caller must call sw_waker_signal
 * after it has released the lock. */
static inline bool sw_waker_claim(struct sw_waker *waker) {
    bool must_signal = waker->sleeping && !waker->pending;
    if (must_signal) waker->pending = true;
    return must_signal;
}

/* Makes the descriptor readable. Any thread calls this without the lock, after sw_waker_claim returned true. */
void sw_waker_signal(const struct sw_waker *waker);

/* Makes the descriptor unreadable. False: it was not readable. Only the owner calls this, without the lock; except for a
 * notifier, while `sleeping` is false. */
bool sw_waker_clear(const struct sw_waker *waker);

#endif
