/* One attempt to connect: the name to its addresses, each address in order, then the stages of the connection that was
 * made. What comes out is a connection that is ready, or the reason why there is none.
 *
 *      start --> RESOLVING --> CONNECTING --> READY --> take
 *                    |              |
 *                    +---> FAILED <-+
 *
 * A numeric address skips RESOLVING. A dialer belongs to one client and makes one attempt after the other. It closes
 * what it has opened and nobody has taken. Of an attempt that is over, it keeps only what may still be asked: there may be
 * ten thousand idle clients, and few that connect at one moment.
 */
#ifndef SW_LOOP_DIALER_H
#define SW_LOOP_DIALER_H

#include <ev.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "base/server.h"
#include "loop/common.h"
#include "loop/resolver.h"
#include "loop/stage.h"
#include "loop/transport.h"

enum dialer_status {
    DIALER_IDLE,
    DIALER_RESOLVING,  /* a lookup is under way, or waits for its turn */
    DIALER_CONNECTING, /* a socket waits to become writable */
    DIALER_READY,      /* a connection is to be taken */
    DIALER_FAILED,     /* `error` says why */
};

struct dialer {
    struct common *common;
    void (*on_change)(struct dialer *dialer); /* after an event that changed the status */
    struct attempt *attempt;                  /* RESOLVING, CONNECTING, READY: what only these need; else NULL */
    struct sw_lookup *lookup;                 /* under way, perhaps for an attempt that ended before */
    struct sw_server *server;                 /* of the last attempt; one reference or NULL */
    double started_at;                        /* sw_clock: of the last attempt */
    enum dialer_status status;
    struct sw_error error; /* of the last address tried, or of the attempt */
    struct sw_ip address;  /* tried last */
    uint16_t port;
};

void sw_dialer_init(struct dialer *dialer, struct common *common, void (*on_change)(struct dialer *dialer));
void sw_dialer_fini(struct dialer *dialer);

/* The server of the next attempt; no address is known then. */
void sw_dialer_set_server(struct dialer *dialer, struct sw_server *server);

/* Begins an attempt, for connect_timeout seconds at most. It may be READY or FAILED at once. */
void sw_dialer_start(struct dialer *dialer);

/* READY: moves the connection, and what its stages leave, out. */
void sw_dialer_take(struct dialer *dialer, struct sw_transport *transport, struct stage_result *result);

/* Ends the attempt, whatever it has come to. */
void sw_dialer_cancel(struct dialer *dialer);

#endif
