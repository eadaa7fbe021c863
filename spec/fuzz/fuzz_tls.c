/* The TLS transport next to a server in the same process: its flights are cut into pieces, and changed, left out, sent
 * twice on the way. The server is OpenSSL's own, on memory; between the two is a socket.
 *
 * The input: the version of TLS and what the server sends after its handshake; then a step, what it needs, the next step,
 * and so on. Random numbers are the same for each input, so that it does the same each time; the keys of the server's
 * certificate are not.
 *
 * Whatever is done to the bytes, the client must get a beginning of what the server has sent, and a clean end only when the
 * server has sent that.
 */
#include "fuzz.h"

#include "../unit/has_openssl.h"

#if HAS_HEADERS

#define OPENSSL_SUPPRESS_DEPRECATED /* RAND_set_rand_method */

#include "loop/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

const char *const fuzz_claim =
    "[F61] [F63] the client gets a beginning of what the server sent, whatever is done to the bytes";

enum { SAID_MAX = 1 << 17, STEPS_MAX = 400 };

/* What all inputs share. */
static struct {
    SSL_CTX *server;
    struct sw_tls_settings *settings;
    struct sw_tls_context *context;
} shared;

/* The connection of an input. */
static struct {
    SSL *server;
    BIO *in, *out;
    int near, far;
    struct tls *tls;               /* until the handshake is over */
    struct sw_transport transport; /* from then on */
    bool failed;
    bool has_ended;               /* the client has got a clean end */
    bool has_fin;                 /* the server's FIN is sent */
    bool has_notified;            /* its close_notify is made */
    bool is_changed;              /* its bytes are no more what it has made */
    bool is_refused;              /* it has asked to renegotiate, and takes the client's refusal for the end */
    unsigned char said[SAID_MAX]; /* by the server, in plaintext */
    size_t said_size, got;
    unsigned char heard[SAID_MAX]; /* by the client */
    size_t heard_size, took;       /* what the server has read of it */
    unsigned char offered[300];    /* until the client has taken it */
    size_t offered_size;
    unsigned char flight[SAID_MAX]; /* of the server, not yet sent */
    size_t flight_size;
} now;

/* --- random numbers --- */

static uint64_t random_state;

static int next_random(unsigned char *bytes, int size) {
    for (int i = 0; i < size; i++) {
        random_state ^= random_state << 13;
        random_state ^= random_state >> 7;
        random_state ^= random_state << 17;
        bytes[i] = (unsigned char)(random_state >> 32);
    }
    return 1;
}

static int random_status(void) { return 1; }

static const RAND_METHOD method = {.bytes = next_random, .pseudorand = next_random, .status = random_status};

/* --- what is shared --- */

static X509 *make_certificate(EVP_PKEY *key) {
    X509 *certificate = X509_new();
    X509_NAME *name = X509_get_subject_name(certificate);
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -86400);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 86400L * 365);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"server", -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    X509_set_pubkey(certificate, key);
    X509_EXTENSION *names = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
    X509_add_ext(certificate, names, -1);
    X509_EXTENSION_free(names);
    MUST(X509_sign(certificate, key, EVP_sha256()) > 0);
    return certificate;
}

