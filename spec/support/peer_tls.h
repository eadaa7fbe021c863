/* The wire of peer.c with TLS, by OpenSSL: what peer.c reads and writes goes through an SSL object for each connection,
 * if the command line has --tls. The names are those of peer_plain.h; each describes here what it does.
 *
 * OpenSSL reads no further than the record that it wants (no read-ahead). So the bytes that it has taken from the socket
 * and those that are still in the socket's queue, which are looked at without taking them, tell how many records have
 * come whole.
 */
#ifndef PEER_TLS_H
#define PEER_TLS_H

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

enum { HEADER_SIZE = 5, APPLICATION_DATA = 23, RECORD_MAX = 16 * 1024, FACT_SIZE = 256 };

enum wire_state { WIRE_SHAKING, WIRE_READY, WIRE_FAILED };

/* Follows the records in a stream of bytes. */
struct records {
    unsigned char header[HEADER_SIZE];
    unsigned header_size;
    uint32_t left;     /* bytes of the body to come */
    uint32_t overhead; /* what a body has more than its plaintext; 0 before the handshake is done */
    uint64_t whole;    /* bytes of plaintext in the whole records of application data */
};

struct wire {
    int fd;
    enum wire_state state;
    SSL *ssl; /* NULL without --tls */
    struct records records;
    uint64_t read;    /* bytes taken from the socket */
    uint64_t plain;   /* bytes of plaintext that wire_read has returned */
    size_t unwritten; /* bytes that the next write must have at least: their record is made */
    bool wants_write; /* the last call waits for room in the socket */
    bool at_end;      /* the other side sent FIN */
    bool has_ended;   /* nothing more can be read, because of: */
    int end_error;    /* 0: the other side's end */
};

/* A session of --tls-tickets once, until a client comes back with it. */
struct kept {
    SSL_SESSION *session;
    struct kept *next;
};

static struct tls {
    const char *cert, *key, *ca, *version, *ciphers, *tickets;
    unsigned char alpn[FACT_SIZE]; /* as it is sent: each name after its length */
    unsigned alpn_size;
    SSL_CTX *context; /* NULL without --tls */
    BIO_METHOD *socket;
    uint64_t handshakes, resumed, offered, failed, truncated;
    char name[FACT_SIZE], protocol[FACT_SIZE], alert[FACT_SIZE], error[FACT_SIZE], client[FACT_SIZE];
    const char *used_version, *cipher;
    struct kept *kept;
} tls = {.used_version = "", .cipher = ""};

static void tls_die(const char *what) {
    const char *why = ERR_reason_error_string(ERR_peek_last_error());
    fprintf(stderr, "peer: %s: %s\n", what, why ? why : "failed");
    exit(1);
}

/* ---- options ---- */

static void set_alpn(const char *names) {
    tls.alpn_size = 0;
    while (*names != '\0') {
        size_t size = strcspn(names, ",");
        if (size == 0 || size > 255 || tls.alpn_size + 1 + size > sizeof tls.alpn) tls_die("--tls-alpn");
        tls.alpn[tls.alpn_size] = (unsigned char)size;
        memcpy(tls.alpn + tls.alpn_size + 1, names, size);
        tls.alpn_size += 1 + (unsigned)size;
        names += size + (names[size] == ',');
    }
}

/* An option of the command line, without the dashes. --tls has two values: this is called for "tls", then for "key". */
static void wire_set(const char *option, const char *value) {
    if (strcmp(option, "tls") == 0) tls.cert = value;
    if (strcmp(option, "key") == 0) tls.key = value;
    if (strcmp(option, "tls-ca") == 0) tls.ca = value;
    if (strcmp(option, "tls-version") == 0) tls.version = value;
    if (strcmp(option, "tls-ciphers") == 0) tls.ciphers = value;
    if (strcmp(option, "tls-tickets") == 0) tls.tickets = value;
    if (strcmp(option, "tls-alpn") == 0) set_alpn(value);
}

/* ---- what clients say ---- */

