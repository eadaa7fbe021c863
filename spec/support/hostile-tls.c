/* hostile-tls: a TLS server that does what a client must withstand. Linux, OpenSSL 3. A process for each connection, so
 * that each can simply block.
 *
 *   hostile-tls --mode M --cert FILE --key FILE [--version 1.2|1.3] [--count N] [--size N] [--pause MS] [--window BYTES]
 *        [--log FILE] [--ca FILE]
 *
 * prints `hostile-tls pid=P port=N`, listens on 127.0.0.1 and ends with its parent process. What each connection came to
 * is appended to the log, lines of `<number> <what>`: handshake VERSION, sent N, broken N (the other side ended after so
 * many), data N (bytes of it), alert TEXT, and at last end close_notify, end FIN or end reset.
 *
 * Modes that do a handshake, send the line "hello", then what they are for, then the line "after", and answer data with
 * the same data:
 *   segments               every byte of the handshake and of all data in a TCP segment of its own
 *   records                every byte of data in a record of its own
 *   coalesced              hello, COUNT (1000) lines of SIZE (10) bytes and after, a record each, in one write
 *   tickets                COUNT NewSessionTicket messages (TLS 1.3)
 *   key-updates            COUNT KeyUpdate messages (TLS 1.3)
 *   key-update-requests    the same, and each asks for one of the client's
 *   hello-requests         COUNT requests to renegotiate (TLS 1.2)
 *   warnings               COUNT alerts of level warning
 *   empty-records          COUNT records of application data with nothing in them
 *   cut-record             half a record, then FIN
 *   no-close-notify        FIN
 *   chain                  nothing but these lines, but the certificate has COUNT (300) more behind it, each signed by the
 *                          next
 *   oversized-record       a record that claims 65535 bytes, and these, SIZE (1) of them each PAUSE
 * Modes that never finish a handshake:
 *   silence                reads, and says nothing
 *   garbage                COUNT (1000) random bytes instead of a ServerHello, then FIN; the log has their seed
 *   http                   an answer of HTTP, then FIN
 *   reset                  half of the first flight, then RST
 *   early-warnings         COUNT alerts of level warning, then silence
 *   change-cipher-specs    ServerHello, then COUNT records of ChangeCipherSpec
 *   certificate            a Certificate message that claims COUNT bytes (16 MiB), SIZE (1) of them each PAUSE milliseconds
 *                          (1)
 *   big-key                a leaf with an RSA key of SIZE (16384) bits, then silence
 *   big-issuer-key         a leaf whose issuer has such a key, and its signature, which is made up, the size of that
 * COUNT is else 1000. The system receives no more than WINDOW bytes that are not read, about. The keys of big-key and big-issuer-key are made up: nobody knows their private half. The last
 * certificate of chain, big-key and big-issuer-key is written to the file of --ca, for clients to trust.
 *
 * OpenSSL makes no records that it thinks wrong. So these are sealed here, with the keys of the connection, under
 * AES-128-GCM and SHA-256 alone (RFC 5288, RFC 8446).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    CHANGE_CIPHER_SPEC = 20,
    ALERT = 21,
    HANDSHAKE = 22,
    APPLICATION_DATA = 23,
    HEADER_SIZE = 5,
    KEY_SIZE = 16,
    IV_SIZE = 12,
    TAG_SIZE = 16,
    SECRET_SIZE = 32,
    RECORD_MAX = 16 * 1024,
    BATCH = 64 * 1024, /* bytes of records that are sent at a time */
    CLAIMED = 0xffffff,
    CHAIN_MAX = 1000,
};

/* Bytes in a row. */
struct bytes {
    unsigned char *data;
    size_t size, capacity;
};

/* One direction's keys, and the number of the next record. */
struct seal {
    unsigned char key[KEY_SIZE], iv[IV_SIZE]; /* TLS 1.2 has 4 bytes of iv */
    uint64_t sequence;
};

static struct {
    const char *mode;
    uint64_t count, size, pause, window;
    bool has_count, has_size, has_pause, has_window;
    int version, log;
    const char *ca;
    SSL_CTX *context;
    X509 *chain[CHAIN_MAX + 1]; /* what chain, big-key and big-issuer-key show */
    unsigned chain_size;
    EVP_PKEY *chain_key;
} settings = {.log = -1};

/* The one connection of this process. */
static struct {
    unsigned number;
    int fd;
    SSL *ssl;
    BIO *in, *out;
    bool broken; /* the other side takes no more */
    bool in_segments, in_records, has_sealed;
    struct seal seal;
    struct bytes batch;
    unsigned char handshake_secret[SECRET_SIZE], traffic_secret[SECRET_SIZE];
} now;

