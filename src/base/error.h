/* What went wrong, as a value.
 *
 * Everything that can fail at run time, on either thread, is told by a struct sw_error: a code of ours or the system's
 * errno, and the stage at which it happened. It is plain data, so it crosses the seam inside a report and becomes text
 * only on the host thread, where it is read. Misuse by the script is not an error of this kind: it raises in the host
 * room. Misuse inside the library is an assert.
 */
#ifndef SW_BASE_ERROR_H
#define SW_BASE_ERROR_H

#include <stddef.h>

/* One row for each: the name in C, the code that scripts see, and the words. Two codes have other words for what was
 * received (SW_STAGE_RECEIVE): `in`; the others have NULL there.
 *
 *   X(name, code, words, in) */
#define SW_ERRORS(X)                                                                                        \
    X(OK, "OK", "no error", NULL)                                                                           \
    X(SYSTEM, "ESYSTEM", "system error", NULL) /* the system said no: sw_error.sys holds its errno */       \
    X(FULL, "EFULL", "queue full", "inbox full: poll first")                                                \
    X(TOOBIG, "ETOOBIG", "message too large", NULL) /* than the limit, or than its length prefix can say */ \
    X(CLOSED, "ECLOSED", "closed", NULL)            /* the client, or the engine, by its owner */           \
    X(FORKED, "EFORKED", "not usable after fork", NULL)                                                     \
    X(NOTFOUND, "ENOTFOUND", "host name not found", NULL)                                                   \
    X(NONAME, "EAI_AGAIN", "name service does not answer", NULL)                                            \
    X(FRAME, "EFRAME", "framing cannot carry this message", "it sent a message longer than max_message")    \
    X(SELF, "ESELF", "connected to itself", NULL) /* RFC 9293, 3.5: simultaneous open */                    \
    X(PEER, "EPEER", "the other side ended it", NULL)                                                       \
    X(POLICY, "EPOLICY", "the host's policy does not allow it", NULL)

enum sw_err {
#define SW_ERR_ENUM(name, code, words, in) SW_##name,
    SW_ERRORS(SW_ERR_ENUM)
#undef SW_ERR_ENUM
};

/* Where it happened; the order is that of a connection's life. */
#define SW_STAGES(X)                                                          \
    X(NONE, "none")                                                           \
    X(START, "start")     /* starting the loop thread, or keeping it alive */ \
    X(RESOLVE, "resolve") /* looking the name up */                           \
    X(CONNECT, "connect") /* opening a socket, connecting it */               \
    X(SEND, "send")                                                           \
    X(RECEIVE, "receive")                                                     \
    X(CLOSE, "close") /* our own end */

enum sw_stage {
#define SW_STAGE_ENUM(name, text) SW_STAGE_##name,
    SW_STAGES(SW_STAGE_ENUM)
#undef SW_STAGE_ENUM
};

struct sw_error {
    enum sw_err err : 8;
    enum sw_stage stage : 8;
    int sys; /* errno when err is SW_SYSTEM, else 0 */
};

/* Makes an error of one of our own codes. */
struct sw_error sw_error_make(enum sw_err err, enum sw_stage stage);

/* Makes an error of an errno value. */
struct sw_error sw_error_system(int sys, enum sw_stage stage);

/* The short upper-case code that scripts compare: "ECONNREFUSED", "EFULL", ... An errno that has no name here
 * gives "ESYSTEM"; its number stands in the text. Static storage. */
const char *sw_error_code(const struct sw_error *error);

/* The stage's name as the `disconnect` and `error` details show it: "connect", "receive", ... Static storage. */
const char *sw_stage_name(enum sw_stage stage);

/* Writes what happened in words ("connection refused"), at most size bytes with the final zero; returns buf. */
const char *sw_error_text(const struct sw_error *error, char *buf, size_t size);

#endif