static int select_protocol(SSL *ssl, const unsigned char **chosen, unsigned char *size, const unsigned char *offered,
                           unsigned offered_size, void *data) {
    (void)ssl, (void)data;
    unsigned char *found;
    int result = SSL_select_next_proto(&found, size, tls.alpn, tls.alpn_size, offered, offered_size);
    if (result != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_ALERT_FATAL;
    *chosen = found;
    return SSL_TLSEXT_ERR_OK;
}

static bool has_extension(SSL *ssl, unsigned type) {
    const unsigned char *data;
    size_t size;
    return SSL_client_hello_get0_ext(ssl, type, &data, &size) == 1 && size > 0;
}

/* RFC 6066: the size of a list, a type (0), the size of a name, and the name. False when it is too short for that. */
static bool take_server_name(SSL *ssl) {
    const unsigned char *data;
    size_t size;
    tls.name[0] = '\0';
    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &data, &size) != 1) return true;
    if (size < 5) return false;
    snprintf(tls.name, sizeof tls.name, "%.*s", (int)(size - 5), (const char *)data + 5);
    return true;
}

/* A session without a ticket, which only TLS 1.2 has, is not told from the session id that TLS 1.3 makes up. */
static int look_at_hello(SSL *ssl, int *alert, void *data) {
    (void)data;
    if (has_extension(ssl, TLSEXT_TYPE_psk) || has_extension(ssl, TLSEXT_TYPE_session_ticket)) tls.offered++;
    if (take_server_name(ssl)) return SSL_CLIENT_HELLO_SUCCESS;
    *alert = SSL_AD_DECODE_ERROR;
    return SSL_CLIENT_HELLO_ERROR;
}

