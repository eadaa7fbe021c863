#include "loop/openssl.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "channel/fork.h"

/* The names of libssl, as each system installs it; that of libcrypto follows from it. A name tells the version. */
struct usual {
    const char *file;
    unsigned major;
};

static const struct usual usual[] = {
#ifdef __APPLE__
    {"libssl.3.dylib", 3},
    {"/opt/homebrew/opt/openssl@3/lib/libssl.3.dylib", 3},
    {"/usr/local/opt/openssl@3/lib/libssl.3.dylib", 3},
    {"libssl.1.1.dylib", 1},
#else
    {"libssl.so.3", 3},
    {"libssl.so.1.1", 1},
    {"libssl.so.30", 3}, /* FreeBSD's own */
    {"libssl.so.111", 1},
#endif
};
enum { USUAL_COUNT = sizeof usual / sizeof usual[0] };

/* The libraries that were loaded. They are few: the usual one, and files that policies name. */
enum { LIBRARIES_MAX = 4, NAME_MAX_SIZE = 256 };
static struct {
    char file[NAME_MAX_SIZE]; /* as it was asked for */
    struct sw_openssl functions;
} libraries[LIBRARIES_MAX];
static atomic_uint count;
/* Held while a library is loaded, by helper threads only, which delay a fork meanwhile. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* --- what was tried --- */

struct report {
    char *text;
    size_t size, used;
};

static void __attribute__((format(printf, 2, 3))) note(struct report *report, const char *format, ...) {
    va_list arguments;
    if (report->used > 0 && report->used + 2 < report->size) {
        memcpy(report->text + report->used, "; ", 3);
        report->used += 2;
    }
    va_start(arguments, format);
    int added = vsnprintf(report->text + report->used, report->size - report->used, format, arguments);
    va_end(arguments);
    if (added > 0) report->used += (size_t)added;
    if (report->used >= report->size) report->used = report->size - 1;
}

/* --- loading --- */

/* Where each function's pointer lies in struct sw_openssl, and its name in each version. */
static const struct {
    size_t at;
    const char *name_3, *name_1;
} functions[] = {
#define ROW(library, result, name, parameters) {offsetof(struct sw_openssl, name), #name, #name},
    SW_OPENSSL_FUNCTIONS(ROW)
#undef ROW
#define ROW(library, result, name, parameters, name_3, name_1) {offsetof(struct sw_openssl, name), name_3, name_1},
        SW_OPENSSL_RENAMED(ROW)
#undef ROW
            {offsetof(struct sw_openssl, set_options_3), "SSL_CTX_set_options", NULL},
    {offsetof(struct sw_openssl, set_options_1), NULL, "SSL_CTX_set_options"},
};

_Static_assert(sizeof(void *) == sizeof(void (*)(void)), "dlsym(3) returns functions as object pointers");

/* An object pointer becomes a pointer to a function, as POSIX guarantees for dlsym(3), without a cast that ISO C lacks. */
static void set_function(struct sw_openssl *lib, size_t at, void *symbol) {
    memcpy((char *)lib + at, &symbol, sizeof symbol);
}

static bool fill(struct sw_openssl *lib, void *handle, unsigned major, const char *file, struct report *report) {
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        const char *name = major >= 3 ? functions[i].name_3 : functions[i].name_1;
        if (name == NULL) continue;
        void *symbol = dlsym(handle, name);
        if (symbol == NULL) {
            note(report, "%s: it has no %s", file, name);
            return false;
        }
        set_function(lib, functions[i].at, symbol);
    }
    return true;
}

/* The version of libssl: it has no function that tells, but 3.0 has renamed one. 0: it is neither. */
static unsigned major_of_ssl(void *handle) {
    if (dlsym(handle, "SSL_get1_peer_certificate") != NULL) return 3;
    return dlsym(handle, "SSL_get_peer_certificate") != NULL ? 1 : 0;
}

/* The version number of libcrypto: 0xMNN00PP0 since 3.0, 0xMNNFFPPS before (OpenSSL_version_num(3)). 0: it has none. */
static unsigned long number_of_crypto(void *handle) {
    unsigned long (*version)(void) = NULL;
    void *symbol = dlsym(handle, "OpenSSL_version_num");
    memcpy(&version, &symbol, sizeof symbol);
    return version != NULL ? version() : 0;
}

/* Is what was loaded from the file one library of a version that is known? `named`: the version that the file's name
 * promises; 0: none. */
static bool judge(void *handle, const char *file, unsigned named, unsigned *major, struct report *report) {
    unsigned ssl = major_of_ssl(handle);
    unsigned long number = number_of_crypto(handle);
    unsigned crypto = (unsigned)(number >> 28), minor = (unsigned)(number >> 20 & 0xff);
    *major = ssl;
    if (ssl == 0 || number == 0) {
        note(report, "%s: it is no OpenSSL", file);
    } else if (ssl != crypto) {
        note(report, "%s: its libssl is of version %s, and its libcrypto of version %u.%u", file,
             ssl >= 3 ? "3" : "1.1", crypto, minor);
    } else if (named != 0 && named != ssl) {
        note(report, "%s: its name is one of version %s, and it is version %u.%u", file, named >= 3 ? "3" : "1.1",
             crypto, minor);
    } else if (ssl < 3 && number < 0x10101000ul) {
        note(report, "%s: version %u.%u is too old, 1.1.1 is the oldest that is used", file, crypto, minor);
    } else {
        return true;
    }
    return false;
}

