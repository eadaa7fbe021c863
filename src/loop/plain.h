/* The plain transport: the bytes that it is given are those of the wire. */
#ifndef SW_LOOP_PLAIN_H
#define SW_LOOP_PLAIN_H

#include <stdatomic.h>

#include "loop/transport.h"

/* Over a socket that is connected; `noted`: see sw_socket_connect. */
void sw_plain_open(struct sw_transport *transport, int fd, atomic_int *fork_fd);

#endif