static void look_at_alert(const SSL *ssl, int where, int code) {
    (void)ssl;
    bool is_alert = (where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT;
    if (!is_alert || (code & 0xff) == SSL_AD_CLOSE_NOTIFY) return;
    snprintf(tls.alert, sizeof tls.alert, "%s", SSL_alert_desc_string_long(code));
}

/* ---- start ---- */

static int no_password(char *buffer, int size, int is_for_writing, void *data) {
    (void)is_for_writing, (void)data;
    if (size > 0) buffer[0] = '\0';
    return -1;
}

static void set_version(SSL_CTX *context) {
    int version = strcmp(tls.version, "1.2") == 0   ? TLS1_2_VERSION
                  : strcmp(tls.version, "1.3") == 0 ? TLS1_3_VERSION
                                                    : 0;
    if (version == 0) tls_die("--tls-version is 1.2 or 1.3");
    SSL_CTX_set_min_proto_version(context, version);
    SSL_CTX_set_max_proto_version(context, version);
}

static void set_ciphers(SSL_CTX *context) {
    bool are_new = strncmp(tls.ciphers, "TLS_", 4) == 0;
    if (are_new ? !SSL_CTX_set_ciphersuites(context, tls.ciphers) : !SSL_CTX_set_cipher_list(context, tls.ciphers))
        tls_die("--tls-ciphers");
}

static int keep_session(SSL *ssl, SSL_SESSION *session) {
    (void)ssl;
    struct kept *kept = malloc(sizeof *kept);
    if (!kept) tls_die("malloc");
    *kept = (struct kept){.session = session, .next = tls.kept};
    tls.kept = kept;
    return 1;
}

/* Forgets it as well. */
static SSL_SESSION *find_session(SSL *ssl, const unsigned char *id, int size, int *is_shared) {
    (void)ssl;
    *is_shared = 0;
    for (struct kept **at = &tls.kept; *at; at = &(*at)->next) {
        struct kept *kept = *at;
        unsigned kept_size;
        const unsigned char *kept_id = SSL_SESSION_get_id(kept->session, &kept_size);
        if (kept_size != (unsigned)size || memcmp(kept_id, id, kept_size) != 0) continue;
        SSL_SESSION *session = kept->session;
        *at = kept->next;
        free(kept);
        return session;
    }
    return NULL;
}

/* off: no sessions. once: sessions are kept here, not in tickets, and forgotten when a client comes back with one, so
 * that a client that comes twice with the same is resumed once. */
static void set_tickets(SSL_CTX *context) {
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
    if (strcmp(tls.tickets, "once") == 0) {
        SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(context, keep_session);
        SSL_CTX_sess_set_get_cb(context, find_session);
        return;
    }
    if (strcmp(tls.tickets, "off") != 0) tls_die("--tls-tickets is off or once");
    SSL_CTX_set_num_tickets(context, 0);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
}

static void ask_for_certificate(SSL_CTX *context) {
    if (!SSL_CTX_load_verify_locations(context, tls.ca, NULL)) tls_die(tls.ca);
    SSL_CTX_set_client_CA_list(context, SSL_load_client_CA_file(tls.ca));
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
}

/* After all options: reads the files. The security level lets weak certificates be shown, for clients to refuse. */
static void wire_begin(void) {
    if (!tls.cert) return;
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (!context) tls_die("SSL_CTX_new");
    tls.context = context;
    SSL_CTX_set_security_level(context, 0);
    SSL_CTX_set_default_passwd_cb(context, no_password);
    if (!SSL_CTX_use_certificate_chain_file(context, tls.cert)) tls_die(tls.cert);
    if (!SSL_CTX_use_PrivateKey_file(context, tls.key, SSL_FILETYPE_PEM)) tls_die(tls.key);
    SSL_CTX_set_session_id_context(context, (const unsigned char *)"peer", 4);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_client_hello_cb(context, look_at_hello, NULL);
    SSL_CTX_set_info_callback(context, look_at_alert);
    if (tls.version) set_version(context);
    if (tls.ciphers) set_ciphers(context);
    if (tls.tickets) set_tickets(context);
    if (tls.ca) ask_for_certificate(context);
    if (tls.alpn_size > 0) SSL_CTX_set_alpn_select_cb(context, select_protocol, NULL);
}

/* ---- records ---- */

static void take_header(struct records *records, unsigned char byte) {
    records->header[records->header_size++] = byte;
    if (records->header_size == HEADER_SIZE) records->left = (uint32_t)records->header[3] << 8 | records->header[4];
}

static void end_record(struct records *records) {
    uint32_t size = (uint32_t)records->header[3] << 8 | records->header[4];
    records->header_size = 0;
    if (records->overhead > 0 && records->header[0] == APPLICATION_DATA && size > records->overhead)
        records->whole += size - records->overhead;
}

static void follow(struct records *records, const unsigned char *data, size_t size) {
    for (size_t i = 0; i < size;) {
        if (records->header_size < HEADER_SIZE) {
            take_header(records, data[i++]);
        } else {
            size_t part = size - i < records->left ? size - i : records->left;
            records->left -= (uint32_t)part;
            i += part;
        }
        if (records->header_size == HEADER_SIZE && records->left == 0) end_record(records);
    }
}

/* ---- the socket, as OpenSSL uses it ---- */

static int socket_read(BIO *bio, char *data, int size) {
    struct wire *wire = BIO_get_data(bio);
    ssize_t n = recv(wire->fd, data, (size_t)size, 0);
    BIO_clear_retry_flags(bio);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_read(bio);
    wire->at_end = n == 0;
    if (n <= 0) return (int)n;
    wire->read += (uint64_t)n;
    follow(&wire->records, (const unsigned char *)data, (size_t)n);
    return (int)n;
}

static int socket_write(BIO *bio, const char *data, int size) {
    const struct wire *wire = BIO_get_data(bio);
    ssize_t n = send(wire->fd, data, (size_t)size, MSG_NOSIGNAL);
    BIO_clear_retry_flags(bio);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_write(bio);
    return (int)n;
}

static long socket_control(BIO *bio, int command, long number, void *data) {
    (void)number, (void)data;
    const struct wire *wire = BIO_get_data(bio);
    if (command == BIO_CTRL_EOF) return wire->at_end;
    return command == BIO_CTRL_FLUSH;
}

static void make_socket_method(void) {
    tls.socket = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "counted socket");
    if (!tls.socket) tls_die("BIO_meth_new");
    BIO_meth_set_read(tls.socket, socket_read);
    BIO_meth_set_write(tls.socket, socket_write);
    BIO_meth_set_ctrl(tls.socket, socket_control);
}

