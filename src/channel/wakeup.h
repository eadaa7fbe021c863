/* A descriptor that one thread makes readable to end another's sleep: an eventfd, or a pipe where there is none.
 *
 * Not ev_async, which aborts the process when descriptors run out; not a condition variable, which cannot be waited for
 * together with a signal (EINTR) or by the host's own event loop.
 */
#ifndef SW_CHANNEL_WAKEUP_H
#define SW_CHANNEL_WAKEUP_H

struct sw_wakeup {
    int read_fd, write_fd; /* the same descriptor with an eventfd; -1 when closed */
};

#define SW_WAKEUP_CLOSED ((struct sw_wakeup){-1, -1})

/* Opens it, non-blocking and close-on-exec. 0 or an errno. */
int sw_wakeup_open(struct sw_wakeup *wakeup);
void sw_wakeup_close(struct sw_wakeup *wakeup);

/* Makes it readable. Any thread. */
void sw_wakeup_signal(const struct sw_wakeup *wakeup);

/* Makes it unreadable again. The sleeping side. */
void sw_wakeup_drain(const struct sw_wakeup *wakeup);

#endif
