/* The TLS library: OpenSSL 1.1.1 or 3.x, loaded when TLS is first used.
 *
 * A game is copied to machines of which some have no OpenSSL, or another one than the machine that built sidewire. So
 * sidewire does not link it: it is loaded by dlopen(3), and what is used of it is declared here. The numbers and types
 * were read in the headers of both versions; spec/unit/test_openssl.c compares them with those of the machine that runs
 * the tests.
 *
 * If the host has loaded OpenSSL already, that copy is used. A loaded library stays loaded: its threads' memory and its
 * tables would outlive it. Its global state is left as it is found, and it gets no exit handler of ours.
 */
#ifndef SW_LOOP_OPENSSL_H
#define SW_LOOP_OPENSSL_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/error.h"

/* Types of OpenSSL of which only pointers are used. */
typedef struct ssl_st SSL;
typedef struct ssl_ctx_st SSL_CTX;
typedef struct ssl_method_st SSL_METHOD;
typedef struct ssl_session_st SSL_SESSION;
typedef struct ssl_cipher_st SSL_CIPHER;
typedef struct bio_st BIO;
typedef struct bio_method_st BIO_METHOD;
typedef struct x509_st X509;
typedef struct x509_store_st X509_STORE;
typedef struct x509_store_ctx_st X509_STORE_CTX;
typedef struct X509_VERIFY_PARAM_st X509_VERIFY_PARAM;
typedef struct X509_name_st X509_NAME;
typedef struct X509_pubkey_st X509_PUBKEY;
typedef struct evp_pkey_st EVP_PKEY;
typedef struct evp_md_st EVP_MD;
typedef struct engine_st ENGINE;
typedef struct asn1_string_st ASN1_STRING;
typedef struct asn1_string_st ASN1_TIME;
typedef struct stack_st OPENSSL_STACK;
typedef struct GENERAL_NAME_st GENERAL_NAME;
typedef struct ossl_init_settings_st OPENSSL_INIT_SETTINGS;
typedef int (*sw_password_callback)(char *buffer, int size, int writes, void *data);
typedef int (*sw_verify_callback)(X509_STORE_CTX *store, void *argument);

