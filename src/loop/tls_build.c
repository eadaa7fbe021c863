#include "loop/tls_build.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "channel/fork.h"
#include "loop/certificate.h"

/* A failure of our settings; the text says which and why. */
static bool __attribute__((format(printf, 2, 3))) refuse(struct sw_tls_failure *failure, const char *format, ...) {
    va_list arguments;
    failure->error = sw_error_tls(SW_TLS_REASON_SETTINGS, SW_STAGE_TLS);
    va_start(arguments, format);
    (void)vsnprintf(failure->details, sizeof failure->details, format, arguments);
    va_end(arguments);
    return false;
}

static bool lack_memory(struct sw_tls_failure *failure) {
    failure->error = sw_error_system(ENOMEM, SW_STAGE_TLS);
    return false;
}

/* What the library says, or something. */
static const char *reason_of(const struct sw_openssl *lib) {
    unsigned long code = lib->ERR_get_error();
    const char *text = code != 0 ? lib->ERR_reason_error_string(code) : NULL;
    lib->ERR_clear_error();
    return text != NULL ? text : "no reason given";
}

/* --- PEM --- */

/* The bytes of a text, or of the file that it names. */
struct pem {
    const char *bytes;
    size_t size;
    char *own; /* to be freed */
};

static void end_pem(struct pem *pem) {
    volatile char *byte = pem->own;
    for (size_t i = 0; byte != NULL && i < pem->size; i++) byte[i] = 0; /* it may be a key */
    free(pem->own);
}

/* Reads a file as a whole. Returns 0 or an errno. */
static int read_file(const char *path, struct pem *pem) {
    FILE *file = fopen(path, "rbe");
    if (file == NULL) return errno;
    pem->own = malloc(SW_TLS_PEM_MAX + 1);
    if (pem->own == NULL) {
        (void)fclose(file);
        return ENOMEM;
    }
    pem->bytes = pem->own;
    pem->size = fread(pem->own, 1, SW_TLS_PEM_MAX + 1, file);
    int failed = ferror(file) ? errno : pem->size > SW_TLS_PEM_MAX ? EFBIG : 0;
    (void)fclose(file);
    return failed;
}

static bool open_pem(struct sw_slice text, const char *field, struct pem *pem, struct sw_tls_failure *failure) {
    *pem = (struct pem){text.data, text.size, NULL};
    if (sw_tls_is_pem(text)) return true;
    sw_fork_allow(); /* this may wait for a network or another program */
    int failed = read_file(text.data, pem);
    sw_fork_delay();
    if (failed == 0) return true;
    const struct sw_error error = sw_error_system(failed, SW_STAGE_TLS);
    char words[160];
    end_pem(pem);
    (void)sw_error_text(&error, words, sizeof words);
    if (strcmp(field, "key") == 0) /* it may be a key without its first line, which no message may show */
        return refuse(failure, "tls.key: cannot read the file that it names: %s", words);
    return refuse(failure, "tls.%s: cannot read '%.200s': %s", field, (const char *)text.data, words);
}

/* Calls `use` with each certificate in the text; it says whether it could, and keeps no reference. */
static bool for_each_certificate(struct sw_tls_context *context, struct sw_slice text, const char *field,
                                 bool (*use)(struct sw_tls_context *, X509 *, unsigned index),
                                 struct sw_tls_failure *failure) {
    const struct sw_openssl *lib = context->lib;
    struct pem pem;
    if (!open_pem(text, field, &pem, failure)) return false;
    BIO *bio = lib->BIO_new_mem_buf(pem.bytes, (int)pem.size);
    unsigned found = 0;
    bool is_good = bio != NULL || lack_memory(failure);
    while (is_good) {
        X509 *certificate = lib->PEM_read_bio_X509(bio, NULL, NULL, NULL);
        if (certificate == NULL) break;
        is_good = use(context, certificate, found++) ||
                  refuse(failure, "tls.%s: certificate %u cannot be used: %s", field, found, reason_of(lib));
        lib->X509_free(certificate);
    }
    if (bio != NULL) lib->BIO_free(bio);
    end_pem(&pem);
    unsigned long code = lib->ERR_peek_last_error(); /* the end of the text counts as an error there */
    bool is_end =
        sw_openssl_part(lib, code) == SW_ERR_LIB_PEM && sw_openssl_reason(lib, code) == SW_PEM_R_NO_START_LINE;
    if (is_good && !is_end)
        is_good = refuse(failure, "tls.%s: certificate %u cannot be read: %s", field, found + 1, reason_of(lib));
    lib->ERR_clear_error();
    if (is_good && found == 0)
        return refuse(failure, "tls.%s: there is no certificate in it (PEM, \"-----BEGIN CERTIFICATE-----\")", field);
    return is_good;
}

