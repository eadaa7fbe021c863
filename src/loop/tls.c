#include "loop/tls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/list.h"
#include "base/platform.h"
#include "channel/fork.h"
#include "loop/certificate.h"
#include "loop/socket.h"

struct tls_session {
    atomic_int refs;
    const struct sw_openssl *lib;
    SSL_SESSION *session; /* NULL: none */
};

enum {
    RECORD = 16384,       /* bytes that a record carries, at most (RFC 8446, 5.1) */
    EXPANSION = 2048 + 5, /* what encryption adds to them, at most (RFC 5246, 6.2.3), and the header */
    BATCH = 4,            /* records in a batch */
};
_Static_assert(SW_TLS_SCRATCH >= RECORD + BATCH * (RECORD + EXPANSION) + 4096,
               "room for a batch and a message of the protocol");

/* A record of the caller's bytes. */
struct record {
    size_t carried; /* the caller's bytes in it */
    uint64_t end;   /* value of `written` in struct tls when it is in the kernel as a whole */
};

/* Records that are written together, for fewer calls of the system. */
struct batch {
    unsigned char *bytes;
    size_t size;
};

struct tls {
    struct sw_transport_table table; /* this connection's own, by which the transport finds it */
    const struct sw_openssl *lib;
    struct sw_tls_settings *settings;   /* one reference: they hold the context */
    struct tls_session *session;        /* one reference; NULL: none */
    struct sw_certificate_check *check; /* during the handshake */
    SSL *ssl;
    int fd;
    int read_error, write_error;  /* errno of a permanent failure of the socket; 0: none */
    ptrdiff_t failure;            /* of `receive`, for the calls after it; 0: none */
    bool has_fin : 1;             /* the peer's FIN has come */
    bool is_ready : 1;            /* the handshake is over */
    bool has_said_end : 1;        /* close_notify is written, or cannot be any more */
    bool is_shut : 1;             /* nothing more is written: what the protocol would answer is dropped */
    bool has_flooded : 1;         /* the peer does not take what the protocol makes us answer, and sends on */
    uint64_t written;             /* bytes that the kernel has taken */
    size_t input_left;            /* bytes that may still be read from the socket in this call */
    struct record records[BATCH]; /* not taken yet, in order; what is not in the kernel of them is in `out` */
    unsigned record_count;
    struct batch *batch; /* while the library makes one; NULL: what it writes goes to the kernel */
    unsigned char *scratch;
    unsigned char *out; /* bytes that the kernel has not taken; NULL: none */
    size_t out_size, out_sent, out_capacity;
};

/* Bytes. A peer can ask for answers of the protocol, which wait in `out`; and it can send messages of the protocol, which
 * bring nothing to the caller and must not keep the loop. Of a handshake, certificates may take 100 KiB. */
enum {
    OUT_MAX = 256 * 1024,        /* in `out` */
    INPUT_OF_CALL = 64 * 1024,   /* from the socket in one call, beyond what the caller asks for */
    INPUT_OF_SHAKE = 256 * 1024, /* from the socket in a handshake */
};

/* --- sessions --- */

struct tls_session *sw_tls_session_new(void) {
    struct tls_session *session = calloc(1, sizeof *session);
    if (session != NULL) atomic_init(&session->refs, 1);
    return session;
}

static struct tls_session *ref_session(struct tls_session *session) {
    if (session != NULL) atomic_fetch_add(&session->refs, 1);
    return session;
}

static void forget(struct tls_session *session) {
    if (session->session != NULL) session->lib->SSL_SESSION_free(session->session);
    session->session = NULL;
}

void sw_tls_session_forget(struct tls_session *session) {
    sw_fork_delay();
    forget(session);
    sw_fork_allow();
}

void sw_tls_session_unref(struct tls_session *session) {
    if (session == NULL || atomic_fetch_sub(&session->refs, 1) > 1) return;
    sw_tls_session_forget(session);
    free(session);
}