/* X(name, value): numbers of OpenSSL, each with its name there; here it is SW_name. The same in both versions. */
/* clang-format off */
#define SW_OPENSSL_NUMBERS(X)                                                                                          \
    X(OPENSSL_INIT_NO_ATEXIT, 0x00080000)                                                                              \
    X(SSL_CTRL_MODE, 33)                                                                                               \
    X(SSL_CTRL_SET_READ_AHEAD, 41)                                                                                     \
    X(SSL_CTRL_SET_SESS_CACHE_MODE, 44)                                                                                \
    X(SSL_CTRL_SET_MAX_CERT_LIST, 51)                                                                                  \
    X(SSL_CTRL_SET_TLSEXT_HOSTNAME, 55)                                                                                \
    X(SSL_CTRL_CHAIN_CERT, 89)                                                                                         \
    X(SSL_CTRL_SET_MIN_PROTO_VERSION, 123)                                                                             \
    X(SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER, 0x2)                                                                        \
    X(SSL_MODE_RELEASE_BUFFERS, 0x10)                                                                                  \
    X(SSL_SESS_CACHE_CLIENT, 0x1)                                                                                      \
    X(SSL_SESS_CACHE_NO_INTERNAL, 0x300)                                                                               \
    X(SSL_OP_NO_RENEGOTIATION, 0x40000000)                                                                             \
    X(SSL_SENT_SHUTDOWN, 1)                                                                                            \
    X(SSL_RECEIVED_SHUTDOWN, 2)                                                                                        \
    X(SSL_VERIFY_NONE, 0)                                                                                              \
    X(SSL_VERIFY_PEER, 1)                                                                                              \
    X(SSL_ERROR_SSL, 1)                                                                                                \
    X(SSL_ERROR_WANT_READ, 2)                                                                                          \
    X(SSL_ERROR_WANT_WRITE, 3)                                                                                         \
    X(SSL_ERROR_SYSCALL, 5)                                                                                            \
    X(SSL_ERROR_ZERO_RETURN, 6)                                                                                        \
    X(TLS1_2_VERSION, 0x0303)                                                                                          \
    X(TLS1_3_VERSION, 0x0304)                                                                                          \
    X(TLSEXT_NAMETYPE_host_name, 0)                                                                                    \
    X(BIO_TYPE_SOURCE_SINK, 0x0400)                                                                                    \
    X(BIO_FLAGS_READ, 0x01)                                                                                            \
    X(BIO_FLAGS_WRITE, 0x02)                                                                                           \
    X(BIO_FLAGS_SHOULD_RETRY, 0x08)                                                                                    \
    X(BIO_CTRL_FLUSH, 11)                                                                                              \
    X(X509_V_FLAG_PARTIAL_CHAIN, 0x80000)                                                                              \
    X(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, 0x4)                                                                       \
    X(X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, 0x20)                                                                       \
    X(NID_commonName, 13)                                                                                              \
    X(NID_subject_alt_name, 85)                                                                                        \
    X(GEN_DNS, 2)                                                                                                      \
    X(GEN_IPADD, 7)                                                                                                    \
    X(EVP_PKEY_RSA, 6)                                                                                                 \
    X(ERR_LIB_SYS, 2)                                                                                                  \
    X(ERR_LIB_PEM, 9)                                                                                                  \
    X(ERR_LIB_SSL, 20)                                                                                                 \
    X(SSL_AD_REASON_OFFSET, 1000)                                                                                      \
    X(SSL_AD_HANDSHAKE_FAILURE, 40)                                                                                    \
    X(SSL_AD_BAD_CERTIFICATE, 42)                                                                                      \
    X(SSL_AD_UNSUPPORTED_CERTIFICATE, 43)                                                                              \
    X(SSL_AD_CERTIFICATE_REVOKED, 44)                                                                                  \
    X(SSL_AD_CERTIFICATE_EXPIRED, 45)                                                                                  \
    X(SSL_AD_CERTIFICATE_UNKNOWN, 46)                                                                                  \
    X(SSL_AD_UNKNOWN_CA, 48)                                                                                           \
    X(SSL_AD_PROTOCOL_VERSION, 70)                                                                                     \
    X(SSL_AD_UNRECOGNIZED_NAME, 112)                                                                                   \
    X(SSL_AD_CERTIFICATE_REQUIRED, 116)                                                                                \
    X(SSL_AD_NO_APPLICATION_PROTOCOL, 120)                                                                             \
    X(SSL_R_BAD_PROTOCOL_VERSION_NUMBER, 116)                                                                          \
    X(SSL_R_UNSUPPORTED_PROTOCOL, 258)                                                                                 \
    X(SSL_R_WRONG_SSL_VERSION, 266)                                                                                    \
    X(SSL_R_WRONG_VERSION_NUMBER, 267)                                                                                 \
    X(SSL_R_HTTP_REQUEST, 156)                                                                                         \
    X(SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC, 281)                                                                  \
    X(SSL_R_EXCESSIVE_MESSAGE_SIZE, 152)                                                                               \
    X(SSL_R_UNEXPECTED_MESSAGE, 244)                                                                                   \
    X(SSL_R_TOO_MANY_WARN_ALERTS, 409)                                                                                 \
    X(SSL_R_RECORD_TOO_SMALL, 298)                                                                                     \
    X(SSL_R_PACKET_LENGTH_TOO_LONG, 198)                                                                               \
    X(PEM_R_NO_START_LINE, 108)                                                                                        \
    X(X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, 2)                                                                         \
    X(X509_V_ERR_CERT_NOT_YET_VALID, 9)                                                                                \
    X(X509_V_ERR_CERT_HAS_EXPIRED, 10)                                                                                 \
    X(X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, 18)                                                                      \
    X(X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, 19)                                                                        \
    X(X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, 20)                                                                \
    X(X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, 21)                                                                  \
    X(X509_V_ERR_CERT_CHAIN_TOO_LONG, 22)                                                                              \
    X(X509_V_ERR_PATH_LENGTH_EXCEEDED, 25)                                                                             \
    X(X509_V_ERR_INVALID_PURPOSE, 26)                                                                                  \
    X(X509_V_ERR_CERT_UNTRUSTED, 27)                                                                                   \
    X(X509_V_ERR_CERT_REJECTED, 28)                                                                                    \
    X(X509_V_ERR_KEYUSAGE_NO_CERTSIGN, 32)                                                                             \
    X(X509_V_ERR_PERMITTED_VIOLATION, 47)                                                                              \
    X(X509_V_ERR_EXCLUDED_VIOLATION, 48)                                                                               \
    X(X509_V_ERR_APPLICATION_VERIFICATION, 50)                                                                         \
    X(X509_V_ERR_HOSTNAME_MISMATCH, 62)                                                                                \
    X(X509_V_ERR_IP_ADDRESS_MISMATCH, 64)                                                                              \
    X(X509_V_ERR_EE_KEY_TOO_SMALL, 66)                                                                                 \
    X(X509_V_ERR_CA_KEY_TOO_SMALL, 67)                                                                                 \
    X(X509_V_ERR_CA_MD_TOO_WEAK, 68)
