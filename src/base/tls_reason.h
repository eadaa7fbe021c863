/* Why a TLS handshake or connection failed, in words. A struct sw_error of code ETLS carries the number. */
#ifndef SW_BASE_TLS_REASON_H
#define SW_BASE_TLS_REASON_H

/* X(name, words). The subject of the words is the server. */
#define SW_TLS_REASONS(X)                                                                                              \
    X(OTHER, "the TLS library reports a failure")                                                                      \
    X(EXPIRED, "its certificate has expired")                                                                          \
    X(NOT_YET, "its certificate is not valid yet")                                                                     \
    X(WRONG_NAME, "its certificate is for another name")                                                               \
    X(SELF_SIGNED, "its certificate is self-signed: no authority vouches for it")                                      \
    X(UNTRUSTED, "the authority of its certificate is not trusted here")                                               \
    X(INCOMPLETE, "the authority of its certificate is not trusted here, or the intermediate certificate is not sent") \
    X(WEAK, "its certificate has a key or a signature that is too weak")                                               \
    X(PURPOSE, "its certificate is not meant for servers")                                                             \
    X(CONSTRAINED, "the authority of its certificate may not vouch for this name")                                     \
    X(NO_AUTHORITY, "one of its certificates is signed by one that is no authority")                                   \
    X(BAD_CERTIFICATE, "its certificate cannot be used")                                                               \
    X(LONG_CHAIN, "it sends more certificates than are accepted")                                                      \
    X(LARGE_KEY, "it has a certificate with a larger key than is accepted")                                            \
    X(PIN, "its public key is none of those in pin")                                                                   \
    X(NO_TRUST, "this machine has no list of trusted authorities: give ca, a file of their certificates")              \
    X(SETTINGS, "the option tls cannot be used")                                                                       \
    X(NO_TLS, "it does not speak TLS on this port")                                                                    \
    X(NO_SERVER, "it does not answer as a TLS server does")                                                            \
    X(VERSION, "it speaks no TLS version that this client accepts")                                                    \
    X(REFUSED, "it refuses the handshake: no cipher in common, or it wants something else")                            \
    X(WANTS_CERTIFICATE, "it wants a certificate of the client: give cert and key")                                    \
    X(OUR_CERTIFICATE, "it does not accept the client's certificate")                                                  \
    X(NO_PROTOCOL, "it speaks none of the protocols in alpn")                                                          \
    X(UNKNOWN_NAME, "it has no such server name")                                                                      \
    X(ALERT, "it ended the connection by a TLS alert")                                                                 \
    X(GARBLED, "what it sent is no valid TLS, or was changed on the way")                                              \
    X(FLOOD, "it sends TLS messages without end")                                                                      \
    X(CUT, "it ended the connection during the TLS handshake")

#define SW_TLS_REASON_ENUM(name, words) SW_TLS_REASON_##name,
enum sw_tls_reason { SW_TLS_REASONS(SW_TLS_REASON_ENUM) };

/* Static storage. */
const char *sw_tls_reason_text(enum sw_tls_reason reason);

#endif
