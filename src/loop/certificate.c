#include "loop/certificate.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/address.h"

/* --- what a certificate says --- */

/* A text that grows as far as there is room. */
struct text {
    char *buf;
    size_t size, used;
};

static void add(struct text *text, const char *piece, size_t size) {
    size_t room = text->size - text->used - 1;
    if (size > room) size = room;
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)piece[i];
        text->buf[text->used + i] = piece[i];
        if (byte < 0x20 || byte >= 0x7f) text->buf[text->used + i] = '?'; /* it comes from the network */
    }
    text->used += size;
    text->buf[text->used] = '\0';
}

static void add_name(struct text *text, const char *name, size_t size) {
    enum { MARGIN = 8 };
    if (text->used + size + MARGIN > text->size) {
        if (text->used > 0 && text->buf[text->used - 1] != '.') add(text, ", ...", 5);
        return;
    }
    if (text->used > 0) add(text, ", ", 2);
    add(text, name, size);
}

static void add_general_name(const struct sw_openssl *lib, const GENERAL_NAME *general, struct text *text) {
    int type;
    const ASN1_STRING *value = lib->GENERAL_NAME_get0_value(general, &type);
    if (type != SW_GEN_DNS && type != SW_GEN_IPADD) return;
    const unsigned char *bytes = lib->ASN1_STRING_get0_data(value);
    size_t size = (size_t)lib->ASN1_STRING_length(value);
    if (type == SW_GEN_DNS) {
        add_name(text, (const char *)bytes, size);
        return;
    }
    struct sw_ip ip = {.version = size == 4 ? 4 : 6};
    char address[SW_IP_TEXT];
    if (size != 4 && size != 16) return;
    memcpy(ip.bytes, bytes, size);
    sw_ip_text(&ip, address);
    add_name(text, address, strlen(address));
}

const char *sw_certificate_names(const struct sw_openssl *lib, const X509 *certificate, char *buf, size_t size) {
    struct text text = {buf, size, 0};
    buf[0] = '\0';
    OPENSSL_STACK *names = lib->X509_get_ext_d2i(certificate, SW_NID_subject_alt_name, NULL, NULL);
    if (names == NULL) return buf;
    for (int i = 0; i < lib->OPENSSL_sk_num(names); i++) add_general_name(lib, lib->OPENSSL_sk_value(names, i), &text);
    lib->GENERAL_NAMES_free(names);
    return buf;
}