/* clang-format on */

#define SW_OPENSSL_NUMBER(name, value) SW_##name = (value),
enum { SW_OPENSSL_NUMBERS(SW_OPENSSL_NUMBER) };

/* X(library, result, name, parameters): the functions that both versions have, in libssl or in libcrypto. */
/* clang-format off */
#define SW_OPENSSL_FUNCTIONS(X)                                                                                        \
    X(ssl, int, OPENSSL_init_ssl, (uint64_t options, const OPENSSL_INIT_SETTINGS *settings))                           \
    X(ssl, const SSL_METHOD *, TLS_client_method, (void))                                                              \
    X(ssl, SSL_CTX *, SSL_CTX_new, (const SSL_METHOD *method))                                                         \
    X(ssl, void, SSL_CTX_free, (SSL_CTX *context))                                                                     \
    X(ssl, long, SSL_CTX_ctrl, (SSL_CTX *context, int command, long number, void *pointer))                            \
    X(ssl, void, SSL_CTX_set_verify, (SSL_CTX *context, int mode, int (*callback)(int, X509_STORE_CTX *)))             \
    X(ssl, void, SSL_CTX_set_verify_depth, (SSL_CTX *context, int depth))                                              \
    X(ssl, void, SSL_CTX_set_cert_verify_callback, (SSL_CTX *context, sw_verify_callback callback, void *argument))    \
    X(ssl, int, SSL_CTX_get_security_level, (const SSL_CTX *context))                                                  \
    X(ssl, void, SSL_CTX_set_security_level, (SSL_CTX *context, int level))                                            \
    X(ssl, int, SSL_CTX_use_certificate, (SSL_CTX *context, X509 *certificate))                                        \
    X(ssl, int, SSL_CTX_use_PrivateKey, (SSL_CTX *context, EVP_PKEY *key))                                             \
    X(ssl, int, SSL_CTX_check_private_key, (const SSL_CTX *context))                                                   \
    X(ssl, X509_STORE *, SSL_CTX_get_cert_store, (const SSL_CTX *context))                                             \
    X(ssl, int, SSL_CTX_set_default_verify_paths, (SSL_CTX *context))                                                  \
    X(ssl, int, SSL_CTX_load_verify_locations, (SSL_CTX *context, const char *file, const char *folder))               \
    X(ssl, int, SSL_CTX_set_alpn_protos, (SSL_CTX *context, const unsigned char *protocols, unsigned size))            \
    X(ssl, void, SSL_CTX_sess_set_new_cb, (SSL_CTX *context, int (*callback)(SSL *, SSL_SESSION *)))                   \
    X(ssl, SSL *, SSL_new, (SSL_CTX *context))                                                                         \
    X(ssl, void, SSL_free, (SSL *ssl))                                                                                 \
    X(ssl, void, SSL_set_bio, (SSL *ssl, BIO *in, BIO *out))                                                           \
    X(ssl, void, SSL_set_connect_state, (SSL *ssl))                                                                    \
    X(ssl, long, SSL_ctrl, (SSL *ssl, int command, long number, void *pointer))                                        \
    X(ssl, int, SSL_set_ex_data, (SSL *ssl, int index, void *data))                                                    \
    X(ssl, void *, SSL_get_ex_data, (const SSL *ssl, int index))                                                       \
    X(ssl, int, SSL_get_ex_data_X509_STORE_CTX_idx, (void))                                                            \
    X(ssl, X509_VERIFY_PARAM *, SSL_get0_param, (SSL *ssl))                                                            \
    X(ssl, int, SSL_do_handshake, (SSL *ssl))                                                                          \
    X(ssl, int, SSL_read, (SSL *ssl, void *buffer, int size))                                                          \
    X(ssl, int, SSL_write, (SSL *ssl, const void *bytes, int size))                                                    \
    X(ssl, void, SSL_set_shutdown, (SSL *ssl, int mode))                                                               \
    X(ssl, int, SSL_shutdown, (SSL *ssl))                                                                              \
    X(ssl, int, SSL_get_error, (const SSL *ssl, int result))                                                           \
    X(ssl, int, SSL_has_pending, (const SSL *ssl))                                                                     \
    X(ssl, int, SSL_set_session, (SSL *ssl, SSL_SESSION *session))                                                     \
    X(ssl, void, SSL_SESSION_free, (SSL_SESSION *session))                                                             \
    X(ssl, int, SSL_session_reused, (const SSL *ssl))                                                                  \
    X(ssl, const char *, SSL_get_version, (const SSL *ssl))                                                            \
    X(ssl, const SSL_CIPHER *, SSL_get_current_cipher, (const SSL *ssl))                                               \
    X(ssl, const char *, SSL_CIPHER_get_name, (const SSL_CIPHER *cipher))                                              \
    X(ssl, const OPENSSL_STACK *, SSL_get0_peer_CA_list, (const SSL *ssl))                                             \
    X(ssl, void, SSL_get0_alpn_selected, (const SSL *ssl, const unsigned char **name, unsigned *size))                 \
    X(crypto, unsigned long, OpenSSL_version_num, (void))                                                              \
    X(crypto, void, OPENSSL_thread_stop, (void))                                                                       \
    X(crypto, int, OPENSSL_init_crypto, (uint64_t options, const OPENSSL_INIT_SETTINGS *settings))                     \
    X(crypto, BIO_METHOD *, BIO_meth_new, (int type, const char *name))                                                \
    X(crypto, void, BIO_meth_free, (BIO_METHOD *method))                                                               \
    X(crypto, int, BIO_meth_set_write, (BIO_METHOD *method, int (*write)(BIO *, const char *, int)))                   \
    X(crypto, int, BIO_meth_set_read, (BIO_METHOD *method, int (*read)(BIO *, char *, int)))                           \
    X(crypto, int, BIO_meth_set_ctrl, (BIO_METHOD *method, long (*control)(BIO *, int, long, void *)))                 \
    X(crypto, BIO *, BIO_new, (const BIO_METHOD *method))                                                              \
    X(crypto, BIO *, BIO_new_mem_buf, (const void *bytes, int size))                                                   \
    X(crypto, int, BIO_free, (BIO *bio))                                                                               \
    X(crypto, void, BIO_set_init, (BIO *bio, int is_ready))                                                            \
    X(crypto, void, BIO_set_flags, (BIO *bio, int flags))                                                              \
    X(crypto, void, BIO_clear_flags, (BIO *bio, int flags))                                                            \
    X(crypto, X509 *, PEM_read_bio_X509, (BIO *bio, X509 **out, sw_password_callback password, void *data))            \
    X(crypto, EVP_PKEY *, PEM_read_bio_PrivateKey, (BIO *bio, EVP_PKEY **out, sw_password_callback password, void *data))\
    X(crypto, void, X509_free, (X509 *certificate))                                                                    \
    X(crypto, void, EVP_PKEY_free, (EVP_PKEY *key))                                                                    \
    X(crypto, EVP_PKEY *, X509_get0_pubkey, (const X509 *certificate))                                                 \
    X(crypto, X509_PUBKEY *, X509_get_X509_PUBKEY, (const X509 *certificate))                                          \
    X(crypto, int, i2d_X509_PUBKEY, (const X509_PUBKEY *key, unsigned char **out))                                     \
    X(crypto, const EVP_MD *, EVP_sha256, (void))                                                                      \
    X(crypto, int, EVP_Digest, (const void *bytes, size_t count, unsigned char *digest, unsigned *size,                \
                                const EVP_MD *type, ENGINE *engine))                                                   \
    X(crypto, const ASN1_TIME *, X509_get0_notBefore, (const X509 *certificate))                                       \
    X(crypto, const ASN1_TIME *, X509_get0_notAfter, (const X509 *certificate))                                        \
    X(crypto, int, ASN1_TIME_to_tm, (const ASN1_TIME *time, struct tm *tm))                                            \
    X(crypto, void *, X509_get_ext_d2i, (const X509 *certificate, int nid, int *critical, int *index))                 \
    X(crypto, X509_NAME *, X509_get_subject_name, (const X509 *certificate))                                           \
    X(crypto, X509_NAME *, X509_get_issuer_name, (const X509 *certificate))                                            \
    X(crypto, int, X509_NAME_get_text_by_NID, (const X509_NAME *name, int nid, char *buffer, int size))                \
    X(crypto, void *, GENERAL_NAME_get0_value, (const GENERAL_NAME *name, int *type))                                  \
    X(crypto, void, GENERAL_NAMES_free, (OPENSSL_STACK *names))                                                        \
    X(crypto, const unsigned char *, ASN1_STRING_get0_data, (const ASN1_STRING *string))                               \
    X(crypto, int, ASN1_STRING_length, (const ASN1_STRING *string))                                                    \
    X(crypto, int, OPENSSL_sk_num, (const OPENSSL_STACK *stack))                                                       \
    X(crypto, void *, OPENSSL_sk_value, (const OPENSSL_STACK *stack, int index))                                       \
    X(crypto, int, X509_STORE_add_cert, (X509_STORE *store, X509 *certificate))                                        \
    X(crypto, int, X509_verify_cert, (X509_STORE_CTX *store))                                                          \
    X(crypto, X509 *, X509_STORE_CTX_get0_cert, (const X509_STORE_CTX *store))                                         \
    X(crypto, OPENSSL_STACK *, X509_STORE_CTX_get0_untrusted, (const X509_STORE_CTX *store))                           \
    X(crypto, int, X509_STORE_CTX_get_error, (const X509_STORE_CTX *store))                                            \
    X(crypto, int, X509_STORE_CTX_get_error_depth, (const X509_STORE_CTX *store))                                      \
    X(crypto, void, X509_STORE_CTX_set_error, (X509_STORE_CTX *store, int error))                                      \
    X(crypto, X509 *, X509_STORE_CTX_get_current_cert, (const X509_STORE_CTX *store))                                  \
    X(crypto, void *, X509_STORE_CTX_get_ex_data, (const X509_STORE_CTX *store, int index))                            \
    X(crypto, const char *, X509_verify_cert_error_string, (long error))                                               \
    X(crypto, int, X509_VERIFY_PARAM_set_flags, (X509_VERIFY_PARAM *param, unsigned long flags))                       \
    X(crypto, int, X509_VERIFY_PARAM_set1_host, (X509_VERIFY_PARAM *param, const char *name, size_t size))             \
    X(crypto, int, X509_VERIFY_PARAM_set1_ip, (X509_VERIFY_PARAM *param, const unsigned char *address, size_t size))   \
    X(crypto, void, X509_VERIFY_PARAM_set_hostflags, (X509_VERIFY_PARAM *param, unsigned flags))                       \
    X(crypto, const char *, X509_get_default_cert_file, (void))                                                        \
    X(crypto, const char *, X509_get_default_cert_file_env, (void))                                                    \
    X(crypto, const char *, X509_get_default_cert_dir, (void))                                                         \
    X(crypto, const char *, X509_get_default_cert_dir_env, (void))                                                     \
    X(crypto, unsigned long, ERR_get_error, (void))                                                                    \
    X(crypto, unsigned long, ERR_peek_error, (void))                                                                   \
    X(crypto, unsigned long, ERR_peek_last_error, (void))                                                              \
    X(crypto, void, ERR_clear_error, (void))                                                                           \
    X(crypto, const char *, ERR_reason_error_string, (unsigned long error))

