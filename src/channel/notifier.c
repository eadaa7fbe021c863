#include "channel/notifier.h"

#include "channel/fork.h"
#include "channel/lock.h"
#include "channel/thread.h"
#include "channel/waker.h"

/* With the lock held. True: the caller must signal. */
static bool claim_if_posted(struct sw_engine *engine) {
    return engine->up.head != NULL && sw_waker_claim(&engine->notifier);
}

int sw_notifier_open(struct sw_engine *engine) {
    SW_ON_HOST_THREAD();
    struct sw_waker waker;
    int failed = sw_fork_watch();
    sw_engine_renew_descriptors(engine);
    if (failed != 0 || sw_notifier_is_open(engine)) return failed;
    failed = sw_waker_open_at(&waker, -1);
    if (failed != 0) return failed;
    waker.sleeping = true;
    sw_lock_acquire(&engine->lock);
    engine->notifier = waker;
    bool signal = claim_if_posted(engine);
    sw_lock_release(&engine->lock);
    if (signal) sw_waker_signal(&engine->notifier);
    return 0;
}

void sw_notifier_signal(struct sw_engine *engine) {
    SW_ON_HOST_THREAD();
    sw_engine_renew_descriptors(engine);
    sw_lock_acquire(&engine->lock);
    bool signal = sw_waker_claim(&engine->notifier);
    sw_lock_release(&engine->lock);
    if (signal) sw_waker_signal(&engine->notifier);
}

void sw_notifier_clear(struct sw_engine *engine) {
    SW_ON_HOST_THREAD();
    sw_engine_renew_descriptors(engine);
    sw_lock_acquire(&engine->lock);
    bool may_clear = engine->notifier.pending && engine->up.head == NULL;
    sw_lock_release(&engine->lock);
    if (!may_clear || !sw_waker_clear(&engine->notifier)) return;
    sw_lock_acquire(&engine->lock);
    engine->notifier.pending = false;
    bool signal = claim_if_posted(engine);
    sw_lock_release(&engine->lock);
    if (signal) sw_waker_signal(&engine->notifier);
}
