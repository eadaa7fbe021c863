/* A stage: something that must succeed after the TCP connection is made and before the first message is sent.
 *
 * The dialer carries out the stages of its table, in order, on each new connection. After the last one, the connection is
 * ready. A new stage is one file that defines a struct stage, and a row in the dialer's table.
 *
 * The preamble and the greeting have bytes to send and wait for no answer: they add them to the opening, which the stream
 * sends before the first message. The TLS handshake waits: its first and each further step run as jobs of the reactor, so
 * that a thousand of them do not keep the loop from other traffic.
 */
#ifndef SW_LOOP_STAGE_H
#define SW_LOOP_STAGE_H

#include <stdbool.h>

#include "base/error.h"
#include "base/server.h"
#include "channel/channel.h"
#include "channel/greeting.h"
#include "channel/tls_info.h"
#include "loop/tls.h"
#include "loop/tls_build.h"
#include "loop/transport.h"

/* What stages find and leave. */
struct stage_run {
    struct sw_channel *channel;
    const struct sw_server *server;
    struct sw_transport *transport; /* the connection; a stage may make another transport of it */
    struct tls_session **session;   /* the client's place for one */
    struct sw_greeting *opening;    /* bytes to send before the first message; one reference; NULL: none */
    struct sw_tls_info *tls;        /* what a handshake has agreed on, allocated; NULL: there was none */
    unsigned char *scratch;         /* SW_TLS_SCRATCH bytes of the thread */
    void *state;                    /* of the stage that is under way */
    int events;                     /* STAGE_WAITS: for these on the socket (EV_READ, EV_WRITE); 0: for `resume` */
    void (*resume)(struct stage_run *run); /* what it waits for has come: has go_on called, later */
    struct sw_tls_failure failure;         /* STAGE_FAILED: why */
    bool is_of_address; /* STAGE_FAILED: because of the server at this address; that at another one may do better */
};

enum stage_status {
    STAGE_DONE,
    STAGE_WAITS,
    STAGE_FAILED,
};

struct stage {
    /* Begins the stage on a new connection. */
    enum stage_status (*start)(struct stage_run *run);
    /* What it waited for has come. NULL: it never waits. */
    enum stage_status (*go_on)(struct stage_run *run);
    /* Ends a stage that waits. */
    void (*cancel)(struct stage_run *run);
};

/* For stages: fails with this error, of which there is no more to say. */
static inline enum stage_status sw_stage_fail(struct stage_run *run, struct sw_error error) {
    run->failure.error = error;
    run->failure.details[0] = '\0';
    return STAGE_FAILED;
}

#endif
