#include "base/address.h"

#include <arpa/inet.h>
#include <assert.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* The tests of ctype.h depend on the host's locale. Host names are ASCII, so they have tests of their own. */
static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

static bool is_name_char(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
}

static bool is_zone_char(char c) { return is_name_char(c) || c == '.' || c == '~'; /* RFC 6874, 2: unreserved */ }

static bool all(bool (*test)(char), const char *text, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (!test(text[i])) return false;
    return true;
}

static bool has(const char *text, size_t size, char c) { return memchr(text, c, size) != NULL; }

/* Counts the digits of the number at the start of the text. Returns 0 if there is no number there, if it exceeds 255,
 * or if it has a leading zero. */
static size_t octet_size(const char *text, size_t size) {
    unsigned value = 0;
    size_t digits = 0;
    while (digits < size && digits < 4 && is_digit(text[digits])) value = value * 10 + (unsigned)(text[digits++] - '0');
    bool leading_zero = digits > 1 && text[0] == '0';
    return value > 255 || leading_zero ? 0 : digits;
}

/* inet_pton is not used here: its implementations differ on leading zeros. */
static bool is_ipv4(const char *text, size_t size) {
    size_t at = 0;
    for (int part = 0; part < 4; part++) {
        if (part > 0 && (at == size || text[at++] != '.')) return false;
        size_t digits = octet_size(text + at, size - at);
        if (digits == 0) return false;
        at += digits;
    }
    return at == size;
}

/* A zone follows the "%" of an IPv6 address: the name or number of a network interface. */
static bool is_zone(const char *text, size_t size) {
    return size > 0 && size < IF_NAMESIZE && all(is_zone_char, text, size);
}

static bool is_bare_ipv6(const char *text, size_t size) {
    char copy[INET6_ADDRSTRLEN];
    if (size >= sizeof copy || has(text, size, '\0')) return false;
    memcpy(copy, text, size);
    copy[size] = '\0';
    struct in6_addr address;
    return inet_pton(AF_INET6, copy, &address) == 1;
}

static bool is_ipv6(const char *text, size_t size) {
    const char *percent = memchr(text, '%', size);
    if (percent == NULL) return is_bare_ipv6(text, size);
    size_t bare = (size_t)(percent - text);
    return is_bare_ipv6(text, bare) && is_zone(percent + 1, size - bare - 1);
}

const char *sw_ip_kind(const char *text, size_t size) {
    if (size == 0) return NULL;
    if (is_ipv4(text, size)) return "ipv4";
    if (is_ipv6(text, size)) return "ipv6";
    return NULL;
}

/* The index of the interface with this name or number; 0: there is none. */
static uint32_t find_zone(const char *text, size_t size) {
    char name[IF_NAMESIZE];
    uint32_t number = 0;
    if (size >= sizeof name) return 0;
    memcpy(name, text, size);
    name[size] = '\0';
    uint32_t index = if_nametoindex(name);
    if (index != 0 || !all(is_digit, text, size)) return index;
    for (size_t i = 0; i < size && number < 100000000; i++) number = number * 10 + (uint32_t)(text[i] - '0');
    return number;
}

bool sw_ip_read(const char *text, size_t size, struct sw_ip *ip) {
    char bare[INET6_ADDRSTRLEN];
    const char *percent = memchr(text, '%', size);
    size_t length = percent != NULL ? (size_t)(percent - text) : size;
    *ip = (struct sw_ip){.version = is_ipv4(text, size) ? 4 : 6};
    assert(length < sizeof bare);
    memcpy(bare, text, length);
    bare[length] = '\0';
    (void)inet_pton(ip->version == 4 ? AF_INET : AF_INET6, bare, ip->bytes);
    if (percent == NULL) return true;
    ip->zone = find_zone(percent + 1, size - length - 1);
    return ip->zone != 0;
}

/* Returns what is wrong with a byte that no host name, address or URL can contain. NULL: nothing. */
static const char *byte_problem(unsigned char byte) {
    if (byte == '\0') return "it holds a zero byte";
    if (byte == ' ') return "it holds a space";
    if (byte < 0x20 || byte == 0x7f) return "it holds a control character";
    if (byte >= 0x80) return "it holds a byte outside ASCII; write an international name in its xn-- form";
    return NULL;
}

