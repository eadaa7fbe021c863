/* What went wrong, as a value.
 *
 * Everything that can fail at run time, on either thread, is told by a struct sw_error: a code of ours or
 * the system's errno, and the stage at which it happened. It is plain data, so it crosses the seam inside a
 * report and becomes text only on the host thread, where somebody wants to read it. Misuse by the script is
 * not an error of this kind: it raises in the host room. Misuse inside the library is an assert.
 */
#ifndef SW_BASE_ERROR_H
#define SW_BASE_ERROR_H

#include <stddef.h>

enum sw_err {
    SW_OK = 0,
    SW_SYSTEM,   /* the system said no: sw_error.sys holds its errno */
    SW_FULL,     /* EFULL      queue or inbox full */
    SW_TOOBIG,   /* ETOOBIG    message larger than the limit or than its length prefix can say */
    SW_CLOSED,   /* ECLOSED    the client, or the engine, was closed by its owner */
    SW_FORKED,   /* EFORKED    used in the child of a fork */
    SW_NOTFOUND, /* ENOTFOUND  the name does not exist */
    SW_NONAME,   /* EAI_AGAIN  the name service does not answer */
    SW_FRAME,    /* EFRAME     bad frame from the peer, or a message that its framing cannot carry */
    SW_SELF,     /* ESELF      connected to itself (RFC 9293, 3.5: simultaneous open) */
    SW_PEER,     /* EPEER      orderly end by the peer */
    SW_POLICY,   /* EPOLICY    the embedding host does not allow it */
};

/* Where it happened; the order is that of a connection's life. */
enum sw_stage {
    SW_STAGE_NONE = 0,
    SW_STAGE_START,   /* starting the loop thread, or keeping it alive */
    SW_STAGE_RESOLVE, /* looking the name up */
    SW_STAGE_CONNECT, /* opening a socket, connecting it */
    SW_STAGE_SEND,
    SW_STAGE_RECEIVE,
    SW_STAGE_CLOSE, /* our own end */
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
