#include "host/policy.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/decimal.h"
#include "base/error.h"
#include "base/framing.h"
#include "host/check.h"
#include "host/event.h"
#include "host/raise.h"
#include "host/read_server.h"

struct sw_policy sw_policy_unlimited(void) {
    return (struct sw_policy){SW_POLICY_RULES(SW_OPTION_DEFAULT, SW_OPTION_NONE)};
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

static bool is_path(struct sw_slice text) { return text.size > 0 && !sw_tls_is_pem(text); }

bool sw_policy_refuses_tls(lua_State *L, const struct sw_policy *policy, const struct sw_tls_values *values) {
    if (policy->tls_verify && !values->verify && values->pin_count == 0)
        return refuse(L, "sidewire.new: the host's policy does not allow tls.verify = false: tls_verify is true");
    if (policy->files || !(is_path(values->ca) || is_path(values->cert) || is_path(values->key))) return false;
    return refuse(L,
                  "sidewire.new: the host's policy does not allow to open files, as tls.ca, tls.cert and tls.key may "
                  "name: files is false; give PEM text");
}

/* --- servers --- */

enum { REASON_MAX = 400 }; /* bytes */

static size_t add_text(char *buf, size_t used, const char *before, const struct sw_slice *text) {
    int added = snprintf(buf + used, REASON_MAX - used, "%s%.*s", before, (int)text->size, (const char *)text->data);
    size_t size = used + (size_t)(added > 0 ? added : 0);
    return size < REASON_MAX ? size : REASON_MAX - 1;
}

/* Lists the rules of allow, as far as there is room. */
static void write_allowed(char *buf, size_t used, const struct sw_rules *rules) {
    enum { MARGIN = 8 };
    for (unsigned i = 0; i < rules->allow_count; i++) {
        const struct sw_slice *text = &rules->list[i].text;
        if (used + text->size + MARGIN > REASON_MAX) {
            (void)snprintf(buf + used, REASON_MAX - used, ", ...");
            return;
        }
        used = add_text(buf, used, i == 0 ? " (valid: " : ", ", text);
    }
    (void)snprintf(buf + used, REASON_MAX - used, rules->allow_count > 0 ? ")" : ", which is empty");
}

/* Writes why, before Lua makes the message: a finalizer could replace the rules meanwhile. */
static void write_reason(char *buf, const struct sw_rules *rules, enum sw_verdict verdict, unsigned which) {
    switch (verdict) {
    case SW_ADMITTED: break;
    case SW_NOT_ALLOWED:
        write_allowed(buf, (size_t)snprintf(buf, REASON_MAX, "no rule of allow admits it"), rules);
        break;
    case SW_DENIED: {
        size_t used = (size_t)snprintf(buf, REASON_MAX, "rule %u of deny, ", which + 1);
        (void)add_text(buf, used, "", &rules->list[rules->allow_count + which].text);
        break;
    }
    case SW_ODD_PATH:
        (void)snprintf(buf, REASON_MAX, "under its rules, a path may not have an empty part, \".\" or \"..\"");
        break;
    }
}

static bool refuses_server(lua_State *L, const struct sw_policy *policy, const char *where,
                           const struct sw_endpoint *server) {
    char reason[REASON_MAX];
    unsigned which;
    const struct sw_server asked = {server->scheme, server->port, server->hostname};
    enum sw_verdict verdict =
        sw_server_is_complete(&asked) ? sw_rules_judge(policy->rules, server, &which) : SW_ADMITTED;
    if (verdict == SW_ADMITTED) return false;
    write_reason(reason, policy->rules, verdict, which);
    sw_push_url(L, server);
    return refuse(
        L, lua_pushfstring(L, "%s: the host's policy does not allow %s: %s", where, lua_tostring(L, -1), reason));
}

bool sw_policy_refuses_servers(lua_State *L, const struct sw_policy *policy, const char *where,
                               const struct sw_choice *servers) {
    for (unsigned i = 0; i < servers->count; i++)
        if (refuses_server(L, policy, where, &servers->list[i])) return true;
    return false;
}

/* --- setting --- */

static const char rule_list[] = "a list of rules such as \"*.example.org:443\", \"10.0.0.0/8\", \"unix:/run/game/*\"";

static void check_rule(lua_State *L, struct sw_spot spot, int number) {
    struct sw_rule rule;
    size_t size;
    const char *field = lua_pushfstring(L, "%s[%d]", spot.field, number);
    if (lua_type(L, -2) != LUA_TSTRING) sw_misuse(L, (struct sw_spot){spot.where, field}, -2, "a rule, a string");
    const char *text = lua_tolstring(L, -2, &size);
    const char *problem = sw_rule_parse(text, size, &rule);
    if (problem != NULL) sw_raise(L, "%s: %s '%s': %s", spot.where, field, sw_to_text(L, -2), problem);
    lua_pop(L, 1);
}

static void check_rules(lua_State *L, struct sw_spot spot, void *out) {
    (void)out;
    if (!lua_istable(L, -1)) sw_misuse(L, spot, -1, rule_list);
    size_t count = sw_count_fields(L, -1);
    if (count > SW_RULES_MAX)
        sw_raise(L, "%s: %s must have at most %d rules, got %d", spot.where, spot.field, SW_RULES_MAX, (int)count);
    for (int i = 1; i <= (int)count; i++) {
        lua_rawgeti(L, -1, i);
        check_rule(L, spot, i);
        lua_pop(L, 1);
    }
}
static void parse_tls_library(lua_State *L, struct sw_spot spot, void *out) {
    const char *path = sw_to_word(L, -1);
    if (path == NULL || path[0] == '\0' || strlen(path) > SW_TLS_LIBRARY_MAX)
        sw_misuse(L, spot, -1, "the path of a TLS library, 1..255 bytes");
    memcpy(((struct sw_policy *)out)->tls_library, path, strlen(path) + 1);
}

#define parse_allow check_rules
#define parse_deny check_rules

#define PARSER(name, kind, standard, least, most) SW_OPTION_PARSER((struct sw_policy *)out, name, kind, least, most)
SW_POLICY_RULES(PARSER, SW_OPTION_NONE)

static const struct sw_option rules[] = {SW_POLICY_RULES(SW_OPTION_ENTRY, SW_OPTION_OTHER_ENTRY){NULL, NULL}};

/* Replaces the list in the table on top by a copy. */
static void copy_list(lua_State *L, const char *name) {
    lua_getfield(L, -1, name);
    if (lua_istable(L, -1)) {
        sw_push_copy(L, -1);
        lua_setfield(L, -3, name);
    }
    lua_pop(L, 1);
}

struct sw_policy sw_policy_check(lua_State *L, const char *where, int index) {
    struct sw_policy policy = sw_policy_unlimited();
    if (!lua_istable(L, index))
        sw_misuse(L, (struct sw_spot){where, "rules"}, index, "a table { max_clients =, max_queue =, ... }");
    sw_push_copy(L, index);
    copy_list(L, "allow");
    copy_list(L, "deny");
    lua_replace(L, index);
    lua_settop(L, index);
    sw_check_table(L, (struct sw_spot){where, NULL}, index, rules, &policy);
    lua_getfield(L, index, "allow");
    lua_getfield(L, index, "deny");
    return policy;
}

/* Fills texts with the strings of the list at index, and returns their number; 0 without a list. Nothing that Lua does
 * here runs a finalizer. The list keeps the strings. */
static unsigned read_list(lua_State *L, int index, struct sw_slice *texts) {
    unsigned count = 0;
    for (; lua_istable(L, index) && count < SW_RULES_MAX; count++) {
        lua_rawgeti(L, index, (int)count + 1);
        texts[count].data = lua_tolstring(L, -1, &texts[count].size);
        lua_pop(L, 1);
        if (texts[count].data == NULL) break;
    }
    return count;
}

/* The rules about servers in the lists that sw_policy_check has pushed. NULL: there are none, or no memory: then
 * *failed. */
static struct sw_rules *read_rules(lua_State *L, int index, bool *failed) {
    struct sw_slice allow[SW_RULES_MAX], deny[SW_RULES_MAX];
    bool has_allow = lua_istable(L, index + 1), has_deny = lua_istable(L, index + 2);
    unsigned allow_count = read_list(L, index + 1, allow), deny_count = read_list(L, index + 2, deny);
    *failed = false;
    if (!has_allow && !has_deny) return NULL;
    struct sw_rules *made = sw_rules_new(has_allow ? allow : NULL, allow_count, deny, deny_count);
    *failed = made == NULL;
    return made;
}

void sw_policy_set(lua_State *L, struct sw_policy *policy, const struct sw_policy *wanted, const char *where,
                   int index) {
    bool failed;
    struct sw_rules *made = read_rules(L, index, &failed);
    if (failed) sw_raise(L, "%s: not enough memory", where);
    sw_rules_unref(policy->rules);
    *policy = *wanted;
    policy->rules = made;
}
