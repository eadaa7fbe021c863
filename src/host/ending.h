/* Closes a client: for the script, for the collector, and at the end of the Lua state. So it raises no error and needs
 * no memory.
 */
#ifndef SW_HOST_ENDING_H
#define SW_HOST_ENDING_H

#include "host/context.h"

/* Closes the client, unless it is closed. The loop may flush for `linger` seconds. */
void sw_client_close(struct client *client, double linger);

#endif
