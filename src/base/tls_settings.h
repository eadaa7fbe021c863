/* What a client wants of TLS: the option tls. src/host has checked it; it never changes, and is reference-counted, because
 * a program with a thousand clients mostly makes them with the same settings. What is built from them (certificates that
 * were read, keys) is kept beside them, so that it is built once (loop/tls_context.h).
 *
 * A key may be among them as text. It is overwritten before its memory is freed.
 */
#ifndef SW_BASE_TLS_SETTINGS_H
#define SW_BASE_TLS_SETTINGS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum {
    SW_TLS_PINS_MAX = 8,
    SW_TLS_PIN_SIZE = 32,     /* of a SHA-256 digest */
    SW_TLS_ALPN_MAX = 255,    /* bytes of all protocol names, each with its length in front (RFC 7301, 3.1) */
    SW_TLS_PEM_MAX = 1 << 20, /* bytes of a ca, cert or key that is text */
};

/* The versions that min_version names. */
#define SW_TLS_VERSIONS(X) \
    X(1_2, "1.2")          \
    X(1_3, "1.3")

#define SW_TLS_VERSION_ENUM(name, word) SW_TLS_##name,
enum sw_tls_version { SW_TLS_VERSIONS(SW_TLS_VERSION_ENUM) };

/* Parts of the settings that are text: each the path of a file, or PEM text (RFC 7468). Size 0: none. */
#define SW_TLS_TEXTS(X)                                                                        \
    X(ca)          /* certificates of the authorities to trust */                              \
    X(cert)        /* our certificate, with those between it and the authority */              \
    X(key)         /* its private key */                                                       \
    X(server_name) /* the name that the certificate must have; none: the server's host name */ \
    X(alpn)        /* protocols in the order of our preference, as on the wire */              \
    X(library)     /* which file the TLS library is; none: the usual ones */

#define SW_TLS_TEXT_FIELD(name) struct sw_slice name;

/* The values, with slices that belong to the caller while arguments are read, and to the settings later. */
struct sw_tls_values {
    bool verify;
    enum sw_tls_version min_version;
    unsigned pin_count; /* SHA-256 of public keys of which the server must have one, in place of a trusted chain */
    unsigned char pins[SW_TLS_PINS_MAX][SW_TLS_PIN_SIZE];
    SW_TLS_TEXTS(SW_TLS_TEXT_FIELD)
};

struct sw_tls_settings {
    atomic_int refs;
    struct sw_tls_values values; /* each text has a zero behind it */
    void *built;                 /* the loop's, guarded by it; NULL: nothing */
    void (*free_built)(void *built);
    char texts[];
};

/* The values of tls = true. */
struct sw_tls_values sw_tls_defaults(void);

/* Is the text PEM, and not the path of a file? */
bool sw_tls_is_pem(struct sw_slice text);

/* Reads "sha256//BASE64" (as curl's --pinnedpubkey writes it). False: it is none. */
bool sw_tls_read_pin(struct sw_slice text, unsigned char digest[SW_TLS_PIN_SIZE]);

/* Returns a new reference to settings with these values. If *last has them, that is *last. Else they are new, and *last
 * becomes a second reference to them. NULL: no memory. */
struct sw_tls_settings *sw_tls_share(struct sw_tls_settings **last, const struct sw_tls_values *wanted);

/* Both take NULL. */
struct sw_tls_settings *sw_tls_ref(struct sw_tls_settings *settings);
void sw_tls_unref(struct sw_tls_settings *settings);

#endif
