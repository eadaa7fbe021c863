/* The policy: limits that a program sets for the scripts of one Lua state, which may come from others.
 *
 * The program sets the policy by the Lua functions that scripts also see, and then locks it; Lua code cannot unlock it.
 * A default of the module that exceeds a limit becomes the limit. A script's value that exceeds a limit is refused with
 * a message that names the rule, never reduced silently. Existing clients keep their values.
 */
#ifndef SW_HOST_POLICY_H
#define SW_HOST_POLICY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/options.h"
#include "base/rules.h"
#include "base/server.h"
#include "base/tls_settings.h"
#include "base/tunables.h"
#include "host/luacompat.h"

/* The rules of sidewire.set_policy (base/option_kinds.h). OTHER: lists of rules about servers (base/rules.h). */
/* clang-format off */
#define SW_POLICY_RULES(X, OTHER)                                                                                      \
    OTHER(allow)                                                                                                       \
    OTHER(deny)                                                                                                        \
    OTHER(tls_library)                                                                                                 \
    X(tls_verify, flag, false, false, true)           /* must every TLS server prove who it is? */                     \
    X(max_clients, size, SW_SIZE_MAX, 0, SW_SIZE_MAX) /* counted from `new` until the socket is gone */                \
    X(max_queue, size, SW_SIZE_MAX, 1, SW_SIZE_MAX)   /* of queue_limit */                                             \
    X(max_inbox, size, SW_SIZE_MAX, 1, SW_SIZE_MAX)   /* of inbox_limit, max_message and max_read */                   \
    X(max_linger, seconds, 1e8, 0, 1e8)               /* of every linger, and of the time that stop waits */           \
    X(max_lookups, integer, 16, 1, 16)                /* of names at a time; others wait for their turn */             \
    X(files, flag, true, false, true)                 /* may files be opened whose names a script gives? */
/* clang-format on */

_Static_assert(SW_LOOKUPS_OF_ENGINE_MAX == 16, "max_lookups has the same bound");

enum { SW_TLS_LIBRARY_MAX = 255 };

struct sw_policy {
    SW_POLICY_RULES(SW_OPTION_FIELD, SW_OPTION_NONE)
    char tls_library[SW_TLS_LIBRARY_MAX + 1]; /* path of the TLS library; "": the usual one */
    struct sw_rules *rules; /* of allow and deny; the context's reference; NULL: every server is admitted */
    bool is_locked;
};

/* A policy without limits. */
struct sw_policy sw_policy_unlimited(void);

/* Check options, or a time in seconds, against the rules. True: a rule refuses it, and nil, message, "EPOLICY" were
 * pushed. `what` names the function and the argument in the message: "client:close: linger". */
bool sw_policy_refuses_options(lua_State *L, const struct sw_policy *policy, const struct sw_options *options);
bool sw_policy_refuses_message(lua_State *L, const struct sw_policy *policy, const char *where, size_t max_message);
bool sw_policy_refuses_linger(lua_State *L, const struct sw_policy *policy, const char *what, double seconds);

/* The same for the option tls: a rule may want proof, or forbid files. */
bool sw_policy_refuses_tls(lua_State *L, const struct sw_policy *policy, const struct sw_tls_values *values);

/* The same for servers; `where` names the function. One without host or port is judged when it has them. */
bool sw_policy_refuses_servers(lua_State *L, const struct sw_policy *policy, const char *where,
                               const struct sw_choice *servers);

/* Pushes nil, message, "EPOLICY" for a client beyond max_clients. Returns 3. */
int sw_policy_refuse_client(lua_State *L, const struct sw_policy *policy);

/* Checks the rules in the table at index, and replaces the table by a copy that scripts cannot reach. A rule that is
 * not in it is unlimited. Raises on misuse; `where` names the function in the message. The result lacks allow and deny:
 * their lists are pushed behind the table, at index + 1 and index + 2, nil for one that is not given. */
struct sw_policy sw_policy_check(lua_State *L, const char *where, int index);

/* Replaces the policy by the result of sw_policy_check, with the lists that it has pushed. No script runs
 * meanwhile. Raises without memory, and then changes nothing. */
void sw_policy_set(lua_State *L, struct sw_policy *policy, const struct sw_policy *wanted, const char *where,
                   int index);

#endif
