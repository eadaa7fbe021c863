#include "base/rules.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* --- making them --- */

static size_t total(const struct sw_slice *texts, unsigned count) {
    size_t size = 0;
    for (unsigned i = 0; i < count; i++) size += texts[i].size;
    return size;
}

/* Appends the rules of the texts; *memory is where the texts go. */
static void fill(struct sw_rule *list, const struct sw_slice *texts, unsigned count, char **memory) {
    assert(count == 0 || texts != NULL);
    for (unsigned i = 0; i < count; i++) {
        memcpy(*memory, texts[i].data, texts[i].size);
        (void)sw_rule_parse(*memory, texts[i].size, &list[i]);
        *memory += texts[i].size;
    }
}

struct sw_rules *sw_rules_new(const struct sw_slice *allow, unsigned allow_count, const struct sw_slice *deny,
                              unsigned deny_count) {
    size_t head = sizeof(struct sw_rules) + (allow_count + deny_count) * sizeof(struct sw_rule);
    struct sw_rules *rules = malloc(head + total(allow, allow_count) + total(deny, deny_count));
    if (rules == NULL) return NULL;
    atomic_init(&rules->refs, 1);
    rules->has_allow = allow != NULL;
    rules->allow_count = allow_count;
    rules->deny_count = deny_count;
    char *memory = (char *)rules + head;
    fill(rules->list, allow, allow_count, &memory);
    fill(rules->list + allow_count, deny, deny_count, &memory);
    return rules;
}

struct sw_rules *sw_rules_ref(struct sw_rules *rules) {
    if (rules != NULL) atomic_fetch_add_explicit(&rules->refs, 1, memory_order_relaxed);
    return rules;
}

void sw_rules_unref(struct sw_rules *rules) {
    if (rules == NULL || atomic_fetch_sub_explicit(&rules->refs, 1, memory_order_acq_rel) > 1) return;
    free(rules);
}

/* --- judging --- */

/* What a rule is asked about: a unix socket, an address or a name. */
struct subject {
    const char *path, *name; /* NULL: it is none */
    struct sw_ip ip;         /* version 0: it is none */
    uint16_t port;
};

static bool holds(const struct sw_rule *rule, const struct subject *subject) {
    if (subject->path != NULL) return sw_rule_has_unix(rule, subject->path);
    if (subject->name != NULL) return sw_rule_has_name(rule, subject->name, subject->port);
    return sw_rule_has_address(rule, &subject->ip, subject->port);
}

/* The index of the first of the rules that holds; count: none. */
static unsigned find(const struct sw_rule *list, unsigned count, const struct subject *subject) {
    unsigned i = 0;
    while (i < count && !holds(&list[i], subject)) i++;
    return i;
}

static bool is_allowed(const struct sw_rules *rules, const struct subject *subject) {
    return find(rules->list, rules->allow_count, subject) < rules->allow_count;
}

/* An address behind a translator is denied with the one that it leads to. */
static bool is_denied(const struct sw_rules *rules, const struct subject *subject, unsigned *which) {
    const struct sw_rule *deny = rules->list + rules->allow_count;
    *which = find(deny, rules->deny_count, subject);
    if (*which < rules->deny_count) return true;
    struct subject behind = *subject;
    if (subject->ip.version == 0 || !sw_ip_is_translated(&subject->ip, &behind.ip)) return false;
    *which = find(deny, rules->deny_count, &behind);
    return *which < rules->deny_count;
}

/* A path with such parts would be another name of a socket that a rule names. */
static bool is_odd_path(const char *path) {
    if (path[0] != '/') return false;
    for (const char *slash = path; slash != NULL; slash = strchr(slash + 1, '/')) {
        size_t size = strcspn(slash + 1, "/");
        if (size == 0 || (size <= 2 && strncmp(slash + 1, "..", size) == 0)) return true;
    }
    return false;
}

/* A numeric address without its zone, which no rule knows. */
static struct sw_ip read_ip(const char *text) {
    struct sw_ip ip = {.version = 0};
    size_t size = strcspn(text, "%");
    if (sw_ip_kind(text, size) != NULL) (void)sw_ip_read(text, size, &ip);
    return ip;
}

static struct subject subject_of(const struct sw_endpoint *server) {
    struct subject subject = {.port = server->port};
    if (server->scheme == SW_SCHEME_UNIX)
        subject.path = server->hostname;
    else if ((subject.ip = read_ip(server->hostname)).version == 0)
        subject.name = server->hostname;
    return subject;
}

enum sw_verdict sw_rules_judge(const struct sw_rules *rules, const struct sw_endpoint *server, unsigned *which) {
    if (rules == NULL) return SW_ADMITTED;
    const struct subject subject = subject_of(server);
    if (subject.path != NULL && is_odd_path(subject.path)) return SW_ODD_PATH;
    if (is_denied(rules, &subject, which)) return SW_DENIED;
    return rules->has_allow && !is_allowed(rules, &subject) ? SW_NOT_ALLOWED : SW_ADMITTED;
}

struct sw_error sw_rules_judge_address(const struct sw_rules *rules, const struct sw_ip *ip, uint16_t port) {
    const struct sw_error admitted = {.err = SW_OK};
    const struct subject subject = {.ip = *ip, .port = port};
    unsigned which;
    if (rules == NULL) return admitted;
    if (is_denied(rules, &subject, &which)) return sw_error_denied(which);
    enum sw_inside inside = rules->has_allow ? sw_ip_inside(ip) : SW_INSIDE_NONE;
    return inside == SW_INSIDE_NONE || is_allowed(rules, &subject) ? admitted : sw_error_inside(inside);
}