/* What an encrypted record has more than its plaintext, or 0 where that differs. */
static uint32_t overhead_of(const SSL *ssl) {
    const SSL_CIPHER *cipher = SSL_get_current_cipher(ssl);
    if (!SSL_CIPHER_is_aead(cipher)) return 0;
    uint32_t tag = strstr(SSL_CIPHER_get_name(cipher), "CCM_8") || strstr(SSL_CIPHER_get_name(cipher), "CCM8") ? 8 : 16;
    if (SSL_version(ssl) == TLS1_3_VERSION) return tag + 1;                 /* the type of the content */
    return strstr(SSL_CIPHER_get_name(cipher), "CHACHA20") ? tag : tag + 8; /* the explicit nonce */
}

/* ---- connections ---- */

/* `wire` stays where it is until wire_free. */
static void wire_open(struct wire *wire, int fd) {
    *wire = (struct wire){.fd = fd};
    if (!tls.context) return;
    if (!tls.socket) make_socket_method();
    BIO *bio = BIO_new(tls.socket);
    wire->ssl = SSL_new(tls.context);
    if (!wire->ssl || !bio) tls_die("SSL_new");
    BIO_set_data(bio, wire);
    BIO_set_init(bio, 1);
    SSL_set_bio(wire->ssl, bio, bio);
}

static void wire_free(struct wire *wire) {
    SSL_free(wire->ssl);
    wire->ssl = NULL;
}

static void note_handshake(const SSL *ssl) {
    const unsigned char *protocol;
    unsigned size;
    tls.handshakes++;
    if (SSL_session_reused(ssl)) tls.resumed++;
    tls.used_version = SSL_get_version(ssl);
    tls.cipher = SSL_get_cipher_name(ssl);
    SSL_get0_alpn_selected(ssl, &protocol, &size);
    snprintf(tls.protocol, sizeof tls.protocol, "%.*s", (int)size, size > 0 ? (const char *)protocol : "");
    X509 *client = SSL_get0_peer_certificate(ssl);
    tls.client[0] = '\0';
    if (client) X509_NAME_oneline(X509_get_subject_name(client), tls.client, sizeof tls.client);
}

static void note_failure(void) {
    const char *why = ERR_reason_error_string(ERR_peek_error());
    tls.failed++;
    snprintf(tls.error, sizeof tls.error, "%s", why ? why : "the connection ended");
}

/* Does what can be done of the handshake. When it fails, the alert that tells why is followed by FIN. */
static enum wire_state wire_shake(struct wire *wire) {
    if (!wire->ssl) return wire->state = WIRE_READY;
    ERR_clear_error();
    int result = SSL_accept(wire->ssl), error = SSL_get_error(wire->ssl, result);
    wire->wants_write = error == SSL_ERROR_WANT_WRITE;
    if (result == 1) {
        wire->state = WIRE_READY;
        wire->records.overhead = overhead_of(wire->ssl);
        note_handshake(wire->ssl);
    } else if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
        wire->state = WIRE_FAILED;
        note_failure();
        shutdown(wire->fd, SHUT_WR);
    }
    return wire->state;
}

/* What comes after a failed handshake is of no use, but left in the queue it would make close() reset the connection. */
static ssize_t discard(const struct wire *wire, void *data, size_t size) {
    ssize_t n = recv(wire->fd, data, size, 0);
    if (n <= 0) return n;
    errno = EAGAIN;
    return -1;
}

static void note_end(struct wire *wire, int error) {
    int why = errno;
    wire->wants_write = error == SSL_ERROR_WANT_WRITE;
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return;
    wire->has_ended = true;
    if (error == SSL_ERROR_ZERO_RETURN) return;
    bool is_cut = (error == SSL_ERROR_SYSCALL && why == 0) ||
                  ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
    if (is_cut)
        tls.truncated++;
    else
        wire->end_error = error == SSL_ERROR_SYSCALL ? why : EPROTO;
}

/* As recv: 0 is the other side's close_notify, or its FIN without one (`truncated`). */
static ssize_t wire_read(struct wire *wire, void *data, size_t size) {
    if (wire->state == WIRE_FAILED) return discard(wire, data, size);
    if (!wire->ssl) {
        ssize_t n = recv(wire->fd, data, size, 0);
        if (n > 0) wire->read += (uint64_t)n;
        return n;
    }
    size_t done = 0;
    for (int n = 1; n > 0 && done < size && !wire->has_ended;) {
        ERR_clear_error();
        errno = 0;
        n = SSL_read(wire->ssl, (char *)data + done, (int)(size - done));
        if (n > 0)
            done += (size_t)n;
        else
            note_end(wire, SSL_get_error(wire->ssl, n));
    }
    wire->plain += done;
    if (done > 0) return (ssize_t)done;
    errno = wire->has_ended ? wire->end_error : EAGAIN;
    return errno == 0 ? 0 : -1;
}

