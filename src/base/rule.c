#include "base/rule.h"

#include <string.h>

#include "base/url.h"

static const char ports_problem[] = "behind \":\" stands a port, or two as \"7000-7999\", 1..65535";

/* Names and schemes are ASCII; strncasecmp would depend on the host's locale. */
static char lower(char c) { return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c); }

static bool is_same_word(const char *a, const char *b, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (lower(a[i]) != lower(b[i])) return false;
    return true;
}

/* Reads the digits at the text's beginning. Returns how many; 0: no number 1..65535 stands there. */
static size_t read_port(const char *text, size_t size, uint16_t *port) {
    unsigned value = 0;
    size_t digits = 0;
    while (digits < size && digits < 6 && text[digits] >= '0' && text[digits] <= '9')
        value = value * 10 + (unsigned)(text[digits++] - '0');
    *port = (uint16_t)value;
    return value >= 1 && value <= 65535 ? digits : 0;
}

/* Reads what follows the host: nothing, ":443" or ":7000-7999". */
static const char *read_ports(const char *text, size_t size, struct sw_rule *rule) {
    rule->first = 1;
    rule->last = UINT16_MAX;
    if (size == 0) return NULL;
    size_t at = 1 + read_port(text + 1, size - 1, &rule->first);
    if (text[0] != ':' || at == 1) return ports_problem;
    rule->last = rule->first;
    if (at == size) return NULL;
    if (text[at++] != '-') return ports_problem;
    size_t digits = read_port(text + at, size - at, &rule->last);
    return digits == 0 || at + digits != size || rule->last < rule->first ? ports_problem : NULL;
}

static const char *parse_unix(const char *text, size_t size, struct sw_rule *rule) {
    static const char problem[] =
        "behind \"unix:\" stands a path, \"@\" and a name, or the beginning of one with \"*\" at the end";
    rule->kind = SW_RULE_UNIX;
    rule->is_wild = size > 0 && text[size - 1] == '*';
    if (rule->is_wild) size--;
    rule->name = (struct sw_slice){text, size};
    if (size > SW_SOCKET_NAME_MAX || memchr(text, '\0', size) != NULL) return problem;
    if (size == 0) return rule->is_wild ? NULL : problem;
    return text[0] == '/' || text[0] == '@' ? NULL : problem;
}

static const char *parse_name(const char *text, size_t size, struct sw_rule *rule) {
    rule->kind = SW_RULE_NAME;
    rule->is_wild = size > 0 && text[0] == '*';
    if (rule->is_wild) text++, size--;
    rule->name = (struct sw_slice){text, size};
    if (rule->is_wild && size == 0) return NULL;
    if (rule->is_wild && text[0] != '.')
        return "\"*\" stands for whole labels: write \"*.example.org\", or \"*\" alone";
    return sw_host_problem(text + rule->is_wild, size - rule->is_wild);
}

/* Of an IPv6 address without brackets, all is the address: it has no port. */
static size_t host_size(const char *text, size_t size) {
    const char *bracket = size > 0 && text[0] == '[' ? memchr(text, ']', size) : NULL;
    const char *from = bracket != NULL ? bracket : text;
    const char *colon = memchr(from, ':', size - (size_t)(from - text));
    if (colon == NULL) return size;
    size_t before = (size_t)(colon - text), behind = size - before - 1;
    return bracket == NULL && memchr(colon + 1, ':', behind) != NULL ? size : before;
}

/* Copies "[ADDRESS]/BITS" without its brackets. Returns the size of the copy; 0: the brackets do not fit. */
static size_t without_brackets(const char *text, size_t size, char *copy) {
    const char *end = memchr(text, ']', size);
    if (text[0] != '[') return end == NULL ? (memcpy(copy, text, size), size) : 0;
    if (end == NULL || (end + 1 < text + size && end[1] != '/')) return 0;
    size_t inner = (size_t)(end - text) - 1;
    memcpy(copy, text + 1, inner);
    memcpy(copy + inner, end + 1, size - inner - 2);
    return size - 2;
}

static const char *parse_address(const char *text, size_t size, struct sw_rule *rule) {
    char address[SW_IP_TEXT];
    rule->kind = SW_RULE_ADDRESS;
    size_t length = size < sizeof address ? without_brackets(text, size, address) : 0;
    return sw_network_read(address, length, &rule->network);
}

static const char *parse_host(const char *text, size_t size, struct sw_rule *rule) {
    const char *slash = memchr(text, '/', size);
    size_t length = slash != NULL ? (size_t)(slash - text) : size;
    bool is_address = slash != NULL || (size > 0 && text[0] == '[') || sw_ip_kind(text, length) != NULL;
    return is_address ? parse_address(text, size, rule) : parse_name(text, size, rule);
}

const char *sw_rule_parse(const char *text, size_t size, struct sw_rule *rule) {
    *rule = (struct sw_rule){.text = {text, size}};
    if (size == 0) return "it is empty";
    if (size >= 5 && is_same_word(text, "unix:", 5)) return parse_unix(text + 5, size - 5, rule);
    if (sw_url_is_meant(text, size)) return "it is a URL: write the host and the port only, as \"example.org:443\"";
    size_t host = host_size(text, size);
    const char *problem = parse_host(text, host, rule);
    return problem != NULL ? problem : read_ports(text + host, size - host, rule);
}

/* --- does it hold? --- */

static bool has_port(const struct sw_rule *rule, uint16_t port) { return port >= rule->first && port <= rule->last; }

/* Without the dot that may end a name and changes nothing. */
static size_t name_size(const char *name, size_t size) { return size > 0 && name[size - 1] == '.' ? size - 1 : size; }

bool sw_rule_has_name(const struct sw_rule *rule, const char *hostname, uint16_t port) {
    if (rule->kind != SW_RULE_NAME || !has_port(rule, port)) return false;
    size_t size = name_size(hostname, strlen(hostname)), wanted = name_size(rule->name.data, rule->name.size);
    if (rule->is_wild ? size <= wanted : size != wanted) return false;
    return is_same_word(hostname + (size - wanted), rule->name.data, wanted);
}

bool sw_rule_has_address(const struct sw_rule *rule, const struct sw_ip *ip, uint16_t port) {
    struct sw_ip plain = sw_ip_plain(ip);
    return rule->kind == SW_RULE_ADDRESS && has_port(rule, port) && sw_network_has(&rule->network, &plain);
}

bool sw_rule_has_unix(const struct sw_rule *rule, const char *path) {
    if (rule->kind != SW_RULE_UNIX) return false;
    size_t size = strlen(path);
    if (rule->is_wild ? size < rule->name.size : size != rule->name.size) return false;
    if (memcmp(path, rule->name.data, rule->name.size) != 0) return false;
    bool is_everything = rule->name.size == 0;
    return is_everything || path[0] == '@' || memchr(path + rule->name.size, '/', size - rule->name.size) == NULL;
}
