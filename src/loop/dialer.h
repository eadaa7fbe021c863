/* The dialer makes one attempt to connect: it looks the name up, lets its addresses race, then carries out the
 * stages (loop/stage.h) on the new connection. The result is a connection that is ready, or the reason why there is
 * none.
 *
 *      start --> RESOLVING --> CONNECTING <--> STAGES --> READY --> take
 *                    |              |             |
 *                    +---> FAILED <-+-------------+
 *
 * A numeric address and a unix socket need no RESOLVING, and only TLS needs STAGES. When a stage fails because of the
 * server at one address, the others of its name go on with the race. A dialer belongs to one client and makes one
 * attempt at a time. It closes a connection that its owner has not taken. To save memory, it allocates `attempt` only
 * for the time of an attempt: there may be ten thousand idle clients, and only few connect at the same time.
 */
#ifndef SW_LOOP_DIALER_H
#define SW_LOOP_DIALER_H

#include <ev.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "base/server.h"
#include "channel/causes.h"
#include "loop/common.h"
#include "loop/lookups.h"
#include "loop/stage.h"
#include "loop/transport.h"

enum dialer_status {
    DIALER_IDLE,       /* no attempt is under way */
    DIALER_RESOLVING,  /* a lookup is under way, or waits for its turn */
    DIALER_CONNECTING, /* the race is under way */
    DIALER_STAGES,     /* a stage waits */
    DIALER_READY,      /* the owner can take the connection */
    DIALER_FAILED,     /* `error` says why */
};

struct dialer {
    struct common *common;
    void (*on_change)(struct dialer *dialer); /* called after an event that has changed the status,
                                                 or the lookups ahead */
    union {
        struct attempt *attempt;     /* has_attempt */
        struct tls_session *session; /* else: of the last TLS connection to that server; NULL: none */
    };
    struct sw_servers *servers; /* one reference; NULL before the first attempt */
    struct sw_error error;      /* why the last address or the attempt failed */
    struct sw_causes *causes;   /* of the last attempt, if it failed; one reference; NULL: none */
    struct sw_ip address;       /* of the connection, or of the error; version 0: none */
    uint16_t port;              /* of the server of the current or last attempt; 0 before the first */
    uint8_t index;              /* of that server among `servers` */
    enum dialer_status status : 4;
    bool has_attempt : 1; /* RESOLVING, CONNECTING, STAGES, READY */
    bool
        avoids_address : 1; /* the server at `address` ended the last connection soon: the next attempt tries it last */
};

void sw_dialer_init(struct dialer *dialer, struct common *common, void (*on_change)(struct dialer *dialer));
void sw_dialer_fini(struct dialer *dialer);

/* Sets the server of the next attempt: the one with that index. */
void sw_dialer_set_server(struct dialer *dialer, struct sw_servers *servers, unsigned index);

/* RESOLVING: the other lookups because of which this one has no turn yet; 0: it has its turn. */
unsigned sw_dialer_lookups_ahead(const struct dialer *dialer);

/* Begins an attempt, which takes at most connect_timeout seconds, and as long again if its lookup waits for a turn. The
 * status may be READY or FAILED at once. */
void sw_dialer_start(struct dialer *dialer);

/* Seconds of an attempt. */
struct dialer_times {
    double all;  /* since it began */
    double dns;  /* for the lookup, with `turn`; 0: the address is numeric */
    double turn; /* in which the lookup had no turn */
    double tcp;  /* from the addresses to a TCP connection */
};

/* READY: how long the attempt has taken so far. */
struct dialer_times sw_dialer_times(const struct dialer *dialer);

/* READY: what the stages have left for the report of the connection; moved to the caller; NULL: nothing. */
struct sw_tls_info *sw_dialer_take_tls(struct dialer *dialer);

/* READY: moves the connection to the caller, with the bytes that go out first (one reference; NULL: none). */
struct sw_greeting *sw_dialer_take(struct dialer *dialer, struct sw_transport *transport);

/* Ends the attempt, if there is one, and frees what it holds. */
void sw_dialer_cancel(struct dialer *dialer);

#endif
