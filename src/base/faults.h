/* Faults on purpose, for tests: in builds with FAULTS=1 only, elsewhere nothing of this is compiled.
 *
 * Every call that can be made to fail (base/calls.h, base/memory.h) asks sw_faults_judge first. Rules say what becomes
 * of it. They are text, words between semicolons: `CALL WHAT WHEN`, and `seed N` for the chances (1 if absent).
 *
 *     CALL  socket, connect, sendmsg, recv, shutdown, getsockopt, setsockopt, ioctl, eventfd, read, write,
 *           pthread_create, getaddrinfo, malloc (which stands for calloc and realloc too)
 *     WHAT  an errno name (EAGAIN blocks; getaddrinfo: EAI_SYSTEM with it, or EAI_MEMORY, EAI_AGAIN, EAI_NONAME),
 *           cut (sendmsg, recv: some of the bytes, at least one), delay (up to 2 ms)
 *     WHEN  0.25 (a chance), @7 (the seventh call of this kind), @7+ (that one and all after it)
 *
 *     seed 5; sendmsg cut 0.5; sendmsg EAGAIN 0.1; malloc ENOMEM @3+
 *
 * What happens to the n-th call of a kind follows from the rules, the seed and n alone, whatever other threads do. The
 * first rule that applies decides, except that delays only add up.
 */
#ifndef SW_BASE_FAULTS_H
#define SW_BASE_FAULTS_H

#ifdef SW_FAULTS

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sw_call {
    SW_CALL_SOCKET,
    SW_CALL_CONNECT,
    SW_CALL_SENDMSG,
    SW_CALL_RECV,
    SW_CALL_SHUTDOWN,
    SW_CALL_GETSOCKOPT,
    SW_CALL_SETSOCKOPT,
    SW_CALL_IOCTL,
    SW_CALL_EVENTFD,
    SW_CALL_READ,
    SW_CALL_WRITE,
    SW_CALL_PTHREAD_CREATE,
    SW_CALL_GETADDRINFO,
    SW_CALL_MALLOC,
    SW_CALLS,
};

struct sw_call_count {
    uint64_t calls, faults; /* since the rules were set; delays are no faults */
};

/* Replaces all rules and counts anew. False: the text cannot be read, and there are no rules. Any thread. */
bool sw_faults_set(const char *text);

/* What the rules did so far. Any thread. */
struct sw_call_count sw_faults_count(enum sw_call call);

const char *sw_call_name(enum sw_call call);

/* 0: make the call, of which *size (NULL: not a matter of size) may have become smaller; or what it fails with: an
 * errno or, negative as they are in glibc, an EAI_ code. Any thread. */
int sw_faults_judge(enum sw_call call, size_t *size);

#endif

#endif
