#include "loop/tls_requests.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/list.h"
#include "channel/thread.h"
#include "loop/openssl.h"

/* What is kept beside the settings; loop thread only, and the thread that frees the settings last. */
struct kept {
    struct sw_tls_context *context;  /* NULL: not built */
    struct sw_tls_request *requests; /* those that wait */
    unsigned builder;                /* loop_number of the loop that has it built; 0: none does */
};

/* A build, which a helper thread carries out. */
struct build {
    struct sw_post post; /* how the loop gets the result */
    struct sw_engine *engine;
    struct sw_tls_settings *settings;
    struct sw_tls_context *context;
    struct sw_tls_failure failure;
};

/* Each loop thread has its own number. The helper of an earlier one may never bring its result: that loop has ended, or
 * was in the process that has forked. */
static unsigned loop_number(void) {
    static atomic_uint last;
    static _Thread_local unsigned own;
    if (own == 0) own = atomic_fetch_add(&last, 1) + 1;
    return own;
}

static struct kept *kept_of(const struct sw_tls_settings *settings) { return settings->built; }

const struct sw_tls_context *sw_tls_built(const struct sw_tls_settings *settings) {
    return settings->built != NULL ? kept_of(settings)->context : NULL;
}

static void free_kept(void *built) {
    struct kept *kept = built;
    if (kept->context != NULL) sw_tls_context_free(kept->context);
    free(kept);
}

static void free_build(struct build *build) {
    if (build->context != NULL) sw_tls_context_free(build->context);
    sw_tls_unref(build->settings);
    sw_engine_unref(build->engine);
    free(build);
}

void sw_tls_request_cancel(struct sw_tls_request *request) {
    if (request->link == NULL) return;
    *request->link = request->next;
    if (request->next != NULL) request->next->link = request->link;
    request->link = NULL;
}

static void handle(struct sw_post *post) {
    struct build *build = SW_HOLDER(post, struct build, post);
    struct kept *kept = kept_of(build->settings);
    if (kept->context == NULL) {
        kept->context = build->context;
        build->context = NULL;
    }
    kept->builder = 0;
    struct sw_tls_request *due = kept->requests;
    if (due != NULL) due->link = &due;
    kept->requests = NULL;
    while (due != NULL) {
        struct sw_tls_request *request = due;
        sw_tls_request_cancel(request);
        request->on_built(request, &build->failure);
    }
    free_build(build);
}

static void drop(struct sw_post *post) { free_build(SW_HOLDER(post, struct build, post)); }

static void *run(void *argument) {
    struct build *build = argument;
    sw_thread_mark_ours();
    build->context = sw_tls_build(&build->settings->values, &build->failure);
    struct sw_engine *engine = sw_engine_ref(build->engine); /* after the post, the loop may free the build */
    if (!sw_engine_post(engine, &build->post)) drop(&build->post);
    sw_engine_unref(engine);
    sw_openssl_leave_thread();
    return NULL;
}

static struct sw_error start_build(struct sw_engine *engine, struct sw_tls_settings *settings) {
    pthread_t thread;
    struct build *build = calloc(1, sizeof *build);
    if (build == NULL) return sw_error_system(ENOMEM, SW_STAGE_TLS);
    build->post = (struct sw_post){.handle = handle, .drop = drop};
    build->engine = sw_engine_ref(engine);
    build->settings = sw_tls_ref(settings);
    int failed = sw_thread_spawn(&thread, true, run, build);
    if (failed == 0) return sw_error_make(SW_OK, SW_STAGE_TLS);
    free_build(build);
    return sw_error_system(failed, SW_STAGE_TLS);
}

struct sw_error sw_tls_request_start(struct sw_tls_request *request, struct sw_engine *engine,
                                     struct sw_tls_settings *settings) {
    SW_ON_LOOP_THREAD();
    struct kept *kept = kept_of(settings);
    if (kept == NULL) {
        kept = calloc(1, sizeof *kept);
        if (kept == NULL) return sw_error_system(ENOMEM, SW_STAGE_TLS);
        settings->built = kept;
        settings->free_built = free_kept;
    }
    if (kept->builder != loop_number()) {
        struct sw_error error = start_build(engine, settings);
        if (error.err != SW_OK) return error;
        kept->builder = loop_number();
        kept->requests = NULL; /* an earlier loop's, if any */
    }
    request->next = kept->requests;
    request->link = &kept->requests;
    if (request->next != NULL) request->next->link = &request->next;
    kept->requests = request;
    return sw_error_make(SW_OK, SW_STAGE_TLS);
}
