/* The transport of unix sockets: sends the bytes as they are.
 *
 * There is no acknowledgement by a protocol: what the peer has not read lies in the system's buffers. Linux tells
 * their size (SIOCOUTQ), which is never less than the bytes in them: 10 unread bytes are 768. So at least `written`
 * minus that size is read, and all when it is 0. When the peer closes its socket, the system frees the buffers, read or
 * not; before that it leaves an error on our socket (ECONNRESET) if the peer had not read all. So a size counts only if
 * there is no such error after it was asked. What is not known to be read at such an end stays unknown. Measured on
 * Linux 6.18; net/unix/af_unix.c, unix_release_sock, does it in that order.
 *
 * Other systems tell nothing (SW_COUNTS_UNREAD): there, what is handed over counts as acknowledged.
 */
#ifndef SW_LOOP_UNIX_H
#define SW_LOOP_UNIX_H

#include "loop/transport.h"

/* Makes the transport of a connected socket, which it owns from now on. */
void sw_unix_open(struct sw_transport *transport, int fd);

#endif
