#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* EAI_NODATA in glibc */
#endif

#include "loop/resolver.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>

#include "base/address.h"
#include "base/clock.h"

/* A name server counts as silent after so many seconds at least (resolv.conf(5), timeout). */
static const double SILENCE_MIN = 1;

/* Calls getaddrinfo. Returns 0 or its error code (EAI_...). There is no AI_ADDRCONFIG: with it, glibc finds no localhost on
 * a machine that has no other address than those of the loopback (RFC 3493, 6.1, does not count them). */
static int call(const char *hostname, int flags, struct sw_addresses *addresses) {
    struct addrinfo hints = {.ai_flags = flags, .ai_socktype = SOCK_STREAM}, *found = NULL;
    addresses->count = 0;
    int failed = getaddrinfo(hostname, NULL, &hints, &found);
    if (failed != 0) return failed;
    for (const struct addrinfo *info = found; info != NULL && addresses->count < SW_ADDRESSES_MAX;
         info = info->ai_next) {
        struct sw_address *address = &addresses->list[addresses->count];
        if (info->ai_addrlen > sizeof address->in6) continue;
        address->size = info->ai_addrlen;
        memcpy(&address->any, info->ai_addr, info->ai_addrlen);
        addresses->count++;
    }
    freeaddrinfo(found);
    return addresses->count > 0 ? 0 : EAI_NONAME;
}

/* Returns 0, or the errno for which this process can open no file. getaddrinfo says that a name does not exist when it
 * could open neither the hosts file nor a socket (glibc 2.36). */
static int descriptor_failure(void) {
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (fd >= 0) close(fd);
    return fd < 0 && (errno == EMFILE || errno == ENFILE) ? errno : 0;
}

/* `failed` is what getaddrinfo returned; sys is errno, for EAI_SYSTEM; after so many seconds. */
static struct sw_error to_error(int failed, int sys, double seconds) {
    int full = failed != 0 ? descriptor_failure() : 0;
    if (full != 0) return sw_error_system(full, SW_STAGE_RESOLVE);
    switch (failed) {
    case 0: return sw_error_make(SW_OK, SW_STAGE_RESOLVE);
    case EAI_NONAME: return sw_error_make(SW_NOTFOUND, SW_STAGE_RESOLVE);
#if defined EAI_NODATA && EAI_NODATA != EAI_NONAME
    case EAI_NODATA: return sw_error_make(SW_NOADDRESS, SW_STAGE_RESOLVE);
#endif
    case EAI_MEMORY: return sw_error_system(ENOMEM, SW_STAGE_RESOLVE);
    case EAI_SYSTEM: return sw_error_system(sys, SW_STAGE_RESOLVE);
    case EAI_FAIL: return sw_error_make(SW_NAMEFAIL, SW_STAGE_RESOLVE);
    default: /* EAI_AGAIN, for a name server that is silent, that cannot be reached, and that cannot find out */
        return sw_error_make(seconds < SILENCE_MIN ? SW_NAMEDOWN : SW_NONAME, SW_STAGE_RESOLVE);
    }
}

bool sw_resolve_numeric(const char *hostname, struct sw_addresses *addresses, struct sw_error *error) {
    if (sw_ip_kind(hostname, strlen(hostname)) == NULL) return false;
    int failed = call(hostname, AI_NUMERICHOST, addresses), sys = errno;
    *error = to_error(failed, sys, 0);
    /* The address itself was checked before, so this is its zone (RFC 4007, 11). */
    if (error->err == SW_NOTFOUND) *error = sw_error_make(SW_SCOPE, SW_STAGE_RESOLVE);
    return true;
}

struct sw_error sw_resolve(const char *hostname, struct sw_addresses *addresses) {
    double begin = sw_clock();
    int failed = call(hostname, 0, addresses), sys = errno;
    return to_error(failed, sys, sw_clock() - begin);
}

void sw_addresses_set_port(struct sw_addresses *addresses, uint16_t port) {
    for (size_t i = 0; i < addresses->count; i++) {
        struct sw_address *address = &addresses->list[i];
        if (address->any.sa_family == AF_INET6)
            address->in6.sin6_port = htons(port);
        else if (address->any.sa_family == AF_INET)
            address->in.sin_port = htons(port);
    }
}
