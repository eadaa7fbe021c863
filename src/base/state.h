/* What a script may know of a client at any moment.
 *
 *                 connect()
 *      idle ------------------> resolving ----> connecting ----> connected
 *       ^  ^                        |  (numeric     |                |
 *       |  |   no further attempt   |   addresses   |                | lost, ended,
 *       |  +------------------------+   start here) |                | disconnect()
 *       |  |                        |               |                v
 *       |  |                        v               |             closing
 *       |  +-------------------- waiting <----------+                |
 *       |                           ^                                |
 *       |                           | will retry                     |
 *       +---------------------------+--------------------------------+
 *
 * From waiting, and from closing after a connect() to another server, the next attempt starts at resolving. close()
 * leads from everywhere to closed. The loop room's connection has an enum of its own (loop/next.h).
 */
#ifndef SW_BASE_STATE_H
#define SW_BASE_STATE_H

enum sw_state {
    SW_STATE_IDLE,       /* nothing is done until connect() */
    SW_STATE_RESOLVING,  /* the name is being looked up */
    SW_STATE_CONNECTING, /* a socket is on its way */
    SW_STATE_CONNECTED,
    SW_STATE_WAITING, /* for the next attempt */
    SW_STATE_CLOSING, /* a connection is being flushed or drained before its socket is closed */
    SW_STATE_CLOSED,  /* for good */
};

/* The name as scripts see it: "idle", "resolving", ... Static storage. */
static inline const char *sw_state_name(enum sw_state state) {
    static const char *const names[] = {
        [SW_STATE_IDLE] = "idle",           [SW_STATE_RESOLVING] = "resolving", [SW_STATE_CONNECTING] = "connecting",
        [SW_STATE_CONNECTED] = "connected", [SW_STATE_WAITING] = "waiting",     [SW_STATE_CLOSING] = "closing",
        [SW_STATE_CLOSED] = "closed",
    };
    return names[state];
}

#endif
