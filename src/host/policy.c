#include "host/policy.h"

#include <stdint.h>

#include "base/decimal.h"
#include "base/error.h"
#include "base/framing.h"
#include "host/check.h"
#include "host/event.h"

struct sw_policy sw_policy_unlimited(void) {
    return (struct sw_policy){SW_POLICY_RULES(SW_OPTION_DEFAULT)};
}

/* --- refusing --- */

static bool refuse(lua_State *L, const char *sentence) {
    sw_push_refusal(L, SW_POLICY, sentence);
    return true;
}

static bool exceeds(lua_State *L, const char *where, const char *what, size_t asked, const char *rule, size_t limit) {
    if (asked <= limit) return false;
    return refuse(L, lua_pushfstring(L, "%s: %s %s exceeds the host's policy: %s is %s", where, what, SW_DECIMAL(asked),
                                     rule, SW_DECIMAL(limit)));
}

bool sw_policy_refuses_options(lua_State *L, const struct sw_policy *policy, const struct sw_options *options) {
    return exceeds(L, "sidewire.new", "queue_limit", options->queue_limit, "max_queue", policy->max_queue) ||
           exceeds(L, "sidewire.new", "inbox_limit", options->inbox_limit, "max_inbox", policy->max_inbox) ||
           exceeds(L, "sidewire.new", "max_read", options->max_read, "max_inbox", policy->max_inbox) ||
           exceeds(L, "sidewire.new", options->framing.kind == SW_FRAMING_FIXED ? "framing.fixed" : "max_message",
                   options->framing.max, "max_inbox", policy->max_inbox) ||
           sw_policy_refuses_linger(L, policy, "sidewire.new: linger", options->linger);
}

bool sw_policy_refuses_message(lua_State *L, const struct sw_policy *policy, const char *where, size_t max_message) {
    return exceeds(L, where, "max_message", max_message, "max_inbox", policy->max_inbox);
}

int sw_policy_refuse_client(lua_State *L, const struct sw_policy *policy) {
    refuse(L, lua_pushfstring(L,
                              "sidewire.new: the host's policy allows no more clients: max_clients is %s, and a "
                              "client counts until it is closed and its socket gone",
                              SW_DECIMAL(policy->max_clients)));
    return 3;
}

bool sw_policy_refuses_linger(lua_State *L, const struct sw_policy *policy, const char *what, double seconds) {
    if (seconds <= policy->max_linger) return false;
    return refuse(L, lua_pushfstring(L, "%s %f s exceeds the host's policy: max_linger is %f s", what,
                                     (LUAI_UACNUMBER)seconds, (LUAI_UACNUMBER)policy->max_linger));
}

/* --- setting --- */

#define PARSER(name, kind, standard, least, most) SW_OPTION_PARSER((struct sw_policy *)out, name, kind, least, most)
SW_POLICY_RULES(PARSER)

static const struct sw_option rules[] = {SW_POLICY_RULES(SW_OPTION_ENTRY){NULL, NULL}};

struct sw_policy sw_policy_read(lua_State *L, const char *where, int index) {
    struct sw_policy policy = sw_policy_unlimited();
    if (!lua_istable(L, index))
        sw_misuse(L, (struct sw_spot){where, "rules"}, index, "a table { max_clients =, max_queue =, ... }");
    sw_check_table(L, (struct sw_spot){where, NULL}, index, rules, &policy);
    return policy;
}