static _Noreturn void die(const char *what) {
    const char *why = ERR_reason_error_string(ERR_peek_last_error());
    fprintf(stderr, "hostile-tls: %s: %s\n", what, why ? why : strerror(errno));
    exit(1);
}

static void *known(void *result) {
    if (!result) die("OpenSSL");
    return result;
}

static void must(int result) {
    if (result <= 0) die("OpenSSL");
}

__attribute__((format(printf, 1, 2))) static void tell(const char *format, ...) {
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (settings.log >= 0 && dprintf(settings.log, "%u %s\n", now.number, text) < 0) die("log");
}

static void append(struct bytes *bytes, const void *data, size_t size) {
    if (bytes->size + size > bytes->capacity) {
        bytes->capacity = 2 * (bytes->size + size);
        bytes->data = realloc(bytes->data, bytes->capacity);
        if (!bytes->data) die("realloc");
    }
    if (size > 0) memcpy(bytes->data + bytes->size, data, size);
    bytes->size += size;
}

/* ---- the socket ---- */

static void sleep_ms(uint64_t ms) {
    struct timespec time = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
    nanosleep(&time, NULL);
}

static void send_all(const void *data, size_t size) {
    const char *at = data;
    while (size > 0 && !now.broken) {
        ssize_t n = send(now.fd, at, now.in_segments ? 1 : size, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR) now.broken = true;
        if (n <= 0) continue;
        at += n;
        size -= (size_t)n;
    }
}

/* What OpenSSL has to send. */
static struct bytes take_output(void) {
    struct bytes bytes = {0};
    char part[4096];
    for (int n; (n = BIO_read(now.out, part, sizeof part)) > 0;) append(&bytes, part, (size_t)n);
    return bytes;
}

static void flush(void) {
    struct bytes bytes = take_output();
    send_all(bytes.data, bytes.size);
    free(bytes.data);
}

/* Gives OpenSSL what comes next. False when nothing does. */
static bool receive(void) {
    char part[RECORD_MAX];
    ssize_t n = recv(now.fd, part, sizeof part, 0);
    if (n < 0 && errno == EINTR) return true;
    if (n > 0) return BIO_write(now.in, part, (int)n) == n;
    tell("end %s", n == 0 ? "FIN" : "reset");
    return false;
}

static void finish(void) { shutdown(now.fd, SHUT_WR); }

/* Reads bytes that mean nothing any more, until the other side ends. */
static void drain(void) {
    char part[RECORD_MAX];
    ssize_t n;
    while ((n = recv(now.fd, part, sizeof part, 0)) > 0 || (n < 0 && errno == EINTR)) continue;
    tell("end %s", n == 0 ? "FIN" : "reset");
}

/* ---- keys ---- */

static void derive(const char *name, OSSL_PARAM *params, unsigned char *key, size_t size) {
    EVP_KDF *kdf = known(EVP_KDF_fetch(NULL, name, NULL));
    EVP_KDF_CTX *context = known(EVP_KDF_CTX_new(kdf));
    must(EVP_KDF_derive(context, key, size, params));
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
}

/* HKDF-Expand-Label of RFC 8446, with an empty context. */
static void expand(unsigned char *secret, const char *label, unsigned char *key, size_t size) {
    unsigned char info[64];
    int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
    int info_size = snprintf((char *)info + 3, sizeof info - 4, "tls13 %s", label);
    info[0] = 0;
    info[1] = (unsigned char)size;
    info[2] = (unsigned char)info_size;
    info[3 + info_size] = 0;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char[]){"SHA256"}, 0),
        OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, secret, SECRET_SIZE),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, (size_t)info_size + 4),
        OSSL_PARAM_construct_end(),
    };
    derive("HKDF", params, key, size);
}

static void use_secret(unsigned char *secret) {
    expand(secret, "key", now.seal.key, KEY_SIZE);
    expand(secret, "iv", now.seal.iv, IV_SIZE);
    now.seal.sequence = 0;
}

