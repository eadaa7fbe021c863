/* The receiving half of one client: from readable bytes to messages in the channel's inbox.
 *
 * Reads into the reactor's buffer, lets the codec find the messages (loop/assembly.h), and puts the whole ones into
 * the inbox. When that is full it stops reading, so that the peer's TCP is held back, and goes on when the host has
 * taken enough.
 */
#ifndef SW_LOOP_RX_H
#define SW_LOOP_RX_H

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "loop/assembly.h"
#include "loop/common.h"
#include "loop/progress.h"
#include "loop/transport.h"

enum rx_status {
    RX_IDLE,   /* no connection */
    RX_OPEN,   /* more may come */
    RX_ENDED,  /* the peer's end was read */
    RX_BROKEN, /* nothing more can be read: `error` says why */
};

struct rx {
    struct common *common;
    struct progress *progress;
    void (*on_change)(struct rx *rx); /* after an event: look at the status */
    bool is_paused;                   /* the inbox is full */
    bool discards_messages;           /* the script wants no messages */

    /* Of the connection. */
    bool drops_input; /* the client is: bytes are read only so that the peer can end, and dropped */
    enum rx_status status;
    struct sw_error error;
    struct sw_transport *transport; /* NULL: none is open */
    struct sw_assembly assembly;
    ev_io reader;
};

void sw_rx_init(struct rx *rx, struct common *common, struct progress *progress, void (*on_change)(struct rx *rx));

/* A connection is open: reads from the transport from now on. */
void sw_rx_start(struct rx *rx, struct sw_transport *transport);

/* The connection is over. Returns the bytes of an unfinished message, which are dropped. */
size_t sw_rx_stop(struct rx *rx);

/* The inbox has room again, or has none. */
void sw_rx_set_credit(struct rx *rx, bool has_credit);

/* Reads on, and drops what comes, however full the inbox is: unread input would turn our close into a reset, and may
 * keep the peer from reading. */
void sw_rx_drop_input(struct rx *rx);

#endif
