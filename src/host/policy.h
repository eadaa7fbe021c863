/* The policy: limits that a program sets for the scripts of one Lua state, which may come from others.
 *
 * The program sets the policy by the Lua functions that scripts also see, and then locks it; Lua code cannot unlock it.
 * A default of the module that exceeds a limit becomes the limit. A script's value that exceeds a limit is refused with
 * a message that names the rule, never reduced silently. Existing clients keep their values.
 */
#ifndef SW_HOST_POLICY_H
#define SW_HOST_POLICY_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/options.h"

struct sw_policy {
    size_t max_clients; /* number of clients that are not closed or still have a socket */
    size_t max_queue;   /* bytes: bounds queue_limit */
    size_t max_inbox;   /* bytes: bounds inbox_limit and max_message */
    double max_linger;  /* seconds: bounds every linger, and the time-out of stop */
    bool files;         /* functions may open files that a script names */
    bool is_locked;     /* the policy cannot be changed any more */
};

/* A policy without limits. */
struct sw_policy sw_policy_unlimited(void);

/* Check options, or a time in seconds, against the rules. True: a rule refuses it, and nil, message, "EPOLICY" were
 * pushed. `what` names the function and the argument in the message: "client:close: linger". */
bool sw_policy_refuses_options(lua_State *L, const struct sw_policy *policy, const struct sw_options *options);
bool sw_policy_refuses_linger(lua_State *L, const struct sw_policy *policy, const char *what, double seconds);

/* Pushes nil, message, "EPOLICY" for a client beyond max_clients. Returns 3. */
int sw_policy_refuse_client(lua_State *L, const struct sw_policy *policy);

/* Reads the rules in the table at index; a rule that is not in it is unlimited. Raises on misuse; `where` names the
 * function in the message. */
struct sw_policy sw_policy_read(lua_State *L, const char *where, int index);

#endif
