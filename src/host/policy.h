/* What an embedding host allows the scripts of one Lua state, which may not be its own.
 *
 * The host sets the policy through the same Lua interface that scripts see, then locks it: there is no way back from Lua.
 * A default of the module that exceeds a limit becomes the limit. A value that a script asks for and that exceeds one is
 * refused, in words that name the rule: nothing is clamped in silence. Clients that were made before keep what they have.
 */
#ifndef SW_HOST_POLICY_H
#define SW_HOST_POLICY_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/options.h"

/* The rules of sidewire.set_policy (base/option_kinds.h). */
/* clang-format off */
#define SW_POLICY_RULES(X)                                                                                             \
    X(max_clients, size, SW_SIZE_MAX, 0, SW_SIZE_MAX) /* counted from `new` until the socket is gone */                \
    X(max_queue, size, SW_SIZE_MAX, 1, SW_SIZE_MAX)   /* of queue_limit */                                             \
    X(max_inbox, size, SW_SIZE_MAX, 1, SW_SIZE_MAX)   /* of inbox_limit, and of max_message */                         \
    X(max_linger, seconds, 1e8, 0, 1e8)               /* of every linger, and of the time that stop waits */           \
    X(files, flag, true, false, true)                 /* may files be opened whose names a script gives? */
/* clang-format on */

struct sw_policy {
    SW_POLICY_RULES(SW_OPTION_FIELD)
    bool is_locked;
};

/* Allows everything. */
struct sw_policy sw_policy_open(void);

/* True, with nil, message, "EPOLICY" pushed, where a rule refuses these options, or that many seconds. `what` names the
 * call and what it was given: "client:close: linger". */
bool sw_policy_refuses_options(lua_State *L, const struct sw_policy *policy, const struct sw_options *options);
bool sw_policy_refuses_linger(lua_State *L, const struct sw_policy *policy, const char *what, double seconds);

/* Pushes the refusal of one client more than max_clients: 3 values. */
int sw_policy_refuse_client(lua_State *L, const struct sw_policy *policy);

/* Reads the rules in the table at index; what it does not name is not limited. Raises on misuse, naming `where`. */
struct sw_policy sw_policy_read(lua_State *L, const char *where, int index);

#endif