/* --- the BIO --- */

/* Keeps bytes that the kernel does not take now. False: there are too many, or there is no memory. */
static bool keep(struct tls *tls, const char *bytes, size_t size) {
    if (tls->out_sent > 0) {
        memmove(tls->out, tls->out + tls->out_sent, tls->out_size - tls->out_sent);
        tls->out_size -= tls->out_sent;
        tls->out_sent = 0;
    }
    if (tls->out_size + size > OUT_MAX) {
        tls->has_flooded = true;
        return false;
    }
    if (tls->out_size + size > tls->out_capacity) {
        /* Doubled, since a peer may ask for answers without end. */
        size_t least = tls->out_size + size, doubled = 2 * tls->out_capacity;
        size_t capacity = least > doubled ? least : doubled;
        unsigned char *moved = realloc(tls->out, capacity);
        if (moved == NULL) {
            tls->write_error = ENOMEM;
            return false;
        }
        tls->out = moved;
        tls->out_capacity = capacity;
    }
    memcpy(tls->out + tls->out_size, bytes, size);
    tls->out_size += size;
    return true;
}

static bool is_permanent(ptrdiff_t result) {
    return result < 0 && result != -EAGAIN && result != -EWOULDBLOCK && result != -ENOBUFS;
}

/* Returns how many bytes the kernel has taken, 0 or more, or a permanent failure. */
static ptrdiff_t write_now(struct tls *tls, const void *bytes, size_t size, ptrdiff_t *result) {
    struct iovec iov = {(void *)(uintptr_t)bytes, size};
    *result = sw_socket_send(tls->fd, &iov, 1);
    if (*result > 0) tls->written += (uint64_t)*result;
    if (is_permanent(*result)) tls->write_error = (int)-*result;
    return *result;
}

static bool has_out(const struct tls *tls) { return tls->out_size > tls->out_sent; }

/* Writes what waits. Returns 0 when nothing waits any more, or -errno. */
static ptrdiff_t flush_out(struct tls *tls) {
    ptrdiff_t result = 0;
    while (has_out(tls)) {
        if (tls->write_error != 0) return -tls->write_error;
        if (write_now(tls, tls->out + tls->out_sent, tls->out_size - tls->out_sent, &result) < 0) return result;
        tls->out_sent += (size_t)result;
    }
    free(tls->out);
    tls->out = NULL;
    tls->out_size = tls->out_sent = tls->out_capacity = 0;
    return 0;
}

/* The library calls the BIO and the other functions below only within our calls, which set whose they are. A BIO could hold
 * that itself, but which copy of the library it belongs to could not be told from it. */
static _Thread_local struct tls *current;

/* Around all that uses the library for a connection. */
static void enter(struct tls *tls) {
    sw_fork_delay();
    current = tls;
}

static void leave(void) { sw_fork_allow(); }

static void ask_again(BIO *bio, int direction) {
    current->lib->BIO_set_flags(bio, direction | SW_BIO_FLAGS_SHOULD_RETRY);
}

static bool add_to_batch(struct batch *batch, const char *bytes, size_t size) {
    if (size > SW_TLS_SCRATCH - RECORD - batch->size) return false;
    memcpy(batch->bytes + batch->size, bytes, size);
    batch->size += size;
    return true;
}

static int on_write(BIO *bio, const char *bytes, int size) {
    struct tls *tls = current;
    ptrdiff_t result;
    (void)bio;
    if (tls->is_shut) return size;
    if (tls->write_error != 0 || size <= 0) return -1;
    size_t done = 0, all = (size_t)size;
    if (tls->batch != NULL) return add_to_batch(tls->batch, bytes, all) ? size : -1;
    if (!has_out(tls) && write_now(tls, bytes, all, &result) > 0) done = (size_t)result;
    if (tls->write_error != 0) return -1;
    return done == all || keep(tls, bytes + done, all - done) ? size : -1;
}

