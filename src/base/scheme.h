/* How a server is reached: the schemes of URLs (base/url.h). */
#ifndef SW_BASE_SCHEME_H
#define SW_BASE_SCHEME_H

/* X(name, scheme, its default port; 0: the URL must have one) */
#define SW_SCHEMES(X)  \
    X(TCP, "tcp", 0)   \
    X(TLS, "tls", 0)   \
    X(WS, "ws", 80)    \
    X(WSS, "wss", 443) \
    X(UNIX, "unix", 0) /* by a unix socket, which has no port */

#define SW_SCHEME_ENUM(name, text, port) SW_SCHEME_##name,
enum sw_scheme { SW_SCHEMES(SW_SCHEME_ENUM) };

#endif
