/* What a thread of ours does with signals. */
#include "channel/thread.h"

#include <signal.h>

#include "unit.h"

static void *note_mask(void *mask) {
    pthread_sigmask(SIG_SETMASK, NULL, mask);
    return NULL;
}

static void masks(void) {
    sigset_t before, after, inside;
    pthread_t thread;
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    CHECK_EQ(sw_thread_spawn(&thread, false, note_mask, &inside), 0);
    pthread_join(thread, NULL);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    const int blocked[] = {SIGTERM, SIGINT, SIGALRM, SIGCHLD, SIGPIPE, SIGHUP, SIGUSR1};
    const int open[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    for (size_t i = 0; i < sizeof blocked / sizeof blocked[0]; i++) {
        CHECK_EQ(sigismember(&inside, blocked[i]), 1);
        CHECK_EQ(sigismember(&after, blocked[i]), sigismember(&before, blocked[i]));
    }
    for (size_t i = 0; i < sizeof open / sizeof open[0]; i++) CHECK_EQ(sigismember(&inside, open[i]), 0);
}

static const struct unit_test tests[] = {
    {"[F41] blocks all signals but faults in our threads, and none in the host's", masks},
};

UNIT_MAIN(tests)
