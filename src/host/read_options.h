/* Reads and checks the options of sidewire.new, and sets the defaults of those that are not given. */
#ifndef SW_HOST_READ_OPTIONS_H
#define SW_HOST_READ_OPTIONS_H

#include "base/backoff.h"
#include "base/options.h"
#include "base/server.h"
#include "host/luacompat.h"
#include "host/policy.h"
#include "host/read_tls.h"

/* The options that are not in struct sw_options: mostly those that a client may change later. */
struct sw_start {
    struct sw_choice servers;
    struct sw_reconnect reconnect;
    struct sw_tls_reading tls; /* never changes either, but is shared apart from the options */
};

/* Reads the table at index for the function `where`, except `on`, `greeting` and the bytes of `preamble`, which the
 * caller reads. Defaults stay within the policy. Given values may exceed it: the caller checks them by
 * sw_policy_refuses_options. Raises on misuse. */
void sw_options_read(lua_State *L, const char *where, int index, const struct sw_policy *policy,
                     struct sw_options *options, struct sw_start *start);

#endif
