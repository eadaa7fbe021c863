/* Are the C headers of OpenSSL there? */
#ifndef SPEC_UNIT_HAS_OPENSSL_H
#define SPEC_UNIT_HAS_OPENSSL_H

#if defined __has_include
#if __has_include(<openssl/ssl.h>)
#define HAS_HEADERS 1
#endif
#endif
#ifndef HAS_HEADERS
#define HAS_HEADERS 0
#endif

#endif