/* Functions that have another name in version 3 than in 1.1.1: X(library, result, name here, parameters, name in 3, name
 * in 1.1.1). */
#define SW_OPENSSL_RENAMED(X)                                                                                          \
    X(ssl, X509 *, SSL_get1_peer_certificate, (const SSL *ssl), "SSL_get1_peer_certificate", "SSL_get_peer_certificate")\
    X(crypto, int, EVP_PKEY_get_bits, (const EVP_PKEY *key), "EVP_PKEY_get_bits", "EVP_PKEY_bits")                     \
    X(crypto, int, EVP_PKEY_get_base_id, (const EVP_PKEY *key), "EVP_PKEY_get_base_id", "EVP_PKEY_base_id")
/* clang-format on */

/* NOLINTBEGIN(bugprone-macro-parentheses): a type and a list of parameters are no expressions */
#define SW_OPENSSL_MEMBER(library, result, name, parameters) result(*name) parameters;
#define SW_OPENSSL_RENAMED_MEMBER(library, result, name, parameters, name_3, name_1) result(*name) parameters;
/* NOLINTEND(bugprone-macro-parentheses) */

struct sw_openssl {
    SW_OPENSSL_FUNCTIONS(SW_OPENSSL_MEMBER)
    SW_OPENSSL_RENAMED(SW_OPENSSL_RENAMED_MEMBER)
    uint64_t (*set_options_3)(SSL_CTX *context, uint64_t options); /* SSL_CTX_set_options; the other one is NULL */
    unsigned long (*set_options_1)(SSL_CTX *context, unsigned long options);
    unsigned major; /* version 3, or 1 for 1.1.1 */
};

/* Which part of the library a code of its queue of errors is from, and what is wrong (ERR_GET_LIB(3)). Before version 3,
 * 12 bits between them told the function. */
static inline int sw_openssl_part(const struct sw_openssl *lib, unsigned long code) {
    return (int)(code >> (lib->major >= 3 ? 23 : 24) & 0xff);
}
static inline int sw_openssl_reason(const struct sw_openssl *lib, unsigned long code) {
    return (int)(code & (lib->major >= 3 ? 0x7fffff : 0xfff));
}

/* Returns the library in that file, or with "" the one that the process has, or the usual one; loads it if it is not
 * loaded. Waits for the disk, so it is called on a helper thread. NULL: none can be used, and `text` says what was
 * tried. */
const struct sw_openssl *sw_openssl_load(const char *file, char *text, size_t size);

/* Called last by each thread of ours that may have used a library: frees what the libraries keep for the thread
 * (OPENSSL_thread_stop(3)). They do that themselves when a thread ends, but with a lock of theirs held, and a fork at that
 * moment leaves its child with a lock that nothing releases: here, the fork waits. */
void sw_openssl_leave_thread(void);

#endif
