/* The receiving half of one client: reads the socket and puts messages into the channel's inbox.
 *
 * It reads into the reactor's buffer, and the assembly (loop/assembly.h) finds the messages. When the inbox is full,
 * rx stops reading, so that TCP's flow control stops the peer. It continues when the host has taken enough messages.
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
    RX_IDLE,   /* no connection is open */
    RX_OPEN,   /* the peer may send more */
    RX_ENDED,  /* the peer's FIN was read */
    RX_BROKEN, /* no more bytes can be read, or they cannot be decoded; `error` says why */
};

struct rx {
    struct common *common;
    struct progress *progress;
    void (*on_change)(struct rx *rx); /* called after each event; the status may have changed */
    bool is_paused;                   /* the inbox is full: no bytes are read */
    bool discards_messages;           /* the script has set its message handler to false: messages are dropped */

    /* The fields below belong to the current connection. */
    bool drops_input; /* the client is closed: bytes are read so that the peer's FIN can come, and dropped */
    enum rx_status status;
    struct sw_error error;
    struct sw_transport *transport; /* NULL: none is open */
    struct sw_assembly assembly;
    ev_io reader;
};

void sw_rx_init(struct rx *rx, struct common *common, struct progress *progress, void (*on_change)(struct rx *rx));
void sw_rx_fini(struct rx *rx);

/* Begins to read from the transport of a new connection. */
void sw_rx_start(struct rx *rx, struct sw_transport *transport);

/* Ends reading from the connection. Returns a copy of an unfinished message, which the caller frees by free(). NULL: there
 * is none, it is not wanted, or there is no memory for it; then *lacks_partial is set. */
struct sw_partial *sw_rx_stop(struct rx *rx, bool is_wanted, bool *lacks_partial);

/* The bytes cannot be decoded, as the host has found out: reads no more. The caller must then look at the status. */
void sw_rx_break(struct rx *rx);

/* What is wrong with the frame that has ended the last connection; rx owns it, until the next connection starts. NULL: it
 * was no frame, or there was no memory. */
static inline struct sw_bad_frame *sw_rx_bad_frame(const struct rx *rx) { return sw_assembly_bad_frame(&rx->assembly); }

/* Stops reading if the inbox is full (has_credit is false); continues if it has room. */
void sw_rx_set_credit(struct rx *rx, bool has_credit);

/* Reads even if the inbox is full, and drops what it reads. A client that closes needs this: close() with unread
 * input would send a reset, and a peer that cannot send may not read either. */
void sw_rx_drop_input(struct rx *rx);

#endif
