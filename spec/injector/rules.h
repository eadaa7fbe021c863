/* Faults on purpose, for tests: in builds with FAULTS=1 only.
 *
 * Such a build links the module with --wrap (ld(1)): a call in src/ of a function F for which there is a __wrap_F in this
 * folder goes there, and __wrap_F asks rules_judge first. So do the functions of a transport (loop/transport.h) that
 * takes the place of the plain one. Rules are text, words between semicolons: `CALL WHAT WHEN`, and `seed N` for the
 * chances (1 if absent).
 *
 *     CALL  of the system: socket, connect, sendmsg, recv, getsockopt, setsockopt, eventfd, read, write,
 *           pthread_create, getaddrinfo, malloc (which stands for calloc and realloc too)
 *           of the transport: open (one call for each connection), send, receive, shut_down, acked
 *     WHAT  an errno name, for all but open (EAGAIN blocks; getaddrinfo: EAI_SYSTEM with it; shut_down: no FIN; acked:
 *           the kernel does not say), EAI_MEMORY, EAI_AGAIN, EAI_NONAME (only getaddrinfo), cut (only send, receive:
 *           some of the bytes, at least one), delay (up to 2 ms; not open), record (only open: the connection tells of
 *           more bytes written than it takes)
 *     WHEN  0.25 (a chance), @7 (the seventh call of this kind), @7+ (that one and all after it)
 *
 *     seed 5; send cut 0.5; send EAGAIN 0.1; malloc ENOMEM @3+
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
    CALL_GETSOCKOPT,
    CALL_SETSOCKOPT,
    CALL_EVENTFD,
    CALL_READ,
    CALL_WRITE,
    CALL_PTHREAD_CREATE,
    CALL_GETADDRINFO,
    CALL_MALLOC,
    CALL_OPEN,
    CALL_SEND,
    CALL_RECEIVE,
    CALL_SHUT_DOWN,
    CALL_ACKED,
    CALLS,
};

struct call_count {
    uint64_t calls, faults; /* since the rules were set; delays are no faults, records are */
};

/* Replaces all rules and counts anew. False: the text cannot be read, and there are no rules. Any thread. */
bool rules_set(const char *text);

/* What the rules did so far. Any thread. */
struct call_count rules_count(enum call call);

const char *rules_call_name(enum call call);

/* 0: make the call, of which *size (NULL: not a matter of size) may have become smaller; or what it fails with: an
 * errno or, negative as they are in glibc, an EAI_ code. Not 0 of CALL_OPEN: make records. Any thread. */
int rules_judge(enum call call, size_t *size);

/* The same for a call that sets errno: true when it fails, with errno set. */
bool rules_refuse(enum call call);

#endif
