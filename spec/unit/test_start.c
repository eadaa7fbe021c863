/* A start of the engine for which the system has no thread. This program has a pthread_create of its own, which stands
 * before the system's. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* RTLD_NEXT */
#endif

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>

#include "base/clock.h"
#include "channel/engine.h"
#include "channel/thread.h"
#include "unit.h"

enum { LONG = 60 }; /* seconds; met only by what hangs */

/* What a helper of an earlier loop posts while the start is under way; NULL: the system's pthread_create is called. */
static struct {
    struct sw_engine *engine;
    struct sw_post *post;
    bool taken;
} meanwhile;

static unsigned handled, dropped;

typedef int create_fn(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start_routine)(void *), void *arg) {
    if (meanwhile.post != NULL) {
        meanwhile.taken = sw_engine_post(meanwhile.engine, meanwhile.post);
        meanwhile.post = NULL;
        return EAGAIN;
    }
    create_fn *create;
    *(void **)&create = dlsym(RTLD_NEXT, "pthread_create");
    return create(thread, attr, start_routine, arg);
}

static void handle(struct sw_post *post) {
    (void)post;
    handled++;
}

static void drop(struct sw_post *post) {
    (void)post;
    dropped++;
}

/* Takes what there is, until the engine is to stop. */
static void *run(void *argument) {
    struct sw_engine *engine = argument;
    struct sw_work work = {.stopping = false};
    sw_thread_mark_ours();
    while (!work.stopping) {
        sw_engine_take_work(engine, &work, true);
        if (work.posts != NULL) work.posts->handle(work.posts);
    }
    sw_engine_take_last_work(engine, &work);
    sw_engine_unref(engine);
    return NULL;
}

static void drops(void) {
    struct sw_engine *engine = sw_engine_new(run);
    struct sw_post post = {NULL, handle, drop}, next = {NULL, handle, drop};
    meanwhile.engine = engine;
    meanwhile.post = &post;
    struct sw_error failed = sw_engine_start(engine);
    CHECK(failed.err == SW_SYSTEM && failed.sys == EAGAIN);
    CHECK(meanwhile.taken && dropped == 1 && handled == 0);
    CHECK(!sw_engine_post(engine, &next)); /* there is no loop */
    CHECK_EQ(sw_engine_start(engine).err, SW_OK);
    CHECK(sw_engine_post(engine, &next));
    CHECK(sw_engine_stop(engine, false, sw_clock() + LONG));
    CHECK(dropped == 1 && handled == 1);
    sw_engine_detach(engine);
}

static const struct unit_test tests[] = {
    {"drops what was posted while a start failed, and starts the next time", drops},
};

UNIT_MAIN(tests)