/* Days from 1970-01-01 to a date of the Gregorian calendar; timegm(3) is not in POSIX. */
static int64_t days_since_1970(int64_t year, int month, int day) {
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400, year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

int64_t sw_certificate_expiry(const struct sw_openssl *lib, const X509 *certificate) {
    struct tm tm;
    const ASN1_TIME *time = lib->X509_get0_notAfter(certificate);
    if (time == NULL || lib->ASN1_TIME_to_tm(time, &tm) != 1) return 0;
    int64_t days = days_since_1970(tm.tm_year + (int64_t)1900, tm.tm_mon + 1, tm.tm_mday);
    return ((days * 24 + tm.tm_hour) * 60 + tm.tm_min) * 60 + tm.tm_sec;
}

/* --- refusals --- */

/* Notes why. Returns 0: the handshake fails. */
static int fail(struct sw_certificate_check *check, X509_STORE_CTX *store, enum sw_tls_reason reason) {
    check->has_failed = true;
    check->reason = reason;
    if (check->lib->X509_STORE_CTX_get_error(store) == 0)
        check->lib->X509_STORE_CTX_set_error(store, SW_X509_V_ERR_APPLICATION_VERIFICATION);
    return 0;
}

static void write_time(const struct tm *tm, char *buf, size_t size) {
    (void)snprintf(buf, size, "%04d-%02d-%02d %02d:%02d UTC", tm->tm_year + 1900, tm->tm_mon + 1, tm->tm_mday,
                   tm->tm_hour, tm->tm_min);
}

/* A wrong clock is as likely as a wrong certificate. `whose`: the certificate, as the subject of the sentence. */
static void describe_time(struct sw_certificate_check *check, const ASN1_TIME *limit, const char *whose,
                          const char *words) {
    char when[64], now_text[64];
    struct tm tm, now_tm;
    time_t now = time(NULL);
    if (limit == NULL || check->lib->ASN1_TIME_to_tm(limit, &tm) != 1 || gmtime_r(&now, &now_tm) == NULL) return;
    write_time(&tm, when, sizeof when);
    write_time(&now_tm, now_text, sizeof now_text);
    (void)snprintf(check->details, sizeof check->details, "%s %s %s (the clock here says %s)", whose, words, when,
                   now_text);
}

static void describe_names(struct sw_certificate_check *check, const X509 *leaf) {
    char names[200], common[80], clean[sizeof common];
    struct text name = {clean, sizeof clean, 0};
    (void)sw_certificate_names(check->lib, leaf, names, sizeof names);
    if (names[0] != '\0') {
        (void)snprintf(check->details, sizeof check->details, "its certificate is for %s, and not for %.100s", names,
                       check->name);
        return;
    }
    X509_NAME *subject = check->lib->X509_get_subject_name(leaf);
    if (check->lib->X509_NAME_get_text_by_NID(subject, SW_NID_commonName, common, sizeof common) <= 0) return;
    add(&name, common, strlen(common));
    (void)snprintf(check->details, sizeof check->details,
                   "its certificate has no names (subjectAltName), only the common name '%s', which does not count "
                   "(RFC 9525, 2)",
                   clean);
}

static void describe_issuer(struct sw_certificate_check *check, const X509 *certificate, const char *more) {
    char common[80], clean[sizeof common];
    struct text name = {clean, sizeof clean, 0};
    X509_NAME *issuer = certificate != NULL ? check->lib->X509_get_issuer_name(certificate) : NULL;
    if (issuer == NULL || check->lib->X509_NAME_get_text_by_NID(issuer, SW_NID_commonName, common, sizeof common) <= 0)
        return;
    add(&name, common, strlen(common));
    (void)snprintf(check->details, sizeof check->details,
                   "the authority of its certificate, '%s', is not trusted here%s", clean, more);
}

/* The numbers of "the signer is no authority", which differ. */
enum { INVALID_CA_1 = 24, INVALID_CA_3 = 79 };

/* The errors of X509_verify_cert_error_string(3). */
static enum sw_tls_reason reason_of(int error) {
    switch (error) {
    case SW_X509_V_ERR_CERT_NOT_YET_VALID: return SW_TLS_REASON_NOT_YET;
    case SW_X509_V_ERR_CERT_HAS_EXPIRED: return SW_TLS_REASON_EXPIRED;
    case SW_X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT: return SW_TLS_REASON_SELF_SIGNED;
    case SW_X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case SW_X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case SW_X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE: return SW_TLS_REASON_INCOMPLETE;
    case SW_X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case SW_X509_V_ERR_CERT_UNTRUSTED: return SW_TLS_REASON_UNTRUSTED;
    case SW_X509_V_ERR_CERT_CHAIN_TOO_LONG:
    case SW_X509_V_ERR_PATH_LENGTH_EXCEEDED: return SW_TLS_REASON_LONG_CHAIN;
    case INVALID_CA_1:
    case INVALID_CA_3:
    case SW_X509_V_ERR_KEYUSAGE_NO_CERTSIGN: return SW_TLS_REASON_NO_AUTHORITY;
    case SW_X509_V_ERR_INVALID_PURPOSE:
    case SW_X509_V_ERR_CERT_REJECTED: return SW_TLS_REASON_PURPOSE;
    case SW_X509_V_ERR_PERMITTED_VIOLATION:
    case SW_X509_V_ERR_EXCLUDED_VIOLATION: return SW_TLS_REASON_CONSTRAINED;
    case SW_X509_V_ERR_HOSTNAME_MISMATCH:
    case SW_X509_V_ERR_IP_ADDRESS_MISMATCH: return SW_TLS_REASON_WRONG_NAME;
    case SW_X509_V_ERR_EE_KEY_TOO_SMALL:
    case SW_X509_V_ERR_CA_KEY_TOO_SMALL:
    case SW_X509_V_ERR_CA_MD_TOO_WEAK: return SW_TLS_REASON_WEAK;
    default: return SW_TLS_REASON_BAD_CERTIFICATE;
    }
}

/* Which certificate of the chain has failed, for a sentence. */
static void write_whose(const struct sw_openssl *lib, const X509_STORE_CTX *store, const X509 *certificate, char *buf,
                        size_t size) {
    char common[80] = "", clean[sizeof common];
    struct text name = {clean, sizeof clean, 0};
    if (lib->X509_STORE_CTX_get_error_depth(store) == 0) {
        (void)snprintf(buf, size, "its certificate");
        return;
    }
    (void)lib->X509_NAME_get_text_by_NID(lib->X509_get_subject_name(certificate), SW_NID_commonName, common,
                                         sizeof common);
    add(&name, common, strlen(common));
    (void)snprintf(buf, size, "the certificate of its authority, '%s',", clean);
}

static void describe(struct sw_certificate_check *check, X509_STORE_CTX *store, int error) {
    const struct sw_openssl *lib = check->lib;
    const X509 *certificate = lib->X509_STORE_CTX_get_current_cert(store);
    char whose[160] = "its certificate";
    if (certificate != NULL) write_whose(lib, store, certificate, whose, sizeof whose);
    switch (check->reason) {
    case SW_TLS_REASON_EXPIRED:
        if (certificate != NULL) describe_time(check, lib->X509_get0_notAfter(certificate), whose, "has expired on");
        break;
    case SW_TLS_REASON_NOT_YET:
        if (certificate != NULL)
            describe_time(check, lib->X509_get0_notBefore(certificate), whose, "is not valid before");
        break;
    case SW_TLS_REASON_WRONG_NAME: describe_names(check, lib->X509_STORE_CTX_get0_cert(store)); break;
    case SW_TLS_REASON_UNTRUSTED: describe_issuer(check, certificate, ""); break;
    case SW_TLS_REASON_INCOMPLETE:
        describe_issuer(check, certificate, ", or the server does not send the intermediate certificate");
        break;
    case SW_TLS_REASON_BAD_CERTIFICATE:
        (void)snprintf(check->details, sizeof check->details, "its certificate cannot be used: %.200s",
                       lib->X509_verify_cert_error_string(error));
        break;
    default: break;
    }
}

/* --- the check --- */

/* Real chains have two to four certificates, and keys of 2,048 to 4,096 bits. */
enum { CHAIN_MAX = 20, RSA_BITS_MAX = 8192 };

static bool is_key_large(const struct sw_openssl *lib, const X509 *certificate) {
    const EVP_PKEY *key = lib->X509_get0_pubkey(certificate);
    return key != NULL && lib->EVP_PKEY_get_base_id(key) == SW_EVP_PKEY_RSA &&
           lib->EVP_PKEY_get_bits(key) > RSA_BITS_MAX;
}

/* Does the key of the certificate have a pinned digest? */
static bool is_pinned(const struct sw_certificate_check *check, const X509 *leaf) {
    enum { KEY_MAX = 4096 }; /* bytes of a public key; one of RSA_BITS_MAX has 1,064 */
    const struct sw_openssl *lib = check->lib;
    const X509_PUBKEY *key = lib->X509_get_X509_PUBKEY(leaf);
    unsigned char bytes[KEY_MAX], *end = bytes, digest[64];
    unsigned size = 0;
    int length = lib->i2d_X509_PUBKEY(key, NULL);
    if (length <= 0 || length > KEY_MAX || lib->i2d_X509_PUBKEY(key, &end) != length) return false;
    if (lib->EVP_Digest(bytes, (size_t)length, digest, &size, lib->EVP_sha256(), NULL) != 1) return false;
    for (unsigned i = 0; i < check->values->pin_count; i++)
        if (size == SW_TLS_PIN_SIZE && memcmp(check->values->pins[i], digest, size) == 0) return true;
    return false;
}

static int verify(X509_STORE_CTX *store, void *argument) {
    const struct sw_openssl *lib = argument;
    SSL *ssl = lib->X509_STORE_CTX_get_ex_data(store, lib->SSL_get_ex_data_X509_STORE_CTX_idx());
    struct sw_certificate_check *check = lib->SSL_get_ex_data(ssl, 0);
    const OPENSSL_STACK *sent = lib->X509_STORE_CTX_get0_untrusted(store);
    int count = sent != NULL ? lib->OPENSSL_sk_num(sent) : 0;
    const X509 *leaf = lib->X509_STORE_CTX_get0_cert(store);
    if (check == NULL || leaf == NULL) return 0;
    if (count > CHAIN_MAX) return fail(check, store, SW_TLS_REASON_LONG_CHAIN);
    if (is_key_large(lib, leaf)) return fail(check, store, SW_TLS_REASON_LARGE_KEY);
    for (int i = 0; i < count; i++)
        if (is_key_large(lib, lib->OPENSSL_sk_value(sent, i))) return fail(check, store, SW_TLS_REASON_LARGE_KEY);
    if (check->values->pin_count > 0) return is_pinned(check, leaf) ? 1 : fail(check, store, SW_TLS_REASON_PIN);
    if (!check->values->verify || lib->X509_verify_cert(store) == 1) return 1;
    int error = lib->X509_STORE_CTX_get_error(store);
    (void)fail(check, store, reason_of(error));
    describe(check, store, error);
    return 0;
}

void sw_certificate_use(const struct sw_openssl *lib, SSL_CTX *context) {
    lib->SSL_CTX_set_verify(context, SW_SSL_VERIFY_PEER, NULL); /* `verify` takes what verify = false is to take */
    lib->SSL_CTX_set_cert_verify_callback(context, verify, (void *)(uintptr_t)lib);
}

bool sw_certificate_begin(SSL *ssl, struct sw_certificate_check *check) {
    const struct sw_openssl *lib = check->lib;
    X509_VERIFY_PARAM *param = lib->SSL_get0_param(ssl);
    struct sw_ip ip;
    if (lib->SSL_set_ex_data(ssl, 0, check) != 1) return false;
    /* What `ca` names is trusted, be it an authority of its own or not. */
    if (lib->X509_VERIFY_PARAM_set_flags(param, SW_X509_V_FLAG_PARTIAL_CHAIN) != 1) return false;
    lib->X509_VERIFY_PARAM_set_hostflags(param, SW_X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                                    SW_X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    size_t size = strlen(check->name);
    if (sw_ip_kind(check->name, size) != NULL && sw_ip_read(check->name, size, &ip))
        return lib->X509_VERIFY_PARAM_set1_ip(param, ip.bytes, ip.version == 4 ? 4 : 16) == 1;
    if (size > 1 && check->name[size - 1] == '.') size--; /* a name that is written as complete */
    return lib->X509_VERIFY_PARAM_set1_host(param, check->name, size) == 1;
}