/* The key block of RFC 5246: the client's key, ours, the client's iv, ours. Our Finished was record 0. */
static void use_master_key(void) {
    unsigned char master[64], seed[64], block[2 * KEY_SIZE + 8];
    size_t size = SSL_SESSION_get_master_key(SSL_get_session(now.ssl), master, sizeof master);
    SSL_get_server_random(now.ssl, seed, 32);
    SSL_get_client_random(now.ssl, seed + 32, 32);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char[]){"SHA256"}, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET, master, size),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, (char[]){"key expansion"}, 13),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, seed, sizeof seed),
        OSSL_PARAM_construct_end(),
    };
    derive("TLS1-PRF", params, block, sizeof block);
    memcpy(now.seal.key, block + KEY_SIZE, KEY_SIZE);
    memcpy(now.seal.iv, block + (size_t)2 * KEY_SIZE + 4, 4);
    now.seal.sequence = 1;
}

static void take_secret(const SSL *ssl, const char *line) {
    (void)ssl;
    unsigned char *secret = strncmp(line, "SERVER_HANDSHAKE_TRAFFIC_SECRET ", 32) == 0 ? now.handshake_secret
                            : strncmp(line, "SERVER_TRAFFIC_SECRET_0 ", 24) == 0       ? now.traffic_secret
                                                                                       : NULL;
    const char *hex = strrchr(line, ' ');
    for (int i = 0; secret && i < SECRET_SIZE; i++) {
        unsigned byte;
        if (sscanf(hex + 1 + (ptrdiff_t)2 * i, "%2x", &byte) != 1) die("key log");
        secret[i] = (unsigned char)byte;
    }
}

/* ---- records ---- */

static void put16(unsigned char *at, size_t number) {
    at[0] = (unsigned char)(number >> 8);
    at[1] = (unsigned char)number;
}

static void put64(unsigned char *at, uint64_t number) {
    for (int i = 0; i < 8; i++) at[i] = (unsigned char)(number >> (56 - 8 * i));
}

static void send_batch(void) {
    send_all(now.batch.data, now.batch.size);
    now.batch.size = 0;
}

static void put(const void *data, size_t size) {
    append(&now.batch, data, size);
    if (now.batch.size >= BATCH) send_batch();
}

/* A record that nothing protects. */
static void put_plain(int type, const void *data, size_t size) {
    unsigned char header[HEADER_SIZE] = {(unsigned char)type, 3, 3};
    put16(header + 3, size);
    append(&now.batch, header, sizeof header);
    put(data, size);
}

static void encrypt(const unsigned char *nonce, const unsigned char *extra, size_t extra_size, const void *data,
                    size_t size, unsigned char *sealed) {
    EVP_CIPHER_CTX *context = known(EVP_CIPHER_CTX_new());
    int n;
    must(EVP_EncryptInit_ex(context, EVP_aes_128_gcm(), NULL, now.seal.key, nonce));
    must(EVP_EncryptUpdate(context, NULL, &n, extra, (int)extra_size));
    if (size > 0) must(EVP_EncryptUpdate(context, sealed, &n, data, (int)size));
    must(EVP_EncryptFinal_ex(context, sealed + size, &n));
    must(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, TAG_SIZE, sealed + size));
    EVP_CIPHER_CTX_free(context);
}

static void put_sealed_12(int type, const void *data, size_t size) {
    unsigned char record[8 + RECORD_MAX + TAG_SIZE], nonce[IV_SIZE], extra[13];
    memcpy(nonce, now.seal.iv, 4);
    put64(nonce + 4, now.seal.sequence);
    put64(extra, now.seal.sequence++);
    memcpy(extra + 8, (unsigned char[]){(unsigned char)type, 3, 3}, 3);
    put16(extra + 11, size);
    memcpy(record, nonce + 4, 8);
    encrypt(nonce, extra, sizeof extra, data, size, record + 8);
    put_plain(type, record, 8 + size + TAG_SIZE);
}

static void put_sealed_13(int type, const void *data, size_t size) {
    unsigned char inner[RECORD_MAX + 1], record[RECORD_MAX + 1 + TAG_SIZE], nonce[IV_SIZE] = {0};
    unsigned char extra[HEADER_SIZE] = {APPLICATION_DATA, 3, 3};
    put64(nonce + 4, now.seal.sequence++);
    for (int i = 0; i < IV_SIZE; i++) nonce[i] ^= now.seal.iv[i];
    if (size > 0) memcpy(inner, data, size);
    inner[size++] = (unsigned char)type;
    put16(extra + 3, size + TAG_SIZE);
    encrypt(nonce, extra, sizeof extra, inner, size, record);
    put_plain(APPLICATION_DATA, record, size + TAG_SIZE);
}

static bool is_new(void) { return SSL_version(now.ssl) == TLS1_3_VERSION; }