/* --- our own certificate --- */

static bool use_own(struct sw_tls_context *context, X509 *certificate, unsigned index) {
    if (index == 0) return context->lib->SSL_CTX_use_certificate(context->ssl, certificate) == 1;
    return context->lib->SSL_CTX_ctrl(context->ssl, SW_SSL_CTRL_CHAIN_CERT, 1, certificate) == 1;
}

/* A key with a password cannot be used: without this, the library would ask for it on the terminal. */
/* NOLINTNEXTLINE(readability-non-const-parameter): the library's type */
static int no_password(char *buffer, int size, int writes, void *data) {
    (void)buffer, (void)size, (void)writes;
    *(bool *)data = true;
    return -1;
}

static bool use_key(struct sw_tls_context *context, struct sw_slice text, struct sw_tls_failure *failure) {
    const struct sw_openssl *lib = context->lib;
    struct pem pem;
    bool is_encrypted = false;
    if (!open_pem(text, "key", &pem, failure)) return false;
    BIO *bio = lib->BIO_new_mem_buf(pem.bytes, (int)pem.size);
    EVP_PKEY *key = bio != NULL ? lib->PEM_read_bio_PrivateKey(bio, NULL, no_password, &is_encrypted) : NULL;
    bool is_used = key != NULL && lib->SSL_CTX_use_PrivateKey(context->ssl, key) == 1;
    if (key != NULL) lib->EVP_PKEY_free(key);
    if (bio != NULL) lib->BIO_free(bio);
    end_pem(&pem);
    bool is_good = is_used && lib->SSL_CTX_check_private_key(context->ssl) == 1;
    lib->ERR_clear_error();
    if (is_good) return true;
    if (is_encrypted) return refuse(failure, "tls.key: it is encrypted with a password: give it without one");
    if (key == NULL) return refuse(failure, "tls.key: there is no private key in it (PEM)");
    return refuse(failure, "tls.key: it does not belong to the certificate in tls.cert");
}

static bool use_own_certificate(struct sw_tls_context *context, const struct sw_tls_values *values,
                                struct sw_tls_failure *failure) {
    if (values->cert.size == 0) return true;
    return for_each_certificate(context, values->cert, "cert", use_own, failure) &&
           use_key(context, values->key, failure);
}

/* --- trusted authorities --- */

static bool add_authority(struct sw_tls_context *context, X509 *certificate, unsigned index) {
    (void)index;
    X509_STORE *store = context->lib->SSL_CTX_get_cert_store(context->ssl);
    return context->lib->X509_STORE_add_cert(store, certificate) == 1;
}

/* The name of a certificate in a folder that c_rehash(1) has prepared: eight digits of a hash, ".", a number. */
static bool is_hashed(const char *name) {
    for (int i = 0; i < 8; i++)
        if (!isxdigit((unsigned char)name[i])) return false;
    return name[8] == '.' && isdigit((unsigned char)name[9]);
}

