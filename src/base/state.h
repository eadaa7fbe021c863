/* The states of a client as scripts see them.
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
 * With TLS, handshaking stands between connecting and connected, and leads where connecting leads. From waiting, and from
 * closing after a connect() to another server, the next attempt starts at resolving. close() leads from everywhere to
 * closed. The connection in src/loop has states of its own (loop/next.h).
 */
#ifndef SW_BASE_STATE_H
#define SW_BASE_STATE_H

#define SW_STATES(X)                                                                                 \
    X(IDLE, "idle")               /* the client does nothing until connect() */                      \
    X(RESOLVING, "resolving")     /* the name is being looked up */                                  \
    X(CONNECTING, "connecting")   /* a TCP connection is being made */                               \
    X(HANDSHAKING, "handshaking") /* it is made, and TLS is being agreed on */                       \
    X(CONNECTED, "connected")                                                                        \
    X(WAITING, "waiting") /* until the delay before the next attempt is over */                      \
    X(CLOSING, "closing") /* a connection is being flushed or drained before its socket is closed */ \
    X(CLOSED, "closed")   /* forever */

enum sw_state {
#define SW_STATE_ENUM(name, text) SW_STATE_##name,
    SW_STATES(SW_STATE_ENUM)
#undef SW_STATE_ENUM
};

/* The name as scripts see it. Static storage. */
static inline const char *sw_state_name(enum sw_state state) {
    static const char *const names[] = {
#define SW_STATE_ROW(name, text) [SW_STATE_##name] = (text),
        SW_STATES(SW_STATE_ROW)
#undef SW_STATE_ROW
    };
    return names[state];
}

#endif
