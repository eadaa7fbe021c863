#include "host/policy.h"

#include <stdint.h>

#include "base/error.h"
#include "base/framing.h"
#include "host/check.h"
#include "host/event.h"

/* No limit: more than any process can use. */
#define UNLIMITED ((size_t)PTRDIFF_MAX)

struct sw_policy sw_policy_unlimited(void) {
    return (struct sw_policy){
        .max_clients = UNLIMITED,
        .max_queue = UNLIMITED,
        .max_inbox = UNLIMITED,
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

int sw_policy_refuse_client(lua_State *L, const struct sw_policy *policy) {
    refuse(L, lua_pushfstring(L,
                              "sidewire.new: the host's policy allows no more clients: max_clients is %I, and a "
                              "client counts until it is closed and its socket gone",
                              (LUAI_UACINT)policy->max_clients));
    return 3;
}

bool sw_policy_refuses_linger(lua_State *L, const struct sw_policy *policy, const char *what, double seconds) {
    if (seconds <= policy->max_linger) return false;
    return refuse(L, lua_pushfstring(L, "%s %f s exceeds the host's policy: max_linger is %f s", what,
                                     (LUAI_UACNUMBER)seconds, (LUAI_UACNUMBER)policy->max_linger));
}

/* --- setting --- */

static size_t read_size(lua_State *L, struct sw_spot spot, lua_Integer min) {
    return (size_t)sw_check_integer(L, spot, -1, min, (lua_Integer)UNLIMITED);
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

struct sw_policy sw_policy_read(lua_State *L, const char *where, int index) {
    struct sw_policy policy = sw_policy_unlimited();
    if (!lua_istable(L, index))
        sw_misuse(L, (struct sw_spot){where, "rules"}, index, "a table { max_clients =, max_queue =, ... }");
    sw_check_table(L, (struct sw_spot){where, NULL}, index, rules, &policy);
    return policy;
}
