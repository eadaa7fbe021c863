#include "loop/handshake.h"

#include <errno.h>
#include <ev.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/options.h"
#include "loop/tls_requests.h"

struct handshake {
    struct sw_tls_request request; /* for what the settings need */
    struct stage_run *run;
    struct tls *tls; /* NULL: it has not come to that yet */
    double began;    /* sw_clock */
};

static bool is_wanted(const struct stage_run *run) {
    return run->server->scheme == SW_SCHEME_TLS || run->channel->options->uses_tls;
}

static void free_handshake(struct stage_run *run) {
    struct handshake *handshake = run->state;
    sw_tls_request_cancel(&handshake->request);
    if (handshake->tls != NULL) sw_tls_free(handshake->tls);
    free(handshake);
    run->state = NULL;
}

static enum stage_status fail(struct stage_run *run, struct sw_error error) {
    free_handshake(run);
    return sw_stage_fail(run, error);
}

static enum stage_status wait_for(struct stage_run *run, int events) {
    run->events = events;
    return STAGE_WAITS;
}

/* The next connection may have a session to resume. Without memory for its place, it has none. */
static struct tls_session *session_of(const struct stage_run *run) {
    if (*run->session == NULL) *run->session = sw_tls_session_new();
    return *run->session;
}

static struct tls *begin(struct stage_run *run, const struct sw_tls_context *context) {
    const struct sw_slice nothing = {NULL, 0};
    const struct sw_greeting *preamble = run->opening;
    const struct sw_slice before = preamble != NULL ? (struct sw_slice){preamble->bytes, preamble->size} : nothing;
    struct tls *tls = sw_tls_new(run->transport->fd, run->channel->options->tls, context, run->server->hostname, before,
                                 session_of(run), run->scratch);
    if (tls == NULL) return NULL;
    sw_greeting_unref(run->opening);
    run->opening = NULL;
    return tls;
}

/* The library's memory for a handshake is freed with it. */
static enum stage_status finish(struct stage_run *run) {
    struct handshake *handshake = run->state;
    run->tls = malloc(sizeof *run->tls);
    if (run->tls == NULL) return fail(run, sw_error_system(ENOMEM, SW_STAGE_TLS));
    sw_tls_describe(handshake->tls, run->tls);
    run->tls->seconds = (float)(sw_clock() - handshake->began);
    sw_tls_open(run->transport, handshake->tls);
    handshake->tls = NULL;
    free_handshake(run);
    return STAGE_DONE;
}

static enum stage_status step(struct stage_run *run) {
    struct handshake *handshake = run->state;
    switch (sw_tls_shake(handshake->tls, &run->failure)) {
    case TLS_DONE: return finish(run);
    case TLS_WANTS_READ: return wait_for(run, EV_READ);
    case TLS_WANTS_WRITE: return wait_for(run, EV_WRITE);
    case TLS_FAILED: run->is_of_address = true; break;
    case TLS_DISTRUSTS: break; /* it is the same at the server's other addresses, most often */
    }
    free_handshake(run);
    return STAGE_FAILED;
}

static enum stage_status go_on(struct stage_run *run) {
    struct handshake *handshake = run->state;
    if (handshake->tls != NULL) return step(run);
    const struct sw_tls_context *context = sw_tls_built(run->channel->options->tls);
    if (context == NULL) { /* run->failure says why */
        free_handshake(run);
        return STAGE_FAILED;
    }
    handshake->tls = begin(run, context);
    return handshake->tls != NULL ? step(run) : fail(run, sw_error_system(ENOMEM, SW_STAGE_TLS));
}

static void on_built(struct sw_tls_request *request, const struct sw_tls_failure *failure) {
    struct handshake *handshake = SW_HOLDER(request, struct handshake, request);
    handshake->run->failure = *failure;
    handshake->run->resume(handshake->run);
}

static enum stage_status start(struct stage_run *run) {
    if (!is_wanted(run)) return STAGE_DONE;
    struct sw_tls_settings *settings = run->channel->options->tls;
    struct handshake *handshake = calloc(1, sizeof *handshake);
    if (handshake == NULL) return sw_stage_fail(run, sw_error_system(ENOMEM, SW_STAGE_TLS));
    handshake->run = run;
    handshake->began = sw_clock();
    handshake->request.on_built = on_built;
    run->state = handshake;
    run->events = 0;
    if (sw_tls_built(settings) != NULL) {
        run->resume(run);
        return STAGE_WAITS;
    }
    struct sw_error error = sw_tls_request_start(&handshake->request, run->channel->engine, settings);
    return error.err == SW_OK ? STAGE_WAITS : fail(run, error);
}

const struct stage sw_handshake_stage = {start, go_on, free_handshake};