static bool has_certificates(const char *folder) {
    DIR *dir = opendir(folder);
    bool found = false;
    if (dir == NULL) return false;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): only this thread has this DIR */
    for (const struct dirent *entry; !found && (entry = readdir(dir)) != NULL;) found = is_hashed(entry->d_name);
    (void)closedir(dir);
    return found;
}

static bool is_readable(const char *path) {
    FILE *file = fopen(path, "re");
    if (file == NULL) return false;
    (void)fclose(file);
    return true;
}

/* A path that the environment may replace, as OpenSSL allows (SSL_CTX_load_verify_locations(3)). */
static const char *in_environment(const char *variable, const char *standard) {
    const char *given = getenv(variable); /* NOLINT(concurrency-mt-unsafe): nothing of ours changes the environment */
    return given != NULL ? given : standard;
}

/* Where systems keep the list of authorities, if not where the library looks. */
static const char *const bundles[] = {
    "/etc/ssl/certs/ca-certificates.crt",        /* Debian, Arch, Gentoo */
    "/etc/pki/tls/certs/ca-bundle.crt",          /* Fedora, RHEL */
    "/etc/ssl/ca-bundle.pem",                    /* openSUSE */
    "/etc/ssl/cert.pem",                         /* Alpine, BSD, macOS */
    "/usr/local/share/certs/ca-root-nss.crt",    /* FreeBSD, its package */
    "/opt/homebrew/etc/ca-certificates/cert.pem" /* Homebrew */
};

static bool trust_system(struct sw_tls_context *context, struct sw_tls_failure *failure) {
    const struct sw_openssl *lib = context->lib;
    const char *file = in_environment(lib->X509_get_default_cert_file_env(), lib->X509_get_default_cert_file());
    const char *folder = in_environment(lib->X509_get_default_cert_dir_env(), lib->X509_get_default_cert_dir());
    if (is_readable(file) || has_certificates(folder))
        return lib->SSL_CTX_set_default_verify_paths(context->ssl) == 1 || lack_memory(failure);
    for (size_t i = 0; i < sizeof bundles / sizeof bundles[0]; i++)
        if (lib->SSL_CTX_load_verify_locations(context->ssl, bundles[i], NULL) == 1) return true;
    lib->ERR_clear_error();
    failure->error = sw_error_tls(SW_TLS_REASON_NO_TRUST, SW_STAGE_TLS);
    (void)snprintf(
        failure->details, sizeof failure->details,
        "this machine has no list of trusted authorities ('%.100s', folder '%.100s', and the usual bundles are "
        "missing or empty): give tls.ca, a file of their certificates",
        file, folder);
    return false;
}

static bool trust(struct sw_tls_context *context, const struct sw_tls_values *values, struct sw_tls_failure *failure) {
    if (!values->verify || values->pin_count > 0) return true; /* the chain does not count */
    if (values->ca.size > 0) return for_each_certificate(context, values->ca, "ca", add_authority, failure);
    return trust_system(context, failure);
}

/* --- the rest --- */

/* Bytes of all certificates that a server may send. Real chains have 3 to 10 KB. */
enum { CHAIN_BYTES = 100 * 1024, CHAIN_DEPTH = 10 };

/* Of the library's security levels, 1 still takes keys of 1,024 bits and SHA-1; 2 does not
 * (SSL_CTX_set_security_level(3)). */
enum { SECURITY_LEVEL = 2 };

static void set_options(const struct sw_tls_context *context, uint64_t options) {
    if (context->lib->set_options_3 != NULL)
        (void)context->lib->set_options_3(context->ssl, options);
    else
        (void)context->lib->set_options_1(context->ssl, (unsigned long)options);
}

