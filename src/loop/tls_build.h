/* Makes what all connections of one set of TLS settings share: the library, the trusted authorities, our certificate.
 *
 * It reads files and does arithmetic with keys, which may take tens of milliseconds. So it runs on a helper thread
 * (loop/tls_requests.h), once for a set of settings.
 */
#ifndef SW_LOOP_TLS_BUILD_H
#define SW_LOOP_TLS_BUILD_H

#include "base/error.h"
#include "base/tls_settings.h"
#include "channel/causes.h"
#include "loop/openssl.h"

struct sw_tls_context {
    const struct sw_openssl *lib;
    SSL_CTX *ssl;
    BIO_METHOD *bio; /* for the BIO of each connection; loop/tls.c sets its functions */
};

/* Why there is none, with what is to be said of it. */
struct sw_tls_failure {
    struct sw_error error; /* SW_OK: there is no failure */
    char details[SW_DETAILS_MAX];
};

/* NULL: *failure says why. */
struct sw_tls_context *sw_tls_build(const struct sw_tls_values *values, struct sw_tls_failure *failure);

void sw_tls_context_free(struct sw_tls_context *context);

#endif