static int on_read(BIO *bio, char *buffer, int size) {
    struct tls *tls = current;
    tls->lib->BIO_clear_flags(bio, SW_BIO_FLAGS_READ | SW_BIO_FLAGS_WRITE | SW_BIO_FLAGS_SHOULD_RETRY);
    if (tls->has_fin || tls->read_error != 0 || size <= 0) return 0;
    size_t most = (size_t)size < tls->input_left ? (size_t)size : tls->input_left;
    ptrdiff_t got = most > 0 ? sw_socket_receive(tls->fd, buffer, most) : -EAGAIN;
    if (got > 0) {
        tls->input_left -= (size_t)got;
        return (int)got;
    }
    if (got == -EAGAIN || got == -EWOULDBLOCK) {
        ask_again(bio, SW_BIO_FLAGS_READ);
        return -1;
    }
    if (got == 0) tls->has_fin = true;
    if (got < 0) tls->read_error = (int)-got;
    return 0;
}

/* Flushing is all that the library asks of a BIO that it must have. */
static long on_control(BIO *bio, int command, long number, void *pointer) {
    (void)bio, (void)number, (void)pointer;
    return command == SW_BIO_CTRL_FLUSH;
}

static int on_session(SSL *ssl, SSL_SESSION *session) {
    struct tls_session *kept = current->session;
    (void)ssl;
    if (kept == NULL) return 0;
    forget(kept);
    kept->lib = current->lib;
    kept->session = session;
    return 1; /* the reference is ours now */
}

/* --- making --- */

static bool set_bio(struct tls *tls, const struct sw_tls_context *context) {
    const struct sw_openssl *lib = tls->lib;
    lib->BIO_meth_set_write(context->bio, on_write);
    lib->BIO_meth_set_read(context->bio, on_read);
    lib->BIO_meth_set_ctrl(context->bio, on_control);
    BIO *bio = lib->BIO_new(context->bio);
    if (bio == NULL) return false;
    lib->BIO_set_init(bio, 1);
    lib->SSL_set_bio(tls->ssl, bio, bio);
    return true;
}

/* SNI has host names only (RFC 6066, 3); the name of a unix socket is none. */
static bool set_name(struct tls *tls, const char *name) {
    size_t size = strlen(name);
    char plain[SW_HOST_MAX + 1];
    if (sw_ip_kind(name, size) != NULL || sw_host_problem(name, size) != NULL || size >= sizeof plain) return true;
    memcpy(plain, name, size + 1);
    if (size > 1 && plain[size - 1] == '.') plain[size - 1] = '\0';
    return tls->lib->SSL_ctrl(tls->ssl, SW_SSL_CTRL_SET_TLSEXT_HOSTNAME, SW_TLSEXT_NAMETYPE_host_name, plain) == 1;
}

static void resume(struct tls *tls) {
    if (tls->session == NULL || tls->session->session == NULL || tls->session->lib != tls->lib) return;
    (void)tls->lib->SSL_set_session(tls->ssl, tls->session->session);
    forget(tls->session);
}

static bool set_up(struct tls *tls, const struct sw_tls_context *context, const char *hostname,
                   struct sw_slice before) {
    struct sw_slice own_name = tls->settings->values.server_name;
    tls->check = calloc(1, sizeof *tls->check);
    tls->ssl = tls->lib->SSL_new(context->ssl);
    if (tls->check == NULL || tls->ssl == NULL || !set_bio(tls, context)) return false;
    tls->check->lib = tls->lib;
    tls->check->values = &tls->settings->values;
    tls->check->name = own_name.size > 0 ? own_name.data : hostname;
    tls->lib->SSL_set_connect_state(tls->ssl);
    if (!sw_certificate_begin(tls->ssl, tls->check) || !set_name(tls, tls->check->name)) return false;
    resume(tls);
    return before.size == 0 || keep(tls, before.data, before.size);
}