/* As send. */
static ssize_t wire_write(struct wire *wire, const void *data, size_t size) {
    if (!wire->ssl) return send(wire->fd, data, size, MSG_NOSIGNAL);
    size_t done = 0;
    while (done < size) {
        ERR_clear_error();
        int n = SSL_write(wire->ssl, (const char *)data + done, (int)(size - done));
        if (n <= 0) {
            int error = SSL_get_error(wire->ssl, n);
            bool waits = error == SSL_ERROR_WANT_WRITE || error == SSL_ERROR_WANT_READ;
            wire->unwritten = size - done < RECORD_MAX ? size - done : RECORD_MAX;
            errno = waits ? EAGAIN : EPIPE;
            return done > 0 ? (ssize_t)done : -1;
        }
        wire->unwritten = 0;
        done += (size_t)n;
    }
    return (ssize_t)done;
}

/* A write that could not be ended must be asked for again with at least so many bytes. */
static size_t wire_unwritten(const struct wire *wire) { return wire->unwritten; }

/* Has wire_read something that no event of the socket will tell of? */
static bool wire_has_unread(const struct wire *wire) {
    return wire->ssl && (wire->has_ended || SSL_pending(wire->ssl) > 0);
}

/* Does it wait for room in the socket, though nothing is being sent? */
static bool wire_wants_write(const struct wire *wire) { return wire->wants_write; }

/* Sends close_notify. False while the socket has no room for it. */
static bool wire_say_end(struct wire *wire) {
    if (!wire->ssl || wire->state != WIRE_READY) return true;
    ERR_clear_error();
    int result = SSL_shutdown(wire->ssl);
    wire->wants_write = result < 0 && SSL_get_error(wire->ssl, result) == SSL_ERROR_WANT_WRITE;
    return !wire->wants_write;
}

/* ---- counting ---- */

/* The bytes that TCP has received, encrypted if there is TLS. */
static uint64_t wire_arrived(const struct wire *wire) {
    int unread = 0;
    return ioctl(wire->fd, FIONREAD, &unread) == 0 ? wire->read + (uint64_t)unread : wire->read;
}

/* The bytes of plaintext in the whole records that TCP has received: what was read, what OpenSSL holds, and what the
 * records in the socket's queue bring. */
static uint64_t wire_whole(const struct wire *wire) {
    if (!wire->ssl) return wire_arrived(wire);
    struct records records = wire->records;
    int unread = 0;
    unsigned char *data = ioctl(wire->fd, FIONREAD, &unread) == 0 && unread > 0 ? malloc((size_t)unread) : NULL;
    ssize_t size = data ? recv(wire->fd, data, (size_t)unread, MSG_PEEK) : 0;
    if (size > 0) follow(&records, data, (size_t)size);
    free(data);
    return wire->plain + (uint64_t)SSL_pending(wire->ssl) + records.whole - wire->records.whole;
}

static uint64_t wire_handshakes(void) { return tls.handshakes; }

/* The answer to the command `tls`: NULL, or what is wrong. */
static const char *wire_describe(char *text, size_t size) {
    if (!tls.context) return "it was started without --tls";
    snprintf(text, size,
             "handshakes=%llu\tresumed=%llu\toffered=%llu\tfailed=%llu\ttruncated=%llu\tname=%s\talpn=%s\tversion=%s\t"
             "cipher=%s\tclient=%s\talert=%s\terror=%s",
             (unsigned long long)tls.handshakes, (unsigned long long)tls.resumed, (unsigned long long)tls.offered,
             (unsigned long long)tls.failed, (unsigned long long)tls.truncated, tls.name, tls.protocol,
             tls.used_version, tls.cipher, tls.client, tls.alert, tls.error);
    return NULL;
}

#endif
