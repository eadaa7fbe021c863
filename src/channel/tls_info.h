/* What a TLS handshake has agreed on, for the script. The loop makes it when a connection is ready; the connect report takes
 * it to the host.
 */
#ifndef SW_CHANNEL_TLS_INFO_H
#define SW_CHANNEL_TLS_INFO_H

#include <stdbool.h>
#include <stdint.h>

struct sw_tls_info {
    char version[16]; /* "TLSv1.3" */
    char cipher[64];  /* "TLS_AES_256_GCM_SHA384" */
    char alpn[256];   /* the protocol; "": none was agreed on */
    char names[400];  /* of the server's certificate, separated by ", " */
    int64_t expiry;   /* of that certificate: seconds since 1970 (UTC); 0: not known */
    bool is_verified; /* its chain and name, or its key */
    bool is_resumed;  /* by a session of an earlier connection of the client */
    float seconds;    /* of the handshake */
};

#endif