/* A record of at most RECORD_MAX bytes, sealed as OpenSSL would. From the first one on OpenSSL must send nothing. */
static void put_sealed(int type, const void *data, size_t size) {
    now.has_sealed = true;
    if (is_new())
        put_sealed_13(type, data, size);
    else
        put_sealed_12(type, data, size);
}

static void answer(const char *data, int size) {
    if (now.has_sealed) {
        put_sealed(APPLICATION_DATA, data, (size_t)size);
        send_batch();
        return;
    }
    int part = now.in_records ? 1 : size;
    for (int i = 0; i < size; i += part) SSL_write(now.ssl, data + i, part);
}

/* Answers data, until the other side ends. */
static void listen_on(void) {
    char part[RECORD_MAX];
    for (;;) {
        int n = SSL_read(now.ssl, part, sizeof part);
        if (n > 0) {
            tell("data %d", n);
            answer(part, n);
        }
        if (!now.has_sealed) flush();
        int error = SSL_get_error(now.ssl, n);
        if (n <= 0 && error == SSL_ERROR_ZERO_RETURN) {
            tell("end close_notify");
            return;
        }
        if (n <= 0 && !receive()) return;
    }
}

/* ---- handshakes ---- */

/* False when it fails. */
static bool shake(void) {
    for (;;) {
        int result = SSL_accept(now.ssl), error = SSL_get_error(now.ssl, result);
        flush();
        if (result == 1) break;
        if (error != SSL_ERROR_WANT_READ) {
            tell("failed %s", ERR_reason_error_string(ERR_peek_error()));
            finish();
            drain();
            return false;
        }
        if (!receive()) return false;
    }
    tell("handshake %s", SSL_get_version(now.ssl));
    if (is_new())
        use_secret(now.traffic_secret);
    else
        use_master_key();
    return true;
}

/* The first flight, which is kept back. */
static bool first_flight(struct bytes *flight) {
    *flight = (struct bytes){0};
    while (flight->size == 0) {
        if (!receive()) return false;
        SSL_accept(now.ssl);
        *flight = take_output();
    }
    return true;
}

/* Sends ServerHello alone. Under TLS 1.3 what follows is sealed with the keys of the handshake. */
static bool say_hello(void) {
    struct bytes flight;
    if (!first_flight(&flight)) return false;
    size_t size = HEADER_SIZE + ((size_t)flight.data[3] << 8 | flight.data[4]);
    if (flight.data[0] != HANDSHAKE || size > flight.size) die("ServerHello");
    send_all(flight.data, size);
    free(flight.data);
    if (is_new()) use_secret(now.handshake_secret);
    return true;
}

static void put_handshake(const void *data, size_t size) {
    if (is_new())
        put_sealed_13(HANDSHAKE, data, size);
    else
        put_plain(HANDSHAKE, data, size);
}

/* What comes between ServerHello and Certificate. */
static void put_extensions(void) {
    if (!is_new()) return;
    put_plain(CHANGE_CIPHER_SPEC, "\1", 1);
    put_handshake("\x08\0\0\x02\0\0", 6);
}

/* ---- certificates ---- */

static void put24(struct bytes *bytes, size_t number) {
    unsigned char three[3] = {(unsigned char)(number >> 16), (unsigned char)(number >> 8), (unsigned char)number};
    append(bytes, three, sizeof three);
}

static void add_certificate(struct bytes *list, X509 *certificate) {
    unsigned char *der = NULL;
    int size = i2d_X509(certificate, &der);
    must(size);
    put24(list, (size_t)size);
    append(list, der, (size_t)size);
    if (is_new()) append(list, "\0\0", 2); /* no extensions */
    OPENSSL_free(der);
}

/* ServerHello and a Certificate message, and no more. */
static void show_certificates(void) {
    struct bytes message = {0}, list = {0};
    if (!say_hello()) return;
    for (unsigned i = 0; i < settings.chain_size; i++) add_certificate(&list, settings.chain[i]);
    append(&message, "\x0b", 1);
    put24(&message, list.size + 3 + (is_new() ? 1 : 0));
    if (is_new()) append(&message, "\0", 1);
    put24(&message, list.size);
    append(&message, list.data, list.size);
    free(list.data);
    put_extensions();
    for (size_t done = 0, part; done < message.size; done += part) {
        part = message.size - done < RECORD_MAX ? message.size - done : RECORD_MAX;
        put_handshake(message.data + done, part);
    }
    send_batch();
    tell("%s %zu", now.broken ? "broken" : "sent", message.size);
    free(message.data);
    drain();
}

