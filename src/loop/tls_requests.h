/* Gets what a set of TLS settings needs (loop/tls_build.h) without making the loop wait: a helper thread builds it at the
 * first request, and all later ones find it.
 *
 *      loop thread                        helper thread
 *      sw_tls_request_start  --------->   sw_tls_build
 *      on_built (of all that ask)  <----  result
 *
 * A failure is not kept: the next attempt to connect tries again, since a file may have come meanwhile.
 */
#ifndef SW_LOOP_TLS_REQUESTS_H
#define SW_LOOP_TLS_REQUESTS_H

#include "base/tls_settings.h"
#include "channel/engine.h"
#include "loop/tls_build.h"

/* One question of one attempt, embedded in what it belongs to. */
struct sw_tls_request {
    struct sw_tls_request *next, **link; /* those that wait for the same; link is NULL if it does not wait */
    void (*on_built)(struct sw_tls_request *request, const struct sw_tls_failure *failure);
};

/* What was built for these settings. NULL: nothing yet. */
const struct sw_tls_context *sw_tls_built(const struct sw_tls_settings *settings);

/* Has it built. on_built is called on the loop thread, never within this call; then it is there if failure->error is
 * SW_OK. Returns why it cannot be built, or SW_OK. */
struct sw_error sw_tls_request_start(struct sw_tls_request *request, struct sw_engine *engine,
                                     struct sw_tls_settings *settings);

/* on_built is not called any more. */
void sw_tls_request_cancel(struct sw_tls_request *request);

#endif
