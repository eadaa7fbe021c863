/* How a client is closed, whoever asks for it: the script, the collector, or the end of the Lua state. It raises
 * nothing and needs no memory.
 */
#ifndef SW_HOST_ENDING_H
#define SW_HOST_ENDING_H

#include "host/context.h"

/* Closes it, if it is not; the loop may flush for `linger` seconds. */
void sw_client_close(struct client *client, double linger);

#endif