static void name(X509_NAME *subject, unsigned number) {
    char text[32];
    snprintf(text, sizeof text, "hostile %u", number);
    must(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (unsigned char *)text, -1, -1, 0));
}

static void extend(X509 *certificate, int what, const char *value) {
    X509_EXTENSION *extension = known(X509V3_EXT_conf_nid(NULL, NULL, what, value));
    must(X509_add_ext(certificate, extension, -1));
    X509_EXTENSION_free(extension);
}

/* Number 0 is a server's, the others are authorities; each is issued by the next, the last by itself. */
static void add_to_chain(bool is_last, EVP_PKEY *key, EVP_PKEY *issuer_key) {
    X509 *certificate = known(X509_new());
    unsigned number = settings.chain_size;
    must(X509_set_version(certificate, X509_VERSION_3));
    must(ASN1_INTEGER_set(X509_get_serialNumber(certificate), number + 1));
    known(X509_gmtime_adj(X509_getm_notBefore(certificate), -86400));
    known(X509_gmtime_adj(X509_getm_notAfter(certificate), 86400));
    name(X509_get_subject_name(certificate), number);
    name(X509_get_issuer_name(certificate), is_last ? number : number + 1);
    must(X509_set_pubkey(certificate, key));
    extend(certificate, NID_basic_constraints, number > 0 ? "critical,CA:TRUE" : "critical,CA:FALSE");
    if (number == 0) extend(certificate, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
    must(X509_sign(certificate, issuer_key, EVP_sha256()));
    settings.chain[settings.chain_size++] = certificate;
}

/* A public key that nobody has: a random odd modulus, and the largest exponent that OpenSSL takes with it. */
static EVP_PKEY *make_up_key(int bits) {
    EVP_PKEY *key = NULL;
    BIGNUM *modulus = known(BN_new()), *exponent = known(BN_new());
    must(BN_rand(modulus, bits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ODD));
    must(BN_set_word(exponent, UINT64_MAX));
    OSSL_PARAM_BLD *builder = known(OSSL_PARAM_BLD_new());
    must(OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, modulus));
    must(OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, exponent));
    OSSL_PARAM *params = known(OSSL_PARAM_BLD_to_param(builder));
    EVP_PKEY_CTX *context = known(EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL));
    must(EVP_PKEY_fromdata_init(context));
    must(EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params));
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(builder);
    BN_free(modulus);
    BN_free(exponent);
    return key;
}

/* A signature of the size that a key of so many bits makes. */
static void make_up_signature(X509 *certificate, uint64_t bits) {
    const ASN1_BIT_STRING *signature;
    size_t size = (size_t)(bits + 7) / 8;
    unsigned char *data = known(malloc(size));
    must(RAND_bytes(data, (int)size));
    data[0] = 0; /* less than the modulus */
    X509_get0_signature(&signature, NULL, certificate);
    must(ASN1_BIT_STRING_set((ASN1_BIT_STRING *)signature, data, (int)size));
    free(data);
}

static void make_chain(void) {
    if (settings.count < 1 || settings.count > CHAIN_MAX) die("--count is 1 to 1000");
    settings.chain_key = known(EVP_EC_gen("P-256"));
    for (uint64_t i = 0; i <= settings.count; i++)
        add_to_chain(i == settings.count, settings.chain_key, settings.chain_key);
}

static void make_big(bool is_issuer) {
    EVP_PKEY *big = make_up_key((int)settings.size), *small = known(EVP_RSA_gen(2048));
    add_to_chain(false, is_issuer ? small : big, small);
    add_to_chain(true, is_issuer ? big : small, small);
    if (is_issuer) make_up_signature(settings.chain[0], settings.size);
}

static void make_big_key(void) { make_big(false); }

static void make_big_issuer_key(void) { make_big(true); }

static void write_ca(void) {
    FILE *file = settings.ca ? fopen(settings.ca, "w") : NULL;
    if (!file) return;
    must(PEM_write_X509(file, settings.chain[settings.chain_size - 1]));
    if (fclose(file) != 0) die(settings.ca);
}

/* ---- modes that never finish a handshake ---- */

static void be_silent(void) { drain(); }

static bool await_hello(void) {
    char part[RECORD_MAX];
    return recv(now.fd, part, sizeof part, 0) > 0;
}

