/* What src/loop/openssl.h declares of OpenSSL, next to OpenSSL's own headers: the numbers are theirs, and each function
 * has the type that they give it. It is the compiler that compares; where something differs, this file does not compile.
 *
 * A name that stands in both as a typedef must be the same type in both: C11 says so.
 */
#include "loop/openssl.h"

#include <stdio.h>
#include <stdlib.h>

#include "has_openssl.h"

#if HAS_HEADERS

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "unit.h"

/* Each number with its name there, which is its name here without SW_. */
#define EQUAL(name, value) _Static_assert((intmax_t)SW_##name == (intmax_t)(name), #name " is another number");
SW_OPENSSL_NUMBERS(EQUAL)
#undef EQUAL

#if OPENSSL_VERSION_NUMBER >= 0x30000000L
_Static_assert(X509_V_ERR_INVALID_CA == 79, "X509_V_ERR_INVALID_CA is another number");
#else
_Static_assert(X509_V_ERR_INVALID_CA == 24, "X509_V_ERR_INVALID_CA is another number");
#endif

/* NOLINTBEGIN(bugprone-macro-parentheses): types and names are no expressions */

/* There, lists of certificates and of names have types of their own, and are OPENSSL_STACK inside. */
#define OTHER(expected, name) _Static_assert(_Generic(&name, expected : 1, default : 0), #name " has another type")
OTHER(STACK_OF(X509) * (*)(const X509_STORE_CTX *), X509_STORE_CTX_get0_untrusted);
OTHER(void (*)(STACK_OF(GENERAL_NAME) *), GENERAL_NAMES_free);
OTHER(const STACK_OF(X509_NAME) * (*)(const SSL *), SSL_get0_peer_CA_list);
/* For their types only. */
extern OPENSSL_STACK *(*const ours_get0_untrusted)(const X509_STORE_CTX *);
extern void (*const ours_free)(OPENSSL_STACK *);
extern const OPENSSL_STACK *(*const ours_get0_list)(const SSL *);
#define X509_STORE_CTX_get0_untrusted *ours_get0_untrusted
#define GENERAL_NAMES_free *ours_free
#define SSL_get0_peer_CA_list *ours_get0_list

#define SAME(library, result, name, parameters) \
    _Static_assert(_Generic(&name, result(*) parameters : 1, default : 0), #name " has another type");
SW_OPENSSL_FUNCTIONS(SAME)
#undef SAME

/* Those that have two names: the headers' macro for the other version's name leads to the one that is there. */
#define SAME(library, result, name, parameters, name_3, name_1) \
    _Static_assert(_Generic(&name, result(*) parameters : 1, default : 0), #name " has another type");
#if OPENSSL_VERSION_NUMBER >= 0x30000000L
SW_OPENSSL_RENAMED(SAME)
_Static_assert(_Generic(&SSL_CTX_set_options, uint64_t (*)(SSL_CTX *, uint64_t) : 1, default : 0),
               "SSL_CTX_set_options has another type");
#else
_Static_assert(_Generic(&SSL_CTX_set_options, unsigned long (*)(SSL_CTX *, unsigned long) : 1, default : 0),
               "SSL_CTX_set_options has another type");
#endif
#undef SAME
/* NOLINTEND(bugprone-macro-parentheses) */

/* That this is compiled shows it all; what runs is the library, which must be of the headers' version for that to count. */
static void is_as_declared(void) {
    char text[300];
    const struct sw_openssl *lib = sw_openssl_load("", text, sizeof text);
    CHECK_EQ(text, "");
    if (CHECK(lib != NULL)) CHECK_EQ(lib->OpenSSL_version_num() >> 28, OPENSSL_VERSION_NUMBER >> 28);
}

/* As its macros do it: those of the headers for their own version, and by the layout in ERR_GET_LIB(3) for 1.1.1. */
static void unpacks_codes(void) {
    const struct sw_openssl three = {.major = 3}, one = {.major = 1};
    unsigned long code = ERR_PACK(ERR_LIB_SSL, 0, SSL_R_UNEXPECTED_MESSAGE);
    const struct sw_openssl *own = OPENSSL_VERSION_NUMBER >= 0x30000000L ? &three : &one;
    CHECK_EQ(sw_openssl_part(own, code), ERR_GET_LIB(code));
    CHECK_EQ(sw_openssl_reason(own, code), ERR_GET_REASON(code));
    code = 20ul << 24 | 123ul << 12 | 244ul;
    CHECK_EQ(sw_openssl_part(&one, code), 20);
    CHECK_EQ(sw_openssl_reason(&one, code), 244);
}

static const struct unit_test tests[] = {
    {"[F64] OpenSSL is as src/loop/openssl.h declares it", is_as_declared},
    {"[F64] a code of its errors tells the part and the reason, in both versions", unpacks_codes},
};
UNIT_MAIN(tests)

#else

int main(void) {
    puts("NOT TESTED: src/loop/openssl.h, because the C headers of OpenSSL are missing (make setup)");
    puts("0 passed, 0 failed, 1 skipped");
    return EXIT_SUCCESS;
}

#endif
