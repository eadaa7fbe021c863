/* Is a server's certificate the one of the server that the client asked for, and if not, why, in words?
 *
 * The library verifies the chain and the name. This part bounds the work first: a peer may send hundreds of certificates,
 * or keys of which a single verification takes seconds. It also carries out `pin`, and finds the words for a refusal, which
 * need the dates and names of the certificate in question.
 */
#ifndef SW_LOOP_CERTIFICATE_H
#define SW_LOOP_CERTIFICATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/tls_reason.h"
#include "base/tls_settings.h"
#include "channel/causes.h"
#include "loop/openssl.h"

/* What a handshake checks by, and what it finds. It is put to the SSL object for the time of the handshake. */
struct sw_certificate_check {
    const struct sw_openssl *lib;
    const struct sw_tls_values *values;
    const char *name; /* that the certificate must have: a host name or a numeric address */
    bool has_failed;
    enum sw_tls_reason reason;    /* has_failed */
    char details[SW_DETAILS_MAX]; /* the same, more exactly; "": there is no more to say */
};

/* All handshakes of this context are checked so. */
void sw_certificate_use(const struct sw_openssl *lib, SSL_CTX *context);

/* Sets what the SSL object checks by; the struct must live until the handshake is over. False: no memory. */
bool sw_certificate_begin(SSL *ssl, struct sw_certificate_check *check);

/* Writes the names of a certificate, separated by ", "; "" if it has none. Returns buf. */
const char *sw_certificate_names(const struct sw_openssl *lib, const X509 *certificate, char *buf, size_t size);

/* Seconds since 1970 (UTC) at which it expires; 0: it cannot be told. */
int64_t sw_certificate_expiry(const struct sw_openssl *lib, const X509 *certificate);

#endif
