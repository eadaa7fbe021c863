/* The plain transport: sends the bytes as they are. */
#ifndef SW_LOOP_PLAIN_H
#define SW_LOOP_PLAIN_H

#include <stdatomic.h>

#include "loop/transport.h"

/* Makes the transport of a connected socket, which it owns from now on. `fork_fd`: see sw_socket_connect. */
void sw_plain_open(struct sw_transport *transport, int fd, atomic_int *fork_fd);

#endif