struct tls *sw_tls_new(int fd, struct sw_tls_settings *settings, const struct sw_tls_context *context,
                       const char *hostname, struct sw_slice before, struct tls_session *session,
                       unsigned char *scratch) {
    struct tls *tls = calloc(1, sizeof *tls);
    if (tls == NULL) return NULL;
    tls->lib = context->lib;
    tls->settings = sw_tls_ref(settings);
    tls->session = ref_session(session);
    tls->scratch = scratch;
    tls->fd = fd;
    tls->input_left = INPUT_OF_SHAKE;
    enter(tls);
    tls->lib->SSL_CTX_sess_set_new_cb(context->ssl, on_session);
    bool is_set_up = set_up(tls, context, hostname, before);
    if (!is_set_up) tls->lib->ERR_clear_error();
    leave();
    if (is_set_up) return tls;
    sw_tls_free(tls);
    return NULL;
}

/* Without the flags, the library would spoil the session of a connection that was lost; since TLS 1.1 it may be resumed
 * (RFC 5246, 7.2.1). After a fatal alert it is spoilt all the same. */
static void free_ssl(const struct tls *tls) {
    tls->lib->SSL_set_shutdown(tls->ssl, SW_SSL_SENT_SHUTDOWN | SW_SSL_RECEIVED_SHUTDOWN);
    tls->lib->SSL_free(tls->ssl);
}

void sw_tls_free(struct tls *tls) {
    enter(tls);
    if (tls->ssl != NULL) free_ssl(tls);
    tls->lib->ERR_clear_error();
    leave();
    sw_tls_session_unref(tls->session);
    sw_tls_unref(tls->settings);
    free(tls->check);
    free(tls->out);
    free(tls);
}

/* --- failures --- */

/* The alerts of RFC 8446, 6.2, that have words of their own. */
static enum sw_tls_reason reason_of_alert(int alert) {
    switch (alert) {
    case SW_SSL_AD_HANDSHAKE_FAILURE: return SW_TLS_REASON_REFUSED;
    case SW_SSL_AD_BAD_CERTIFICATE:
    case SW_SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SW_SSL_AD_CERTIFICATE_REVOKED:
    case SW_SSL_AD_CERTIFICATE_EXPIRED:
    case SW_SSL_AD_CERTIFICATE_UNKNOWN:
    case SW_SSL_AD_UNKNOWN_CA: return SW_TLS_REASON_OUR_CERTIFICATE;
    case SW_SSL_AD_PROTOCOL_VERSION: return SW_TLS_REASON_VERSION;
    case SW_SSL_AD_UNRECOGNIZED_NAME: return SW_TLS_REASON_UNKNOWN_NAME;
    case SW_SSL_AD_CERTIFICATE_REQUIRED: return SW_TLS_REASON_WANTS_CERTIFICATE;
    case SW_SSL_AD_NO_APPLICATION_PROTOCOL: return SW_TLS_REASON_NO_PROTOCOL;
    default: return SW_TLS_REASON_ALERT;
    }
}

/* Is it an alert that the server has sent? */
static bool is_alert(const struct sw_openssl *lib, unsigned long code) {
    int reason = sw_openssl_reason(lib, code);
    return sw_openssl_part(lib, code) == SW_ERR_LIB_SSL && reason >= SW_SSL_AD_REASON_OFFSET &&
           reason < SW_SSL_AD_REASON_OFFSET + 256;
}

/* Has the server asked for a certificate of ours, and we have none? Before TLS 1.3 its alert may be any. */
static bool lacks_certificate(const struct tls *tls) {
    return tls->settings->values.cert.size == 0 && tls->lib->SSL_get0_peer_CA_list(tls->ssl) != NULL;
}

