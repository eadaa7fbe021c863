/* The state of a client, for other methods that depend on it. */
#ifndef SW_HOST_GETTERS_H
#define SW_HOST_GETTERS_H

#include "base/state.h"
#include "host/context.h"

/* The state at this moment. */
enum sw_state sw_client_state(const struct client *client);

#endif
