#include "base/error.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct errno_name {
    int value;
    const char *name;
};

/* Some names share a value (EAGAIN and EWOULDBLOCK, EOPNOTSUPP and ENOTSUP): the first one in the table is used. */
#define ROW(name) \
    { name, #name }
static const struct errno_name errno_names[] = {
    ROW(E2BIG),           ROW(EACCES),       ROW(EADDRINUSE),
    ROW(EADDRNOTAVAIL),   ROW(EAFNOSUPPORT), ROW(EAGAIN),
    ROW(EALREADY),        ROW(EBADF),        ROW(EBADMSG),
    ROW(EBUSY),           ROW(ECANCELED),    ROW(ECHILD),
    ROW(ECONNABORTED),    ROW(ECONNREFUSED), ROW(ECONNRESET),
    ROW(EDEADLK),         ROW(EDESTADDRREQ), ROW(EDOM),
    ROW(EDQUOT),          ROW(EEXIST),       ROW(EFAULT),
    ROW(EFBIG),           ROW(EHOSTUNREACH), ROW(EIDRM),
    ROW(EILSEQ),          ROW(EINPROGRESS),  ROW(EINTR),
    ROW(EINVAL),          ROW(EIO),          ROW(EISCONN),
    ROW(EISDIR),          ROW(ELOOP),        ROW(EMFILE),
    ROW(EMLINK),          ROW(EMSGSIZE),     ROW(ENAMETOOLONG),
    ROW(ENETDOWN),        ROW(ENETRESET),    ROW(ENETUNREACH),
    ROW(ENFILE),          ROW(ENOBUFS),      ROW(ENODEV),
    ROW(ENOENT),          ROW(ENOEXEC),      ROW(ENOLCK),
    ROW(ENOMEM),          ROW(ENOMSG),       ROW(ENOPROTOOPT),
    ROW(ENOSPC),          ROW(ENOSYS),       ROW(ENOTCONN),
    ROW(ENOTDIR),         ROW(ENOTEMPTY),    ROW(ENOTSOCK),
    ROW(ENOTTY),          ROW(ENXIO),        ROW(EOPNOTSUPP),
    ROW(ENOTSUP),         ROW(EOVERFLOW),    ROW(EPERM),
    ROW(EPIPE),           ROW(EPROTO),       ROW(EPROTONOSUPPORT),
    ROW(EPROTOTYPE),      ROW(ERANGE),       ROW(EROFS),
    ROW(ESPIPE),          ROW(ESRCH),        ROW(ESTALE),
    ROW(ETIMEDOUT),       ROW(ETXTBSY),      ROW(EWOULDBLOCK),
    ROW(EXDEV),
/* Names that POSIX does not define, or that some POSIX systems lack. */
#ifdef ECOMM
    ROW(ECOMM),
#endif
#ifdef EHOSTDOWN
    ROW(EHOSTDOWN),
#endif
#ifdef EMULTIHOP
    ROW(EMULTIHOP),
#endif
#ifdef ENODATA
    ROW(ENODATA),
#endif
#ifdef ENOLINK
    ROW(ENOLINK),
#endif
#ifdef ENONET
    ROW(ENONET),
#endif
#ifdef ENOTRECOVERABLE
    ROW(ENOTRECOVERABLE),
#endif
#ifdef EOWNERDEAD
    ROW(EOWNERDEAD),
#endif
#ifdef EPFNOSUPPORT
    ROW(EPFNOSUPPORT),
#endif
#ifdef EREMOTEIO
    ROW(EREMOTEIO),
#endif
#ifdef ERFKILL
    ROW(ERFKILL),
#endif
#ifdef ESHUTDOWN
    ROW(ESHUTDOWN),
#endif
#ifdef ESOCKTNOSUPPORT
    ROW(ESOCKTNOSUPPORT),
#endif
#ifdef ETIME
    ROW(ETIME),
#endif
#ifdef ETOOMANYREFS
    ROW(ETOOMANYREFS),
#endif
#ifdef EUSERS
    ROW(EUSERS),
#endif
};
#undef ROW

/* The name of an errno value, or NULL. */
static const char *find_name(int sys) {
    for (size_t i = 0; i < sizeof errno_names / sizeof errno_names[0]; i++)
        if (errno_names[i].value == sys) return errno_names[i].name;
    return NULL;
}

/* There are two versions of strerror_r, chosen by feature macros and libc: the XSI one returns 0 and fills buf; the GNU
 * one returns the text, which may be outside buf. The return type identifies the version (strerror(3)). */
static inline const char *text_of_xsi(int rc, const char *buf) { return rc == 0 ? buf : "unknown error"; }

static inline const char *text_of_gnu(const char *text, const char *buf) {
    (void)buf;
    return text;
}

static const char *system_text(int sys, char *buf, size_t size) {
    return _Generic(strerror_r(sys, buf, size), int: text_of_xsi, char *: text_of_gnu)(
        strerror_r(sys, buf, size), buf);
}

/* Error texts begin with a lower-case letter, because they often follow a colon. Abbreviations do not change. */
static void lower_first(char *text) {
    unsigned char first = (unsigned char)text[0];
    if (isupper(first) && !isupper((unsigned char)text[1])) text[0] = (char)tolower(first);
}

/* Where the system's text would mislead: it is made for all calls that fail so. */
static const struct {
    enum sw_stage stage;
    int sys;
    const char *words;
} clearer[] = {
    {SW_STAGE_RESOLVE, ETIMEDOUT, "name service has not answered within connect_timeout"},
    {SW_STAGE_TLS, ETIMEDOUT, "the TLS handshake has not ended within connect_timeout"},
    {SW_STAGE_CONNECT, EADDRNOTAVAIL, "no local port or address is left for it (cannot assign requested address)"},
};

static const char *find_clearer(const struct sw_error *error) {
    for (size_t i = 0; i < sizeof clearer / sizeof clearer[0]; i++)
        if (clearer[i].stage == error->stage && clearer[i].sys == error->sys) return clearer[i].words;
    return NULL;
}

static void write_system_text(int sys, char *buf, size_t size) {
    char room[256];
    const char *text = system_text(sys, room, sizeof room);
    if (find_name(sys) != NULL)
        (void)snprintf(buf, size, "%s", text);
    else
        (void)snprintf(buf, size, "%s (errno %d)", text, sys);
    lower_first(buf);
}

static const struct {
    const char *code, *words, *receive_words;
} errors[] = {
#define ROW(name, code, words, receive_words) [SW_##name] = {code, words, receive_words},
    SW_ERRORS(ROW)
#undef ROW
};

static const char *const stages[] = {
#define ROW(name, text) [SW_STAGE_##name] = (text),
    SW_STAGES(ROW)
#undef ROW
};

static const char *own_text(enum sw_err err, enum sw_stage stage) {
    bool is_received = stage == SW_STAGE_RECEIVE && errors[err].receive_words != NULL;
    return is_received ? errors[err].receive_words : errors[err].words;
}

struct sw_error sw_error_make(enum sw_err err, enum sw_stage stage) {
    assert(err != SW_SYSTEM);
    return (struct sw_error){.err = err, .stage = stage, .sys = 0};
}

struct sw_error sw_error_lookups(unsigned under_way) {
    return (struct sw_error){.err = SW_LOOKUPS, .stage = SW_STAGE_RESOLVE, .sys = (int)under_way};
}

struct sw_error sw_error_denied(unsigned rule) {
    return (struct sw_error){.err = SW_POLICY, .stage = SW_STAGE_CONNECT, .sys = (int)rule + 1};
}

struct sw_error sw_error_inside(enum sw_inside inside) {
    return (struct sw_error){.err = SW_POLICY, .stage = SW_STAGE_CONNECT, .sys = -(int)inside};
}

struct sw_error sw_error_tls(enum sw_tls_reason reason, enum sw_stage stage) {
    return (struct sw_error){.err = SW_TLS, .stage = stage, .sys = (int)reason};
}

struct sw_error sw_error_system(int sys, enum sw_stage stage) {
    return (struct sw_error){.err = SW_SYSTEM, .stage = stage, .sys = sys};
}

const char *sw_error_code(const struct sw_error *error) {
    const char *name = error->err == SW_SYSTEM ? find_name(error->sys) : NULL;
    return name != NULL ? name : errors[error->err].code;
}

const char *sw_stage_name(enum sw_stage stage) { return stages[stage]; }

/* Errors whose text depends on `sys`. False: this is none. */
static bool write_text_of_number(const struct sw_error *error, char *buf, size_t size) {
    if (error->err == SW_TLS)
        (void)snprintf(buf, size, "%s", sw_tls_reason_text((enum sw_tls_reason)error->sys));
    else if (error->err == SW_LOOKUPS)
        (void)snprintf(buf, size, "its lookup had no turn, because %d others hang", error->sys);
    else if (error->err == SW_POLICY && error->sys > 0)
        (void)snprintf(buf, size, "the host's policy refuses this address by rule %d of deny", error->sys);
    else if (error->err == SW_POLICY && error->sys < 0)
        (void)snprintf(buf, size, "the host's policy refuses %s addresses, unless allow lists the address itself",
                       sw_inside_text((enum sw_inside) - error->sys));
    else
        return false;
    return true;
}

const char *sw_error_text(const struct sw_error *error, char *buf, size_t size) {
    assert(size > 0);
    const char *words = error->err == SW_SYSTEM ? find_clearer(error) : NULL;
    if (words != NULL)
        (void)snprintf(buf, size, "%s", words);
    else if (error->err == SW_SYSTEM)
        write_system_text(error->sys, buf, size);
    else if (!write_text_of_number(error, buf, size))
        (void)snprintf(buf, size, "%s", own_text(error->err, error->stage));
    return buf;
}