static enum sw_tls_reason reason_of_code(const struct tls *tls, unsigned long code) {
    int reason = sw_openssl_reason(tls->lib, code);
    if (sw_openssl_part(tls->lib, code) != SW_ERR_LIB_SSL) return SW_TLS_REASON_OTHER;
    if (is_alert(tls->lib, code)) return reason_of_alert(reason - SW_SSL_AD_REASON_OFFSET);
    switch (reason) {
    case SW_SSL_R_BAD_PROTOCOL_VERSION_NUMBER:
    case SW_SSL_R_UNSUPPORTED_PROTOCOL:
    case SW_SSL_R_WRONG_SSL_VERSION: return SW_TLS_REASON_VERSION;
    case SW_SSL_R_HTTP_REQUEST:
    case SW_SSL_R_WRONG_VERSION_NUMBER:
    case SW_SSL_R_PACKET_LENGTH_TOO_LONG: return tls->is_ready ? SW_TLS_REASON_GARBLED : SW_TLS_REASON_NO_TLS;
    /* Such as an echo server, which sends our own words back. */
    case SW_SSL_R_UNEXPECTED_MESSAGE: return tls->is_ready ? SW_TLS_REASON_GARBLED : SW_TLS_REASON_NO_SERVER;
    case SW_SSL_R_EXCESSIVE_MESSAGE_SIZE: return SW_TLS_REASON_LONG_CHAIN;
    case SW_SSL_R_TOO_MANY_WARN_ALERTS:
    case SW_SSL_R_RECORD_TOO_SMALL: return SW_TLS_REASON_FLOOD;
    case SW_SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC: return SW_TLS_REASON_GARBLED;
    default: return tls->is_ready ? SW_TLS_REASON_GARBLED : SW_TLS_REASON_OTHER;
    }
}

static enum sw_tls_reason reason_of(const struct tls *tls, unsigned long code) {
    enum sw_tls_reason reason = reason_of_code(tls, code);
    bool may_be_missing = reason == SW_TLS_REASON_REFUSED || reason == SW_TLS_REASON_OUR_CERTIFICATE;
    return may_be_missing && lacks_certificate(tls) ? SW_TLS_REASON_WANTS_CERTIFICATE : reason;
}

/* The failure of the library's last call, as a transport tells it. `code`: of the library; 0: it gives none. An alert
 * tells more than the failures of the socket that the end of the connection brings with it. */
static ptrdiff_t failure_of(struct tls *tls, unsigned long code) {
    if (tls->has_flooded) return SW_TRANSPORT_TLS - SW_TLS_REASON_FLOOD;
    if (is_alert(tls->lib, code)) return SW_TRANSPORT_TLS - (ptrdiff_t)reason_of(tls, code);
    if (tls->read_error != 0) return -tls->read_error;
    if (tls->write_error != 0) return -tls->write_error;
    if (tls->has_fin) return tls->is_ready ? SW_TRANSPORT_CUT : SW_TRANSPORT_TLS - SW_TLS_REASON_CUT;
    return SW_TRANSPORT_TLS - (ptrdiff_t)reason_of(tls, code);
}

/* --- the handshake --- */

/* What can be said of a failure more exactly than its reason does. */
static void describe_failure(const struct tls *tls, unsigned long code, struct sw_tls_failure *failure) {
    const struct sw_error *error = &failure->error;
    const char *words = code != 0 ? tls->lib->ERR_reason_error_string(code) : NULL;
    failure->details[0] = '\0';
    if (tls->check->has_failed) {
        memcpy(failure->details, tls->check->details, sizeof failure->details);
    } else if (error->err == SW_TLS && words != NULL &&
               (error->sys == SW_TLS_REASON_OTHER || error->sys == SW_TLS_REASON_ALERT)) {
        (void)snprintf(failure->details, sizeof failure->details, "%s: %.200s",
                       sw_tls_reason_text((enum sw_tls_reason)error->sys), words);
    }
}

