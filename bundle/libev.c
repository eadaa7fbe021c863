/* libev as a part of the module, for `make bundle` and LIBEV_SRC=DIR: libev's own ev.c, from that folder. It is compiled
 * as the rest is, with -fvisibility=hidden, so none of its functions is exported. A host may bring another libev, older
 * or newer: its functions never take the place of these, and the two share no allocator and no error hook.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

/* What libev's configure finds out elsewhere: the C library reads the clock without a system call. */
#define EV_STANDALONE 1
#define EV_USE_CLOCK_SYSCALL 0
#define EV_USE_MONOTONIC 1
#define EV_USE_REALTIME 0
#define EV_USE_FLOOR 1

/* sidewire's loops have no use for these: signals, files, periodic timers, and two backends that libev never chooses. */
#define EV_USE_SIGNALFD 0
#define EV_USE_INOTIFY 0
#define EV_USE_TIMERFD 0
#define EV_USE_LINUXAIO 0
#define EV_USE_IOURING 0

#include <ev.c>