static uint64_t next_random(uint64_t *seed) {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static void send_garbage(void) {
    uint64_t seed = (uint64_t)time(NULL) * 1000 + now.number, at = seed;
    tell("seed %llu", (unsigned long long)seed);
    if (!await_hello()) return;
    for (uint64_t i = 0; i < settings.count; i++) put(&(unsigned char){(unsigned char)(next_random(&at) >> 32)}, 1);
    send_batch();
    finish();
    drain();
}

static void send_http(void) {
    if (!await_hello()) return;
    put("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", 66);
    send_batch();
    finish();
    drain();
}

static void end_by_reset(void) {
    struct linger none = {.l_onoff = 1, .l_linger = 0};
    setsockopt(now.fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    close(now.fd);
}

static void reset_in_flight(void) {
    struct bytes flight;
    if (!first_flight(&flight)) return;
    send_all(flight.data, flight.size / 2);
    tell("sent %zu", flight.size / 2);
    free(flight.data);
    sleep_ms(settings.pause);
    end_by_reset();
}

/* Sends the same thing COUNT times. */
static void put_often(void (*put_one)(int type, const void *data, size_t size), int type, const void *data,
                      size_t size) {
    uint64_t done = 0;
    for (; done < settings.count && !now.broken; done++) put_one(type, data, size);
    send_batch();
    tell("%s %llu", now.broken ? "broken" : "sent", (unsigned long long)done);
}

static void warn_early(void) {
    if (!await_hello()) return;
    put_often(put_plain, ALERT, "\x01\x5a", 2);
    drain();
}

static void change_cipher_specs(void) {
    if (!say_hello()) return;
    put_often(put_plain, CHANGE_CIPHER_SPEC, "\x01", 1);
    drain();
}

/* Zeros, SIZE of them each PAUSE. */
static void trickle(void (*put_part)(const void *data, size_t size), uint64_t size) {
    static const unsigned char zeros[RECORD_MAX];
    uint64_t part = settings.size < RECORD_MAX ? settings.size : RECORD_MAX, done = 0;
    while (done < size && !now.broken) {
        put_part(zeros, part < size - done ? (size_t)part : (size_t)(size - done));
        send_batch();
        done += part;
        if (settings.pause > 0) sleep_ms(settings.pause);
    }
    tell("%s %llu", now.broken ? "broken" : "sent", (unsigned long long)done);
}

static void trickle_certificate(void) {
    if (!say_hello()) return;
    put_extensions();
    unsigned char header[] = {0x0b, (unsigned char)(settings.count >> 16), (unsigned char)(settings.count >> 8),
                              (unsigned char)settings.count};
    put_handshake(header, sizeof header);
    trickle(put_handshake, settings.count);
    drain();
}

/* ---- modes after a handshake ---- */

static void say(const char *line) { put_sealed(APPLICATION_DATA, line, strlen(line)); }

static void talk(void) {
    const char *text = "hello\nafter\n";
    for (size_t i = 0; i < 12; i += now.in_records ? 1 : 6) SSL_write(now.ssl, text + i, now.in_records ? 1 : 6);
    flush();
    listen_on();
}

static void talk_in_segments(void) {
    now.in_segments = true;
    if (shake()) talk();
}

static void talk_in_records(void) {
    now.in_records = true;
    if (shake()) talk();
}

static void coalesce(void) {
    if (!shake()) return;
    SSL_write(now.ssl, "hello\n", 6);
    char *line = known(malloc(settings.size));
    memset(line, 'x', settings.size);
    line[settings.size - 1] = '\n';
    for (uint64_t i = 0; i < settings.count; i++) SSL_write(now.ssl, line, (int)settings.size);
    free(line);
    SSL_write(now.ssl, "after\n", 6);
    flush();
    listen_on();
}

/* OpenSSL makes these itself: `ask` for one, and it is sent. */
static void repeat(int (*ask)(SSL *ssl)) {
    if (!shake()) return;
    SSL_write(now.ssl, "hello\n", 6);
    uint64_t done = 0;
    for (; done < settings.count && !now.broken; done++) {
        must(ask(now.ssl));
        must(SSL_do_handshake(now.ssl));
        if (BIO_pending(now.out) >= BATCH) flush();
    }
    SSL_write(now.ssl, "after\n", 6);
    flush();
    tell("%s %llu", now.broken ? "broken" : "sent", (unsigned long long)done);
    listen_on();
}

static int update_key(SSL *ssl) { return SSL_key_update(ssl, SSL_KEY_UPDATE_NOT_REQUESTED); }

static int update_keys(SSL *ssl) { return SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED); }

static void send_tickets(void) { repeat(SSL_new_session_ticket); }

static void send_key_updates(void) { repeat(update_key); }

static void send_key_update_requests(void) { repeat(update_keys); }

/* The same sealed record COUNT times, between the lines. */
static void interrupt(int type, const void *data, size_t size) {
    if (!shake()) return;
    say("hello\n");
    put_often(put_sealed, type, data, size);
    say("after\n");
    send_batch();
    listen_on();
}

static void send_hello_requests(void) { interrupt(HANDSHAKE, "\0\0\0\0", 4); }

static void send_warnings(void) { interrupt(ALERT, "\x01\x5a", 2); }

static void send_empty_records(void) { interrupt(APPLICATION_DATA, "", 0); }

static void cut_record(void) {
    if (!shake()) return;
    say("hello\n");
    say("after\n");
    now.batch.size -= 10; /* within the second record */
    send_batch();
    finish();
    drain();
}

static void end_without_notice(void) {
    if (!shake()) return;
    say("hello\n");
    say("after\n");
    send_batch();
    finish();
    listen_on();
}

static void oversize(void) {
    if (!shake()) return;
    say("hello\n");
    put("\x17\x03\x03\xff\xff", HEADER_SIZE);
    trickle(put, 0xffff);
    drain();
}

static void talk_behind_chain(void) {
    must(SSL_use_certificate(now.ssl, settings.chain[0]));
    must(SSL_use_PrivateKey(now.ssl, settings.chain_key));
    for (unsigned i = 1; i < settings.chain_size; i++) must((int)SSL_add1_chain_cert(now.ssl, settings.chain[i]));
    if (shake()) talk();
}

static const struct mode {
    const char *name;
    void (*run)(void);
    uint64_t count, size;
    int version;        /* 0: either */
    void (*make)(void); /* the certificates that it shows */
} modes[] = {
    {.name = "segments", .run = talk_in_segments},
    {.name = "records", .run = talk_in_records},
    {.name = "coalesced", .run = coalesce, .count = 1000, .size = 10},
    {.name = "tickets", .run = send_tickets, .count = 1000, .version = TLS1_3_VERSION},
    {.name = "key-updates", .run = send_key_updates, .count = 1000, .version = TLS1_3_VERSION},
    {.name = "key-update-requests", .run = send_key_update_requests, .count = 1000, .version = TLS1_3_VERSION},
    {.name = "hello-requests", .run = send_hello_requests, .count = 1000, .version = TLS1_2_VERSION},
    {.name = "warnings", .run = send_warnings, .count = 1000},
    {.name = "empty-records", .run = send_empty_records, .count = 1000},
    {.name = "cut-record", .run = cut_record},
    {.name = "no-close-notify", .run = end_without_notice},
    {.name = "oversized-record", .run = oversize, .size = 1},
    {.name = "chain", .run = talk_behind_chain, .count = 300, .make = make_chain},
    {.name = "silence", .run = be_silent},
    {.name = "garbage", .run = send_garbage, .count = 1000},
    {.name = "http", .run = send_http},
    {.name = "reset", .run = reset_in_flight},
    {.name = "early-warnings", .run = warn_early, .count = 1000},
    {.name = "change-cipher-specs", .run = change_cipher_specs, .count = 1000},
    {.name = "certificate", .run = trickle_certificate, .count = CLAIMED, .size = 1},
    {.name = "big-key", .run = show_certificates, .size = 16384, .make = make_big_key},
    {.name = "big-issuer-key", .run = show_certificates, .size = 16384, .make = make_big_issuer_key},
};

static const struct mode *find_mode(const char *name) {
    for (size_t i = 0; name && i < sizeof modes / sizeof modes[0]; i++)
        if (strcmp(name, modes[i].name) == 0) return &modes[i];
    fprintf(stderr, "hostile-tls: no such mode: %s\n", name ? name : "none");
    exit(1);
}

/* ---- start ---- */

static uint64_t parse_number(bool *is_given) {
    char *end;
    uint64_t value = strtoull(optarg, &end, 10);
    if (end == optarg || *end != '\0') die(optarg);
    *is_given = true;
    return value;
}

static void set_version(const char *text) {
    settings.version = strcmp(text, "1.2") == 0 ? TLS1_2_VERSION : strcmp(text, "1.3") == 0 ? TLS1_3_VERSION : -1;
    if (settings.version < 0) die("--version is 1.2 or 1.3");
}

static void look_at_alert(const SSL *ssl, int where, int code) {
    (void)ssl;
    bool is_alert = (where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT;
    if (is_alert && (code & 0xff) != SSL_AD_CLOSE_NOTIFY) tell("alert %s", SSL_alert_desc_string_long(code));
}

static void prepare(const char *cert, const char *key) {
    settings.context = known(SSL_CTX_new(TLS_server_method()));
    SSL_CTX_set_security_level(settings.context, 0);
    if (SSL_CTX_use_certificate_chain_file(settings.context, cert) != 1) die(cert);
    if (SSL_CTX_use_PrivateKey_file(settings.context, key, SSL_FILETYPE_PEM) != 1) die(key);
    must(SSL_CTX_set_min_proto_version(settings.context, settings.version ? settings.version : TLS1_2_VERSION));
    must(SSL_CTX_set_max_proto_version(settings.context, settings.version));
    must(SSL_CTX_set_ciphersuites(settings.context, "TLS_AES_128_GCM_SHA256"));
    must(SSL_CTX_set_cipher_list(settings.context, "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256"));
    SSL_CTX_set_options(settings.context, SSL_OP_NO_TICKET);
    must(SSL_CTX_set_num_tickets(settings.context, 0));
    SSL_CTX_set_keylog_callback(settings.context, take_secret);
    SSL_CTX_set_info_callback(settings.context, look_at_alert);
}

/* What the mode says where no option does. */
static void complete(const struct mode *mode) {
    if (!settings.has_count) settings.count = mode->count;
    if (!settings.has_size || settings.size == 0) settings.size = mode->size;
    if (!settings.has_pause) settings.pause = 1;
    if (mode->version != 0 && settings.version != 0 && settings.version != mode->version) die("--version of this mode");
    if (mode->version != 0) settings.version = mode->version;
    if (!mode->make) return;
    mode->make();
    write_ca();
}

static void parse_options(int argc, char **argv) {
    static const struct option options[] = {
        {"mode", required_argument, NULL, 'm'},
        {"cert", required_argument, NULL, 'c'},
        {"key", required_argument, NULL, 'k'},
        {"version", required_argument, NULL, 'v'},
        {"count", required_argument, NULL, 'n'},
        {"size", required_argument, NULL, 's'},
        {"ca", required_argument, NULL, 'a'},
        {"pause", required_argument, NULL, 'p'},
        {"log", required_argument, NULL, 'l'},
        {"window", required_argument, NULL, 'w'},
        {0},
    };
    const char *cert = NULL, *key = NULL;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (option) {
        case 'm': settings.mode = optarg; break;
        case 'a': settings.ca = optarg; break;
        case 'c': cert = optarg; break;
        case 'k': key = optarg; break;
        case 'v': set_version(optarg); break;
        case 'n': settings.count = parse_number(&settings.has_count); break;
        case 's': settings.size = parse_number(&settings.has_size); break;
        case 'p': settings.pause = parse_number(&settings.has_pause); break;
        case 'w': settings.window = parse_number(&settings.has_window); break;
        case 'l': settings.log = open(optarg, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644); break;
        default: exit(1); /* getopt_long has said why */
        }
    }
    if (!cert || !key) die("--cert and --key");
    complete(find_mode(settings.mode));
    prepare(cert, key);
}

static int open_listener(unsigned *port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int window = (int)settings.window;
    if (fd >= 0 && window > 0) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &window, sizeof window);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) != 0 || listen(fd, 128) != 0) die("listen");
    if (getsockname(fd, (struct sockaddr *)&address, &size) != 0) die("getsockname");
    *port = ntohs(address.sin_port);
    return fd;
}

static void serve(int fd) {
    int on = 1;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    now.fd = fd;
    now.ssl = known(SSL_new(settings.context));
    now.in = known(BIO_new(BIO_s_mem()));
    now.out = known(BIO_new(BIO_s_mem()));
    SSL_set_bio(now.ssl, now.in, now.out);
    const struct mode *mode = find_mode(settings.mode);
    void (*run)(void) = mode->run;
    run();
    exit(0);
}

int main(int argc, char **argv) {
    unsigned port;
    parse_options(argc, argv);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGCHLD, SIG_IGN);
    int listener = open_listener(&port);
    printf("hostile-tls pid=%ld port=%u\n", (long)getpid(), port);
    if (fflush(stdout) != 0) die("stdout");
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0) continue;
        now.number++;
        pid_t child = fork();
        if (child < 0) die("fork");
        if (child == 0) serve(fd);
        close(fd);
    }
}
