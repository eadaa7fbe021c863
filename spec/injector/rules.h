/* Faults on purpose, for tests: in builds with FAULTS=1 only.
 *
 * Such a build links the module with --wrap (ld(1)): a call in src/ of a function F for which there is a __wrap_F in this
 * folder goes there, and __wrap_F asks rules_judge first. Rules are text, words between semicolons: `CALL WHAT WHEN`,
 * and `seed N` for the chances (1 if absent).
 *
 *     CALL  socket, connect, sendmsg, recv, shutdown, getsockopt, setsockopt, ioctl, eventfd, read, write,
 *           pthread_create, getaddrinfo, malloc (which stands for calloc and realloc too)
 *     WHAT  an errno name (EAGAIN blocks; getaddrinfo: EAI_SYSTEM with it), EAI_MEMORY, EAI_AGAIN, EAI_NONAME (only
 *           getaddrinfo), cut (only sendmsg, recv: some of the bytes, at least one), delay (up to 2 ms)
 *     WHEN  0.25 (a chance), @7 (the seventh call of this kind), @7+ (that one and all after it)
 *
 *     seed 5; sendmsg cut 0.5; sendmsg EAGAIN 0.1; malloc ENOMEM @3+
 *
 * What happens to the n-th call of a kind follows from the rules, the seed and n alone, whatever other threads do. The
 * first rule that applies decides, except that delays only add up.
 */
#ifndef INJECTOR_RULES_H
#define INJECTOR_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum call {
    CALL_SOCKET,
    CALL_CONNECT,
    CALL_SENDMSG,
    CALL_RECV,
    CALL_SHUTDOWN,
    CALL_GETSOCKOPT,
    CALL_SETSOCKOPT,
    CALL_IOCTL,
    CALL_EVENTFD,
    CALL_READ,
    CALL_WRITE,
    CALL_PTHREAD_CREATE,
    CALL_GETADDRINFO,
    CALL_MALLOC,
    CALLS,
};

struct call_count {
    uint64_t calls, faults; /* since the rules were set; delays are no faults */
};

/* Replaces all rules and counts anew. False: the text cannot be read, and there are no rules. Any thread. */
bool rules_set(const char *text);

/* What the rules did so far. Any thread. */
struct call_count rules_count(enum call call);

const char *rules_call_name(enum call call);

/* 0: make the call, of which *size (NULL: not a matter of size) may have become smaller; or what it fails with: an
 * errno or, negative as they are in glibc, an EAI_ code. Any thread. */
int rules_judge(enum call call, size_t *size);

/* The same for a call that sets errno: true when it fails, with errno set. */
bool rules_refuse(enum call call, size_t *size);

#endif
