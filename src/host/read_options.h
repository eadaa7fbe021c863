/* The option table of sidewire.new: read, checked, completed with the defaults of the contract. */
#ifndef SW_HOST_READ_OPTIONS_H
#define SW_HOST_READ_OPTIONS_H

#include <lua.h>

#include "base/address.h"
#include "base/backoff.h"
#include "base/options.h"
#include "host/policy.h"

/* What the client starts with and may change. */
struct sw_start {
    struct sw_endpoint server;
    struct sw_reconnect reconnect;
};

/* Reads the table at index, but for `on` and `greeting`, which stay in it. Defaults do not exceed the policy; what the
 * table says may, for sw_policy_refuses_options to see. Raises on misuse. */
void sw_options_read(lua_State *L, int index, const struct sw_policy *policy, struct sw_options *options,
                     struct sw_start *start);

#endif