static enum tls_step fail(struct tls *tls, struct sw_tls_failure *failure) {
    unsigned long code = tls->lib->ERR_peek_error();
    failure->error = tls->check->has_failed ? sw_error_tls(tls->check->reason, SW_STAGE_TLS)
                                            : sw_transport_error(failure_of(tls, code), SW_STAGE_TLS);
    describe_failure(tls, code, failure);
    tls->lib->ERR_clear_error();
    (void)flush_out(tls); /* the alert that tells the peer why */
    return tls->check->has_failed ? TLS_DISTRUSTS : TLS_FAILED;
}

/* The protocol that the server has chosen must be one of ours; one that ignores the list has chosen none. */
static bool has_protocol(const struct tls *tls) {
    const unsigned char *name;
    unsigned size = 0;
    if (tls->settings->values.alpn.size == 0) return true;
    tls->lib->SSL_get0_alpn_selected(tls->ssl, &name, &size);
    return size > 0;
}

static enum tls_step shake(struct tls *tls, struct sw_tls_failure *failure) {
    *failure = (struct sw_tls_failure){.error = sw_error_make(SW_OK, SW_STAGE_TLS)};
    ptrdiff_t flushed = flush_out(tls);
    if (is_permanent(flushed)) return fail(tls, failure);
    if (flushed < 0) return TLS_WANTS_WRITE;
    if (tls->is_ready) return TLS_DONE;
    tls->lib->ERR_clear_error();
    int result = tls->lib->SSL_do_handshake(tls->ssl);
    if (result == 1) {
        tls->is_ready = true;
        if (has_protocol(tls)) return has_out(tls) ? TLS_WANTS_WRITE : TLS_DONE;
        failure->error = sw_error_tls(SW_TLS_REASON_NO_PROTOCOL, SW_STAGE_TLS);
        return TLS_FAILED;
    }
    if (tls->lib->SSL_get_error(tls->ssl, result) != SW_SSL_ERROR_WANT_READ) return fail(tls, failure);
    if (tls->input_left > 0) return has_out(tls) ? TLS_WANTS_WRITE : TLS_WANTS_READ;
    tls->has_flooded = true;
    return fail(tls, failure);
}

enum tls_step sw_tls_shake(struct tls *tls, struct sw_tls_failure *failure) {
    enter(tls);
    enum tls_step step = shake(tls, failure);
    leave();
    return step;
}

static void describe_certificate(const struct tls *tls, struct sw_tls_info *info) {
    X509 *certificate = tls->lib->SSL_get1_peer_certificate(tls->ssl);
    if (certificate == NULL) return;
    (void)sw_certificate_names(tls->lib, certificate, info->names, sizeof info->names);
    info->expiry = sw_certificate_expiry(tls->lib, certificate);
    tls->lib->X509_free(certificate);
}

void sw_tls_describe(const struct tls *tls, struct sw_tls_info *info) {
    sw_fork_delay();
    const struct sw_openssl *lib = tls->lib;
    const struct sw_tls_values *values = &tls->settings->values;
    const unsigned char *protocol = NULL;
    unsigned size = 0;
    *info = (struct sw_tls_info){.is_resumed = lib->SSL_session_reused(tls->ssl) == 1};
    (void)snprintf(info->version, sizeof info->version, "%s", lib->SSL_get_version(tls->ssl));
    (void)snprintf(info->cipher, sizeof info->cipher, "%s",
                   lib->SSL_CIPHER_get_name(lib->SSL_get_current_cipher(tls->ssl)));
    lib->SSL_get0_alpn_selected(tls->ssl, &protocol, &size);
    if (size > 0) memcpy(info->alpn, protocol, size);
    info->is_verified = values->verify || values->pin_count > 0;
    describe_certificate(tls, info);
    sw_fork_allow();
}

/* --- the transport --- */

static struct tls *tls_of(const struct sw_transport *transport) {
    return SW_HOLDER((uintptr_t)transport->table, struct tls, table);
}

static ptrdiff_t checked(struct sw_transport *transport, ptrdiff_t result) {
    if (is_permanent(result)) transport->failed = true;
    return result;
}

