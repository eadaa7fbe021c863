/* The plain transport: sends the bytes as they are. */
#ifndef SW_LOOP_PLAIN_H
#define SW_LOOP_PLAIN_H

#include "loop/transport.h"

/* Makes the transport of a connected socket, which it owns from now on. */
void sw_plain_open(struct sw_transport *transport, int fd);

#endif