static void tune(const struct sw_tls_context *context, const struct sw_tls_values *values) {
    static const long versions[] = {[SW_TLS_1_2] = SW_TLS1_2_VERSION, [SW_TLS_1_3] = SW_TLS1_3_VERSION};
    const struct sw_openssl *lib = context->lib;
    SSL_CTX *ssl = context->ssl;
    set_options(context, SW_SSL_OP_NO_RENEGOTIATION);
    (void)lib->SSL_CTX_ctrl(ssl, SW_SSL_CTRL_MODE, SW_SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SW_SSL_MODE_RELEASE_BUFFERS,
                            NULL);
    (void)lib->SSL_CTX_ctrl(ssl, SW_SSL_CTRL_SET_READ_AHEAD, 1, NULL);
    (void)lib->SSL_CTX_ctrl(ssl, SW_SSL_CTRL_SET_MAX_CERT_LIST, CHAIN_BYTES, NULL);
    (void)lib->SSL_CTX_ctrl(ssl, SW_SSL_CTRL_SET_MIN_PROTO_VERSION, versions[values->min_version], NULL);
    (void)lib->SSL_CTX_ctrl(ssl, SW_SSL_CTRL_SET_SESS_CACHE_MODE,
                            SW_SSL_SESS_CACHE_CLIENT | SW_SSL_SESS_CACHE_NO_INTERNAL, NULL);
    lib->SSL_CTX_set_verify_depth(ssl, CHAIN_DEPTH);
    if (lib->SSL_CTX_get_security_level(ssl) < SECURITY_LEVEL) lib->SSL_CTX_set_security_level(ssl, SECURITY_LEVEL);
}

/* A fixed number, since the library has few to give out (BIO_get_new_index(3)), and each Lua state makes contexts. It only
 * says what to look for in a chain of BIOs, and ours are in none. */
enum { BIO_TYPE = SW_BIO_TYPE_SOURCE_SINK | 0x7e };

static bool fill(struct sw_tls_context *context, const struct sw_tls_values *values, struct sw_tls_failure *failure) {
    const struct sw_openssl *lib = context->lib;
    context->ssl = lib->SSL_CTX_new(lib->TLS_client_method());
    context->bio = lib->BIO_meth_new(BIO_TYPE, "sidewire");
    if (context->ssl == NULL || context->bio == NULL) return lack_memory(failure);
    tune(context, values);
    sw_certificate_use(lib, context->ssl);
    if (values->alpn.size > 0 &&
        lib->SSL_CTX_set_alpn_protos(context->ssl, values->alpn.data, (unsigned)values->alpn.size) != 0)
        return lack_memory(failure);
    return trust(context, values, failure) && use_own_certificate(context, values, failure);
}

static void free_context(struct sw_tls_context *context) {
    if (context->ssl != NULL) context->lib->SSL_CTX_free(context->ssl);
    if (context->bio != NULL) context->lib->BIO_meth_free(context->bio);
    free(context);
}

static struct sw_tls_context *build(const struct sw_tls_values *values, struct sw_tls_failure *failure) {
    *failure = (struct sw_tls_failure){.error = sw_error_make(SW_OK, SW_STAGE_TLS)};
    struct sw_tls_context *context = calloc(1, sizeof *context);
    if (context == NULL) {
        lack_memory(failure);
        return NULL;
    }
    context->lib = sw_openssl_load(values->library.data, failure->details, sizeof failure->details);
    if (context->lib == NULL) {
        failure->error = sw_error_make(SW_NOTLS, SW_STAGE_TLS);
        char tried[sizeof failure->details];
        memcpy(tried, failure->details, sizeof tried);
        (void)snprintf(failure->details, sizeof failure->details,
                       "there is no TLS library here that can be used (OpenSSL 1.1.1 or 3): %.300s", tried);
    } else if (fill(context, values, failure)) {
        return context;
    }
    free_context(context);
    return NULL;
}

struct sw_tls_context *sw_tls_build(const struct sw_tls_values *values, struct sw_tls_failure *failure) {
    sw_fork_delay();
    struct sw_tls_context *context = build(values, failure);
    sw_fork_allow();
    return context;
}

void sw_tls_context_free(struct sw_tls_context *context) {
    sw_fork_delay();
    free_context(context);
    sw_fork_allow();
}