static bool is_whole(const struct tls *tls) { return tls->record_count > 0 && tls->records[0].end <= tls->written; }

/* The bytes of a record count as taken, and what carried them as written, when the kernel has it as a whole. Returns how
 * many those of the first one are, which is then none of `records` any more; 0: the kernel has not all of it. */
static ptrdiff_t take_record(struct sw_transport *transport) {
    struct tls *tls = tls_of(transport);
    if (!is_whole(tls)) return 0;
    const struct record first = tls->records[0];
    transport->written = first.end;
    memmove(tls->records, tls->records + 1, --tls->record_count * sizeof first);
    transport->has_taken = is_whole(tls);
    return (ptrdiff_t)first.carried;
}

/* The bytes of the next record, which it takes from iov: where they are if one piece has enough of them, or gathered. */
static struct sw_slice next_plain(struct iovec **iov, const struct iovec *end, unsigned char *to) {
    size_t size = 0;
    while (*iov < end && size < RECORD) {
        size_t piece = (*iov)->iov_len < RECORD - size ? (*iov)->iov_len : RECORD - size;
        const char *from = (*iov)->iov_base;
        (*iov)->iov_base = (char *)(*iov)->iov_base + piece;
        (*iov)->iov_len -= piece;
        if ((*iov)->iov_len == 0) (*iov)++;
        if (size == 0 && (piece == RECORD || *iov == end)) return (struct sw_slice){from, piece};
        memcpy(to + size, from, piece);
        size += piece;
    }
    return (struct sw_slice){(const char *)to, size};
}

/* Encrypts a batch. Returns the failure of the library where it has made no record. */
static ptrdiff_t make_batch(struct tls *tls, struct batch *batch, struct iovec *iov, size_t count) {
    const struct iovec *end = iov + count;
    tls->lib->ERR_clear_error();
    while (iov < end && tls->record_count < BATCH) {
        const struct sw_slice plain = next_plain(&iov, end, tls->scratch);
        tls->batch = batch;
        int result = tls->lib->SSL_write(tls->ssl, plain.data, (int)plain.size);
        tls->batch = NULL;
        if (result <= 0) return tls->record_count > 0 ? 0 : failure_of(tls, tls->lib->ERR_peek_error());
        tls->records[tls->record_count++] = (struct record){plain.size, tls->written + batch->size};
    }
    return 0;
}

static ptrdiff_t write_records(struct sw_transport *transport, struct iovec *iov, size_t count) {
    struct tls *tls = tls_of(transport);
    struct batch batch = {tls->scratch + RECORD, 0};
    ptrdiff_t result = is_whole(tls) ? 0 : flush_out(tls), taken = take_record(transport);
    if (taken > 0) return taken;
    if (result < 0) return checked(transport, result);
    result = make_batch(tls, &batch, iov, count);
    if (result < 0) return checked(transport, result);
    size_t done = write_now(tls, batch.bytes, batch.size, &result) > 0 ? (size_t)result : 0;
    if (done < batch.size && !keep(tls, (const char *)batch.bytes + done, batch.size - done))
        result = -tls->write_error;
    taken = take_record(transport);
    return taken > 0 ? taken : checked(transport, result < 0 ? result : -EAGAIN);
}

static ptrdiff_t tls_send(struct sw_transport *transport, struct iovec *iov, size_t count) {
    enter(tls_of(transport));
    ptrdiff_t result = write_records(transport, iov, count);
    leave();
    return result;
}

/* Reads once. Returns the bytes read, 0 at close_notify, or a failure. */
static ptrdiff_t read_some(struct tls *tls, unsigned char *buffer, size_t size) {
    tls->lib->ERR_clear_error();
    int result = tls->lib->SSL_read(tls->ssl, buffer, (int)size);
    if (!tls->has_flooded) { /* of an alert that it could not write, the library tells nothing */
        if (result > 0) return result;
        int error = tls->lib->SSL_get_error(tls->ssl, result);
        if (error == SW_SSL_ERROR_WANT_READ) return -EAGAIN;
        if (error == SW_SSL_ERROR_ZERO_RETURN) return 0;
    }
    tls->has_said_end = true;
    return failure_of(tls, tls->lib->ERR_peek_error());
}

