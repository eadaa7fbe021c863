/* Reads the URL of a server, so that a typing error gets a clear message at once, with its place in the text. A URL says in
 * one string what a client needs to know of its server (RFC 3986; for ws and wss RFC 6455, 3):
 *
 *     tcp://HOST:PORT      tls://HOST:PORT      ws://HOST[:PORT][/PATH][?QUERY]      wss://...      unix:/PATH, unix:@NAME
 *
 * An IPv6 address stands in brackets. This part knows the texts only: who may use which scheme is the caller's matter.
 */
#ifndef SW_BASE_URL_H
#define SW_BASE_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/un.h>

#include "base/scheme.h"
#include "base/slice.h"

/* Bytes of the name of a unix socket: the system's structure has room for so many and a zero. */
enum { SW_SOCKET_NAME_MAX = sizeof((struct sockaddr_un *)NULL)->sun_path - 1 };

/* The parts of a URL. The slices are ranges of the text. */
struct sw_url {
    enum sw_scheme scheme;
    struct sw_slice user; /* "name:password", without "@"; size 0: none */
    struct sw_slice host; /* a valid host name or address, without brackets; unix: the path, or "@" and a name */
    uint16_t port;        /* unix: 0 */
    struct sw_slice path; /* ws, wss: what follows the port, from "/" or "?" on; size 0: none */
};

/* Reads the text. Returns NULL, or a static sentence that says what is wrong and what to do; then *at is the number of the
 * character where it is wrong (1 is the first). */
const char *sw_url_parse(const char *text, size_t size, struct sw_url *url, size_t *at);

/* Does it look like a URL, so that a message about it should be one about URLs? */
bool sw_url_is_meant(const char *text, size_t size);

/* Is it HOST:PORT, so that "tcp://" in front makes a URL of it? */
bool sw_url_lacks_scheme(const char *text, size_t size);

/* Finds the user part, "name:password@", even of a URL that is wrong elsewhere: text that no message may show. Size 0:
 * there is none. */
struct sw_slice sw_url_user(const char *text, size_t size);

const char *sw_scheme_text(enum sw_scheme scheme);

#endif