static void set_up(void) {
    char *pem;
    random_state = 1;
    MUST(RAND_set_rand_method(&method) == 1);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = make_certificate(key);
    shared.server = SSL_CTX_new(TLS_server_method());
    MUST(SSL_CTX_use_certificate(shared.server, certificate) == 1 && SSL_CTX_use_PrivateKey(shared.server, key) == 1);
    BIO *text = BIO_new(BIO_s_mem());
    MUST(PEM_write_bio_X509(text, certificate) == 1);
    struct sw_tls_values values = sw_tls_defaults();
    values.ca.size = (size_t)BIO_get_mem_data(text, &pem);
    values.ca.data = pem;
    struct sw_tls_settings *last = NULL;
    shared.settings = sw_tls_share(&last, &values);
    struct sw_tls_failure failure;
    shared.context = sw_tls_build(&shared.settings->values, &failure);
    MUST(shared.context != NULL);
    sw_tls_unref(last);
    BIO_free(text);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

/* --- a connection --- */

static void begin(unsigned flags) {
    static unsigned char scratch[SW_TLS_SCRATCH];
    int fds[2], version = flags % 2 == 0 ? TLS1_3_VERSION : TLS1_2_VERSION;
    const struct sw_slice nothing = {"", 0};
    memset(&now, 0, sizeof now);
    random_state = 2;
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
    now.near = fds[0];
    now.far = fds[1];
    fcntl(now.near, F_SETFL, O_NONBLOCK);
    fcntl(now.far, F_SETFL, O_NONBLOCK);
    now.server = SSL_new(shared.server);
    SSL_set_min_proto_version(now.server, version);
    SSL_set_max_proto_version(now.server, version);
    now.in = BIO_new(BIO_s_mem());
    now.out = BIO_new(BIO_s_mem());
    SSL_set_bio(now.server, now.in, now.out);
    SSL_set_accept_state(now.server);
    struct tls_session *session = sw_tls_session_new();
    now.tls = sw_tls_new(now.near, shared.settings, shared.context, "localhost", nothing, session, scratch);
    sw_tls_session_unref(session);
    MUST(now.tls != NULL);
}

static void end(void) {
    if (now.tls != NULL) {
        sw_tls_free(now.tls);
        close(now.near);
    } else {
        now.transport.table->close(&now.transport);
    }
    close(now.far);
    SSL_free(now.server);
    ERR_clear_error();
}

/* What the client has sent reaches the server, and what the server makes of it joins its flight. */
static void run_server(void) {
    unsigned char bytes[4096];
    ssize_t got;
    while ((got = recv(now.far, bytes, sizeof bytes, 0)) > 0) BIO_write(now.in, bytes, (int)got);
    for (int size; (size = SSL_read(now.server, bytes, sizeof bytes)) > 0; now.took += (size_t)size) {
        MUST(now.took + (size_t)size <= now.heard_size);
        MUST(memcmp(bytes, now.heard + now.took, (size_t)size) == 0);
    }
    ERR_clear_error();
    int room = (int)(sizeof now.flight - now.flight_size);
    int size = room > 0 ? BIO_read(now.out, now.flight + now.flight_size, room) : 0;
    if (size > 0) now.flight_size += (size_t)size;
}

static void shake(void) {
    struct sw_tls_failure failure;
    switch (sw_tls_shake(now.tls, &failure)) {
    case TLS_DONE:
        sw_tls_open(&now.transport, now.tls);
        now.tls = NULL;
        break;
    case TLS_DISTRUSTS:
    case TLS_FAILED:
        MUST(failure.error.err != SW_OK);
        now.failed = true;
        break;
    case TLS_WANTS_READ:
    case TLS_WANTS_WRITE: break;
    }
}

/* Reads once. False: there is nothing now. */
static bool receive(size_t size) {
    unsigned char bytes[1024];
    ptrdiff_t got = now.transport.table->receive(&now.transport, bytes, size);
    if (got == -EAGAIN) return false;
    if (got > 0) {
        MUST(!now.failed && !now.has_ended && now.got + (size_t)got <= now.said_size);
        MUST(memcmp(bytes, now.said + now.got, (size_t)got) == 0);
        now.got += (size_t)got;
        return true;
    }
    if (got == 0) {
        MUST(now.has_notified && now.got == now.said_size);
        now.has_ended = true;
    } else {
        MUST(now.transport.table->receive(&now.transport, bytes, size) == got); /* as before, for ever */
        now.failed = true;
    }
    return false;
}

static void run_client(size_t size) {
    if (now.tls != NULL && !now.failed) shake();
    if (now.tls != NULL) return;
    for (int round = 0; round < 100 && receive(size); round++) continue;
}

/* Offers again what the client did not take. Its bytes count as taken when the socket has the whole record. */
static void offer(void) {
    if (now.tls != NULL || now.offered_size == 0 || now.transport.fin) return;
    struct iovec iov = {now.offered, now.offered_size};
    memcpy(now.heard + now.heard_size, now.offered, now.offered_size);
    size_t all = now.heard_size + now.offered_size;
    now.heard_size = all; /* the server may have it before it counts */
    ptrdiff_t taken = now.transport.table->send(&now.transport, &iov, 1);
    MUST(taken < 0 || (size_t)taken == now.offered_size);
    if (taken > 0)
        now.offered_size = 0;
    else
        now.heard_size = all - now.offered_size;
}

/* --- steps --- */

static void deliver(size_t size) {
    if (size > now.flight_size) size = now.flight_size;
    if (now.has_fin || size == 0) return;
    ssize_t sent = send(now.far, now.flight, size, MSG_NOSIGNAL);
    if (sent <= 0) return;
    now.flight_size -= (size_t)sent;
    memmove(now.flight, now.flight + sent, now.flight_size);
}

static void change(struct fuzz_input *input) {
    size_t at = fuzz_size(input);
    unsigned char bits = (unsigned char)fuzz_byte(input);
    if (at >= now.flight_size || bits == 0) return;
    now.flight[at] ^= bits;
    now.is_changed = true;
}

static void drop(struct fuzz_input *input) {
    size_t at = fuzz_size(input), size = 1 + fuzz_byte(input);
    if (at + size > now.flight_size) return;
    now.flight_size -= size;
    memmove(now.flight + at, now.flight + at + size, now.flight_size - at);
    now.is_changed = true;
}

static void insert(struct fuzz_input *input) {
    size_t size = fuzz_byte(input);
    if (size > input->size) size = input->size;
    if (size == 0 || now.flight_size + size > sizeof now.flight) return;
    memmove(now.flight + size, now.flight, now.flight_size);
    memcpy(now.flight, input->bytes, size);
    now.flight_size += size;
    input->bytes += size;
    input->size -= size;
    now.is_changed = true;
}

static void repeat(struct fuzz_input *input) {
    size_t size = fuzz_size(input);
    if (size > now.flight_size) size = now.flight_size;
    if (size == 0 || now.flight_size + size > sizeof now.flight) return;
    memmove(now.flight + size, now.flight, now.flight_size);
    now.flight_size += size;
    now.is_changed = true;
}

static void speak(size_t size) {
    unsigned char bytes[256];
    if (size == 0 || now.said_size + size > sizeof now.said || now.has_notified) return;
    for (size_t i = 0; i < size; i++) bytes[i] = (unsigned char)((now.said_size + i) * 7);
    if (SSL_write(now.server, bytes, (int)size) == (int)size) {
        memcpy(now.said + now.said_size, bytes, size);
        now.said_size += size;
    }
    ERR_clear_error();
}

static void answer(size_t size) {
    if (now.offered_size > 0 || size == 0 || now.heard_size + size > sizeof now.heard) return;
    for (size_t i = 0; i < size; i++) now.offered[i] = (unsigned char)((now.heard_size + i) * 11);
    now.offered_size = size;
}

static void notify(void) {
    if (!SSL_is_init_finished(now.server) || now.has_notified) return;
    now.has_notified = true;
    SSL_shutdown(now.server);
    ERR_clear_error();
}

static void control(unsigned what) {
    if (!SSL_is_init_finished(now.server) || now.has_notified) return;
    switch (what % 4) {
    case 0: SSL_key_update(now.server, SSL_KEY_UPDATE_NOT_REQUESTED); break;
    case 1: SSL_key_update(now.server, SSL_KEY_UPDATE_REQUESTED); break;
    case 2: SSL_new_session_ticket(now.server); break;
    case 3: now.is_refused = SSL_renegotiate(now.server) == 1 || now.is_refused; break;
    }
    SSL_do_handshake(now.server);
    ERR_clear_error();
}

static void finish(void) {
    if (now.has_fin) return;
    now.has_fin = true;
    shutdown(now.far, SHUT_WR);
}

static void step(struct fuzz_input *input) {
    switch (fuzz_byte(input) % 12) {
    case 0: deliver(1 + fuzz_byte(input)); break;
    case 1: deliver(now.flight_size); break;
    case 2: change(input); break;
    case 3: drop(input); break;
    case 4: insert(input); break;
    case 5: repeat(input); break;
    case 6: speak(fuzz_byte(input)); break;
    case 7: answer(fuzz_byte(input)); break;
    case 8: control(fuzz_byte(input)); break;
    case 9: notify(); break;
    case 10: finish(); break;
    case 11:
        if (now.tls == NULL && now.offered_size == 0) now.transport.table->shut_down(&now.transport);
        break;
    }
}

/* Where nothing was changed, all must arrive. */
static void settle(void) {
    for (int round = 0; round < 50; round++) {
        run_server();
        deliver(now.flight_size);
        run_client(1024);
        offer();
    }
    if (now.is_changed || now.has_fin || now.is_refused) return;
    MUST(!now.failed && now.tls == NULL && now.got == now.said_size);
    MUST(now.offered_size == 0 || now.transport.fin);
    MUST(now.took == now.heard_size || now.has_notified);
    MUST(!now.has_notified || now.has_ended);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct fuzz_input input = {bytes, size};
    if (shared.context == NULL) set_up();
    begin(fuzz_byte(&input));
    size_t read_size = 1 + 4 * fuzz_byte(&input) % 1024;
    run_client(read_size);
    for (int steps = 0; steps < STEPS_MAX && input.size > 0; steps++) {
        run_server();
        step(&input);
        run_client(read_size);
        offer();
    }
    settle();
    end();
    return 0;
}

#else

const char *const fuzz_claim =
    "NOT TESTED: the TLS transport, because the C headers of OpenSSL are missing (make setup)";

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    (void)bytes, (void)size;
    return 0;
}

#endif
