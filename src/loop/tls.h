/* TLS on a connection: a handshake, then a transport that encrypts (loop/transport.h).
 *
 * The TLS library works on memory, and never sees the socket: a BIO of our own reads and writes through loop/socket.h. What
 * it writes and the kernel does not take waits in `out`. So a write of the library never blocks. Up to four records are
 * encrypted, and then written together: one sendmsg of 64 KiB costs less than four of 16. A record's bytes count as taken
 * when its last byte is in the kernel.
 */
#ifndef SW_LOOP_TLS_H
#define SW_LOOP_TLS_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/slice.h"
#include "base/tls_settings.h"
#include "channel/tls_info.h"
#include "loop/tls_build.h"
#include "loop/transport.h"

struct tls;

/* Where a client keeps the session that its last connection was given, so that the next one needs no whole handshake. A
 * session is used once (RFC 8446, C.4). The client and its connection each have a reference. */
struct tls_session;

enum { SW_TLS_SCRATCH = 192 * 1024 }; /* bytes: for a record as it is, and for a batch of records */

/* NULL: no memory; then nothing is resumed. */
struct tls_session *sw_tls_session_new(void);
void sw_tls_session_unref(struct tls_session *session); /* takes NULL */

/* The session is for another server than the next one: forgets it. */
void sw_tls_session_forget(struct tls_session *session);

/* On a connected socket, which stays the caller's until sw_tls_open. `before`: bytes that are written first, as they are.
 * `hostname`: the server's, unless the settings have a server_name. `session` may be NULL. `scratch`: SW_TLS_SCRATCH bytes
 * of the thread, which hold nothing from one call to the next. NULL: no memory. */
struct tls *sw_tls_new(int fd, struct sw_tls_settings *settings, const struct sw_tls_context *context,
                       const char *hostname, struct sw_slice before, struct tls_session *session,
                       unsigned char *scratch);
void sw_tls_free(struct tls *tls);

enum tls_step {
    TLS_DONE,
    TLS_WANTS_READ,  /* the next step is due when the socket is readable */
    TLS_WANTS_WRITE, /* or writable */
    TLS_FAILED,
    TLS_DISTRUSTS, /* because of the certificate */
};

/* A step of the handshake: goes on as far as what has come allows. It takes up to a millisecond. */
enum tls_step sw_tls_shake(struct tls *tls, struct sw_tls_failure *failure);

/* What the handshake has agreed on. */
void sw_tls_describe(const struct tls *tls, struct sw_tls_info *info);

/* After the handshake: makes the transport of it, and takes the socket over. */
void sw_tls_open(struct sw_transport *transport, struct tls *tls);

#endif