/* Loads the libcrypto that lies beside a libssl which is named by its path: else the system's would be taken for it, or
 * there is none. NULL: there is none beside it. */
static void *load_beside(const char *file) {
    static const char from[] = "libssl", to[] = "libcrypto";
    char beside[NAME_MAX_SIZE + sizeof to];
    const char *base = strrchr(file, '/');
    if (base == NULL || strncmp(base + 1, from, sizeof from - 1) != 0) return NULL;
    int folder = (int)(base + 1 - file);
    (void)snprintf(beside, sizeof beside, "%.*s%s%s", folder, file, to, base + sizeof from);
    return dlopen(beside, RTLD_NOW | RTLD_LOCAL);
}

/* Tries one file. flags: RTLD_NOLOAD, or 0. The handle is kept, so that the library stays. */
static bool try_file(struct sw_openssl *lib, const char *file, unsigned named, int flags, struct report *report) {
    void *beside = flags == 0 ? load_beside(file) : NULL;
    void *handle = dlopen(file, RTLD_NOW | RTLD_LOCAL | flags);
    unsigned major;
    if (handle == NULL && flags == 0) {
        /* NOLINTNEXTLINE(concurrency-mt-unsafe): each thread has its own text (dlerror(3)) */
        const char *why = dlerror(); /* before dlclose, which has one of its own */
        if (why != NULL) note(report, "%s", why);
    }
    if (beside != NULL) dlclose(beside); /* libssl holds it now */
    if (handle == NULL) return false;
    *lib = (struct sw_openssl){.major = major_of_ssl(handle)};
    if (judge(handle, file, named, &major, report) && fill(lib, handle, major, file, report)) return true;
    dlclose(handle);
    return false;
}

/* First what the host has loaded itself. */
static bool try_usual(struct sw_openssl *lib, struct report *report) {
#ifdef RTLD_NOLOAD
    for (int i = 0; i < USUAL_COUNT; i++)
        if (try_file(lib, usual[i].file, usual[i].major, RTLD_NOLOAD, report)) return true;
    report->used = 0; /* it is tried again, and told then */
    report->text[0] = '\0';
#endif
    for (int i = 0; i < USUAL_COUNT; i++)
        if (try_file(lib, usual[i].file, usual[i].major, 0, report)) return true;
    return false;
}

static bool set_up(const struct sw_openssl *lib) {
    return lib->OPENSSL_init_crypto(SW_OPENSSL_INIT_NO_ATEXIT, NULL) == 1 &&
           lib->OPENSSL_init_ssl(SW_OPENSSL_INIT_NO_ATEXIT, NULL) == 1;
}

/* With the lock held. */
static const struct sw_openssl *find_or_load(const char *file, struct report *report) {
    for (unsigned i = 0; i < count; i++)
        if (strcmp(libraries[i].file, file) == 0) return &libraries[i].functions;
    if (count == LIBRARIES_MAX || strlen(file) >= NAME_MAX_SIZE) {
        note(report, "%.200s: too many other TLS libraries are loaded, or its name is too long", file);
        return NULL;
    }
    struct sw_openssl *lib = &libraries[count].functions;
    if (file[0] != '\0' ? !try_file(lib, file, 0, 0, report) : !try_usual(lib, report)) return NULL;
    if (!set_up(lib)) {
        note(report, "it cannot be set up");
        return NULL;
    }
    memcpy(libraries[count].file, file, strlen(file) + 1);
    atomic_fetch_add(&count, 1); /* last: sw_openssl_leave_thread does not lock */
    return lib;
}

/* glibc frees the text of a thread's last failure when dlerror has returned it and is called again, or else while the
 * thread ends, where a leak detector takes it for lost. */
static void free_dlerror(void) {
    for (int i = 0; i < 2; i++) (void)dlerror(); /* NOLINT(concurrency-mt-unsafe): each thread has its own text */
}

const struct sw_openssl *sw_openssl_load(const char *file, char *text, size_t size) {
    struct report report = {text, size, 0};
    text[0] = '\0';
    if (file[0] == '\0') {
        /* For a machine whose OpenSSL has an unusual name. */
        /* NOLINTNEXTLINE(concurrency-mt-unsafe): nothing of ours changes the environment */
        const char *own = getenv("SIDEWIRE_TLS_LIBRARY");
        if (own != NULL) file = own;
    }
    pthread_mutex_lock(&lock);
    const struct sw_openssl *lib = find_or_load(file, &report);
    pthread_mutex_unlock(&lock);
    free_dlerror();
    return lib;
}

void sw_openssl_leave_thread(void) {
    sw_fork_delay();
    for (unsigned i = 0; i < count; i++) libraries[i].functions.OPENSSL_thread_stop();
    sw_fork_allow();
}
