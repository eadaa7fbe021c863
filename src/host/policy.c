#include "host/policy.h"

#include <lauxlib.h>
#include <stdint.h>

#include "host/check.h"
#include "host/event.h"
#include "host/host.h"

/* No limit: more than any process can have. */
#define LIMITLESS ((size_t)PTRDIFF_MAX)

struct sw_policy sw_policy_open(void) {
    return (struct sw_policy){
        .max_clients = LIMITLESS,
        .max_queue = LIMITLESS,
        .max_inbox = LIMITLESS,
        .max_linger = SW_SECONDS_MAX,
        .files = true,
    };
}

/* --- refusing --- */

static bool refuse(lua_State *L, const char *sentence) {
    sw_push_refusal(L, SW_POLICY, sentence);
    return true;
}

static bool exceeds(lua_State *L, const char *what, size_t asked, const char *rule, size_t limit) {
    if (asked <= limit) return false;
    return refuse(L, lua_pushfstring(L, "sidewire.new: %s %I exceeds the host's policy: %s is %I", what,
                                     (LUAI_UACINT)asked, rule, (LUAI_UACINT)limit));
}

bool sw_policy_refuses_options(lua_State *L, const struct sw_policy *policy, const struct sw_options *options) {
    return exceeds(L, "queue_limit", options->queue_limit, "max_queue", policy->max_queue) ||
           exceeds(L, "inbox_limit", options->inbox_limit, "max_inbox", policy->max_inbox) ||
           exceeds(L, options->framing.kind == SW_FRAMING_FIXED ? "framing.fixed" : "max_message", options->framing.max,
                   "max_inbox", policy->max_inbox) ||
           sw_policy_refuses_linger(L, policy, "sidewire.new: linger", options->linger);
}

bool sw_policy_allows_client(const struct host *host) {
    return sw_engine_count_open(host->engine) < host->policy.max_clients;
}

int sw_policy_refuse_client(lua_State *L, const struct host *host) {
    refuse(L, lua_pushfstring(L,
                              "sidewire.new: the host's policy allows no more clients: max_clients is %I, and a "
                              "client counts until it is closed and its socket gone",
                              (LUAI_UACINT)host->policy.max_clients));
    return 3;
}

bool sw_policy_refuses_linger(lua_State *L, const struct sw_policy *policy, const char *what, double seconds) {
    if (seconds <= policy->max_linger) return false;
    return refuse(L, lua_pushfstring(L, "%s %f s exceeds the host's policy: max_linger is %f s", what,
                                     (LUAI_UACNUMBER)seconds, (LUAI_UACNUMBER)policy->max_linger));
}

/* --- setting --- */

static size_t read_size(lua_State *L, struct sw_spot spot, lua_Integer min) {
    return (size_t)sw_check_integer(L, spot, -1, min, (lua_Integer)LIMITLESS);
}

static void read_max_clients(lua_State *L, struct sw_spot spot, void *out) {
    ((struct sw_policy *)out)->max_clients = read_size(L, spot, 0);
}

static void read_max_queue(lua_State *L, struct sw_spot spot, void *out) {
    ((struct sw_policy *)out)->max_queue = read_size(L, spot, 1);
}

static void read_max_inbox(lua_State *L, struct sw_spot spot, void *out) {
    ((struct sw_policy *)out)->max_inbox = read_size(L, spot, 1);
}

static void read_max_linger(lua_State *L, struct sw_spot spot, void *out) {
    ((struct sw_policy *)out)->max_linger = sw_check_seconds(L, spot, -1, 0);
}

static void read_files(lua_State *L, struct sw_spot spot, void *out) {
    ((struct sw_policy *)out)->files = sw_check_boolean(L, spot, -1);
}

static const struct sw_option rules[] = {
    {"max_clients", read_max_clients}, {"max_queue", read_max_queue}, {"max_inbox", read_max_inbox},
    {"max_linger", read_max_linger},   {"files", read_files},         {NULL, NULL},
};

/***
 * @module sidewire.core
 */

/*** Sets what scripts of this Lua state may ask for. For a host that runs scripts which are not its own; see
 * docs/embedding.md. Replaces the policy as a whole: what the table does not name is not limited. A default of
 * `sidewire.new` that exceeds a limit becomes the limit; a value that a script asks for is refused with EPOLICY. Clients
 * that were made before keep what they have.
 * @function set_policy
 * @tparam table rules max_clients (0 or more; a client counts until it is closed and its socket gone), max_queue (bytes;
 * bounds queue_limit), max_inbox (bytes; bounds inbox_limit and max_message), max_linger (seconds; bounds every linger
 * and the time-out of stop), files (false: no function opens a file)
 * @treturn[1] boolean true
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: EPOLICY (it is locked), EFORKED, ECLOSED (the Lua state is closing)
 * @raise an unknown rule, an invalid value
 */
static int set_policy(lua_State *L) {
    struct host *host = sw_host(L);
    struct sw_policy policy = sw_policy_open();
    lua_settop(L, 1);
    if (sw_host_refuses(L, host)) return 3;
    if (!lua_istable(L, 1))
        sw_misuse(L, (struct sw_spot){"sidewire.set_policy", "rules"}, 1,
                  "a table { max_clients =, max_queue =, ... }");
    sw_check_table(L, (struct sw_spot){"sidewire.set_policy", NULL}, 1, rules, &policy);
    if (host->policy.is_locked) return refuse(L, "sidewire.set_policy: the host's policy is locked"), 3;
    host->policy = policy;
    lua_pushboolean(L, true);
    return 1;
}

/*** Keeps the policy as it is for as long as the Lua state lives, also when the module is loaded again.
 * @function lock_policy
 * @treturn[1] boolean true
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: EFORKED, ECLOSED (the Lua state is closing)
 */
static int lock_policy(lua_State *L) {
    struct host *host = sw_host(L);
    if (sw_host_refuses(L, host)) return 3;
    host->policy.is_locked = true;
    lua_pushboolean(L, true);
    return 1;
}

/*** May a file with that name be opened? For layers that open files, which ask right before they do.
 * @function check_file
 * @tparam string path
 * @treturn[1] boolean true
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: EPOLICY
 */
static int check_file(lua_State *L) {
    const struct host *host = sw_host(L);
    if (host->policy.files) return lua_pushboolean(L, true), 1;
    refuse(L,
           lua_pushfstring(L, "cannot open %s: the host's policy allows no files (files is false)", sw_to_text(L, 1)));
    return 3;
}

const luaL_Reg sw_policy_functions[] = {
    {"set_policy", set_policy},
    {"lock_policy", lock_policy},
    {"check_file", check_file},
    {NULL, NULL},
};