static const char *bytes_problem(const char *text, size_t size) {
    for (size_t i = 0; i < size; i++) {
        const char *problem = byte_problem((unsigned char)text[i]);
        if (problem != NULL) return problem;
    }
    return NULL;
}

/* Only an IPv6 address may contain ":", and the caller knows that the text is not one. */
static const char *colon_problem(const char *text, size_t size) {
    const char *colon = memchr(text, ':', size);
    if (colon == NULL) return NULL;
    size_t rest = size - (size_t)(colon + 1 - text);
    if (has(colon + 1, rest, ':')) return "it holds ':' but is no valid IPv6 address";
    return "the port is a separate argument; give the host name alone, without ':'";
}

/* Finds characters which show that the text is more than a host name. A URL may also contain "@", "[" and ":", so the
 * test for a URL is the first. */
static const char *shape_problem(const char *text, size_t size) {
    if (has(text, size, '/')) return "it is a URL or a path; only the host name is wanted, as in example.org";
    if (has(text, size, '@')) return "it holds '@'; only the host name is wanted, without a user";
    if (has(text, size, '[') || has(text, size, ']'))
        return "drop the brackets: an IPv6 address stands alone here, and the port is a separate argument";
    return colon_problem(text, size);
}

static const char *label_problem(const char *label, size_t size) {
    if (size == 0) return "it has an empty part: two dots in a row, or a dot in front";
    if (size > SW_LABEL_MAX) return "a part between its dots is longer than 63 characters";
    if (!all(is_name_char, label, size)) return "a host name has only letters, digits, '-', '_' and '.'";
    if (label[0] == '-' || label[size - 1] == '-') return "a part between its dots begins or ends with '-'";
    return NULL;
}

static bool is_number(const char *label, size_t size) {
    bool hex = size >= 2 && label[0] == '0' && (label[1] == 'x' || label[1] == 'X');
    return hex ? all(is_hex, label + 2, size - 2) : all(is_digit, label, size);
}

/* If the last label is a number, inet_aton, and with it getaddrinfo, reads the name as an address: "127.1" is
 * 127.0.0.1. */
static const char *last_label_problem(const char *label, size_t size) {
    if (!is_number(label, size)) return NULL;
    return "it ends in a number, which is taken for a shorthand address; write all four parts of an IPv4 "
           "address as decimals of 0..255 without leading zeros, as in 127.0.0.1";
}

static const char *labels_problem(const char *text, size_t size) {
    if (text[size - 1] == '.') size--; /* the final dot stands for the DNS root */
    const char *label = text, *end = text + size;
    for (;;) {
        const char *dot = memchr(label, '.', (size_t)(end - label));
        size_t length = (size_t)((dot != NULL ? dot : end) - label);
        const char *problem = label_problem(label, length);
        if (problem != NULL) return problem;
        if (dot == NULL) return last_label_problem(label, length);
        label = dot + 1;
    }
}

const char *sw_host_problem(const char *text, size_t size) {
    if (size == 0) return "it is empty";
    if (sw_ip_kind(text, size) != NULL) return NULL;
    const char *problem = bytes_problem(text, size);
    if (problem == NULL) problem = shape_problem(text, size);
    if (problem != NULL) return problem;
    if (size > SW_HOST_MAX) return "it is longer than 253 characters";
    return labels_problem(text, size);
}

static void add_zone(uint32_t zone, char text[SW_IP_TEXT]) {
    char name[IF_NAMESIZE];
    size_t size = strlen(text);
    if (if_indextoname(zone, name) != NULL)
        (void)snprintf(text + size, SW_IP_TEXT - size, "%%%s", name);
    else
        (void)snprintf(text + size, SW_IP_TEXT - size, "%%%u", (unsigned)zone);
}

void sw_ip_text(const struct sw_ip *ip, char text[SW_IP_TEXT]) {
    text[0] = '\0';
    if (ip->version != 0) (void)inet_ntop(ip->version == 4 ? AF_INET : AF_INET6, ip->bytes, text, SW_IP_TEXT);
    if (ip->version == 6 && ip->zone != 0) add_zone(ip->zone, text);
}
