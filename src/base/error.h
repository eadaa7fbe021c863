/* Run-time errors as values.
 *
 * A struct sw_error describes each run-time failure of either thread: a code of sidewire or the system's errno, and the
 * stage at which it happened. It is plain data, so a report carries it between the threads; the host thread makes the
 * text when a script needs it. Misuse by a script is different: it raises a Lua error in src/host. Misuse inside the
 * library fails an assert.
 */
#ifndef SW_BASE_ERROR_H
#define SW_BASE_ERROR_H

#include <stddef.h>

#include "base/network.h"
#include "base/tls_reason.h"

/* One row for each error: the name in C, the code that scripts see, the text, and the text if it happened while
 * receiving (SW_STAGE_RECEIVE), where NULL stands for the same text.
 *
 *   X(name, code, words, receive_words) */
#define SW_ERRORS(X)                                                                                      \
    X(OK, "OK", "no error", NULL)                                                                         \
    X(SYSTEM, "ESYSTEM", "system error", NULL) /* a system call failed: sw_error.sys is the errno */      \
    X(FULL, "EFULL", "queue full", "inbox full: poll first")                                              \
    X(TOOBIG, "ETOOBIG", "message too large", NULL) /* for queue_limit, or for the length prefix */       \
    X(CLOSED, "ECLOSED", "closed", NULL)            /* the script closed the client, or the loop ends */  \
    X(FORKED, "EFORKED", "not usable after fork", NULL)                                                   \
    X(NOTFOUND, "ENOTFOUND", "host name not found", NULL)                                                 \
    X(NOADDRESS, "ENOTFOUND", "the name exists, but has no address", NULL)                                \
    X(NONAME, "EAI_AGAIN", "name service does not answer", NULL)                                          \
    X(NAMEDOWN, "EAI_AGAIN", "name service cannot be reached, or reports a failure of its own", NULL)     \
    X(NAMEFAIL, "EAI_AGAIN", "name service reports a failure", NULL)                                      \
    X(LOOKUPS, "EAI_AGAIN", "its lookup had no turn, because too many others hang",                       \
      NULL) /* sys: how many hold up this one */                                                          \
    X(NOTHREAD, "EAGAIN", "the system allows no further thread for the lookup", NULL)                     \
    X(SCOPE, "ENODEV", "there is no network interface of that name", NULL) /* RFC 4007, 11 */             \
    X(FRAME, "EFRAME", "framing cannot carry this message",                                               \
      "it sent what its framing does not allow, or a message longer than max_message")                    \
    X(SELF, "ESELF", "connected to itself, because no server listens there",                              \
      NULL) /* RFC 9293, 3.5: simultaneous open */                                                        \
    X(UNTRIED, "ETIMEDOUT", "not tried, because connect_timeout was over", NULL)                          \
    X(BINDFAMILY, "EAFNOSUPPORT", "the server has no address of the family (IPv4, IPv6) of bind", NULL)   \
    X(BINDADDRESS, "EADDRNOTAVAIL", "no interface of this machine has the address of bind", NULL)         \
    X(BINDPORT, "EADDRINUSE", "another socket has the port of bind", NULL)                                \
    X(BINDDENIED, "EACCES", "this process may not use the port of bind", NULL)                            \
    X(BINDPAIR, "EADDRNOTAVAIL", "bind leaves no port: such a connection exists or ended just now", NULL) \
    X(PEER, "EPEER", "the other side ended it", NULL)                                                     \
    X(POLICY, "EPOLICY", "the host's policy does not allow it", NULL)                                     \
    X(TLS, "ETLS", "TLS failed", NULL) /* sys: which enum sw_tls_reason */                                \
    X(NOTLS, "ENOTLS", "there is no TLS library here that can be used", NULL)                             \
    X(TLSCUT, "ECONNRESET", "it ended without TLS close_notify, so what it sent may be cut short", NULL)

enum sw_err {
#define SW_ERR_ENUM(name, code, words, receive_words) SW_##name,
    SW_ERRORS(SW_ERR_ENUM)
#undef SW_ERR_ENUM
};

/* What the client was doing when it failed, in the order of a connection's life. */
#define SW_STAGES(X)                                                          \
    X(NONE, "none")                                                           \
    X(START, "start")     /* starting the loop thread, or keeping it alive */ \
    X(RESOLVE, "resolve") /* looking the name up */                           \
    X(CONNECT, "connect") /* opening a socket, connecting it */               \
    X(TLS, "tls")         /* the TLS handshake, and what it needs */          \
    X(SEND, "send")                                                           \
    X(RECEIVE, "receive")                                                     \
    X(CLOSE, "close") /* the client ended the connection itself */

enum sw_stage {
#define SW_STAGE_ENUM(name, text) SW_STAGE_##name,
    SW_STAGES(SW_STAGE_ENUM)
#undef SW_STAGE_ENUM
};

struct sw_error {
    enum sw_err err : 8;
    enum sw_stage stage : 8;
    int sys; /* errno when err is SW_SYSTEM; a number of lookups when it is SW_LOOKUPS; when it is SW_POLICY and an address
              * was refused, which rule of `deny` did it (1 is the first), or minus the enum sw_inside; when it is SW_TLS,
              * the enum sw_tls_reason; else 0 */
};

/* Makes an error of one of our own codes. */
struct sw_error sw_error_make(enum sw_err err, enum sw_stage stage);

/* Makes an error of an errno value. */
struct sw_error sw_error_system(int sys, enum sw_stage stage);

/* Makes the error of a name whose lookup could not begin, because so many others are under way. */
struct sw_error sw_error_lookups(unsigned under_way);

/* Make the errors of an address that a host's policy refuses (base/rules.h): by a rule of `deny`, counted from 0, or
 * because it leads inside. */
struct sw_error sw_error_denied(unsigned rule);
struct sw_error sw_error_inside(enum sw_inside inside);

/* Makes the error of a TLS handshake or connection. */
struct sw_error sw_error_tls(enum sw_tls_reason reason, enum sw_stage stage);

/* The upper-case code that scripts compare: "ECONNREFUSED", "EFULL", ... For an errno without a name in the table of
 * base/error.c it is "ESYSTEM", and sw_error_text gives the number. Static storage. */
const char *sw_error_code(const struct sw_error *error);

/* The stage's name as the `disconnect` and `error` details show it: "connect", "receive", ... Static storage. */
const char *sw_stage_name(enum sw_stage stage);

/* Writes a description ("connection refused"), at most `size` bytes with the final zero. Returns buf. */
const char *sw_error_text(const struct sw_error *error, char *buf, size_t size);

#endif