static ptrdiff_t read_records(struct sw_transport *transport, void *buffer, size_t size) {
    struct tls *tls = tls_of(transport);
    size_t got = 0;
    ptrdiff_t result = 1;
    transport->has_input = false;
    if (tls->failure != 0) return tls->failure;
    tls->input_left = size + INPUT_OF_CALL;
    while (got < size && result > 0) {
        result = read_some(tls, (unsigned char *)buffer + got, size - got);
        if (result > 0) got += (size_t)result;
    }
    if (result < 0 && result != -EAGAIN) tls->failure = checked(transport, result);
    if (got == 0) return result;
    /* After an end or a failure, the next call returns that. */
    transport->has_input = result == 0 || tls->failure != 0 || (result > 0 && tls->lib->SSL_has_pending(tls->ssl) == 1);
    return (ptrdiff_t)got;
}

static ptrdiff_t tls_receive(struct sw_transport *transport, void *buffer, size_t size) {
    enter(tls_of(transport));
    ptrdiff_t result = read_records(transport, buffer, size);
    leave();
    return result;
}

/* close_notify, then FIN. Of a record that is in the kernel in part, the rest is not sent: its bytes do not count as
 * taken, so the peer must not get them; then it gets no close_notify either. */
static void end_writing(struct sw_transport *transport) {
    struct tls *tls = tls_of(transport);
    if (tls->record_count > 0) {
        tls->out_size = tls->out_sent;
        tls->has_said_end = true;
    }
    if (!tls->has_said_end) {
        tls->has_said_end = true;
        (void)tls->lib->SSL_shutdown(tls->ssl);
        tls->lib->ERR_clear_error();
    }
    tls->is_shut = true;
    if (flush_out(tls) == -EAGAIN) return; /* the caller tries again */
    transport->fin = sw_socket_shut_down(tls->fd) || transport->fin;
}

static void tls_shut_down(struct sw_transport *transport) {
    enter(tls_of(transport));
    end_writing(transport);
    leave();
}

static uint64_t tls_acked(struct sw_transport *transport) {
    const struct tls *tls = tls_of(transport);
    bool outlives = SW_COUNTS_UNACKED == SW_BY_SIOCOUTQ || SW_COUNTS_UNACKED == SW_BY_NOTHING;
    if (transport->failed && !outlives) return 0; /* see is_emptied in socket.c */
    uint64_t acked = sw_socket_acked(tls->fd, tls->written, transport->fin);
    return acked < transport->written ? acked : transport->written;
}

static void tls_tune(struct sw_transport *transport, enum sw_tune what, double value) {
    switch (what) {
    case SW_TUNE_AHEAD: sw_socket_set_ahead(transport->fd, (int)value); break;
    case SW_TUNE_ABORT: sw_socket_set_abort(transport->fd); break;
    }
}

static void tls_close(struct sw_transport *transport) {
    sw_tls_free(tls_of(transport));
    sw_socket_close(transport->fd);
    transport->table = NULL;
}

static const struct sw_transport_table functions = {
    .send = tls_send,
    .receive = tls_receive,
    .shut_down = tls_shut_down,
    .acked = tls_acked,
    .tune = tls_tune,
    .close = tls_close,
};

void sw_tls_open(struct sw_transport *transport, struct tls *tls) {
    (void)tls->lib->SSL_set_ex_data(tls->ssl, 0, NULL);
    free(tls->check);
    tls->check = NULL;
    tls->table = functions;
    /* The handshake may have read more than its own messages. */
    *transport = (struct sw_transport){
        .table = &tls->table, .fd = tls->fd, .has_input = tls->lib->SSL_has_pending(tls->ssl) == 1};
}
