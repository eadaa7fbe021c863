#include "base/url.h"

#include <string.h>

#include "base/address.h"

static const char *const scheme_texts[] = {
#define TEXT(name, text, port) text,
    SW_SCHEMES(TEXT)
#undef TEXT
};

static const uint16_t default_ports[] = {
#define PORT(name, text, port) port,
    SW_SCHEMES(PORT)
#undef PORT
};

enum { SCHEMES = sizeof scheme_texts / sizeof *scheme_texts };

const char *sw_scheme_text(enum sw_scheme scheme) { return scheme_texts[scheme]; }

/* The text that is not read yet. */
struct rest {
    const char *at, *end;
};

static size_t size_of(const struct rest *rest) { return (size_t)(rest->end - rest->at); }

static struct sw_slice slice(const char *from, const char *to) { return (struct sw_slice){from, (size_t)(to - from)}; }

/* The first of the characters in the range, or its end. */
static const char *find_any(const char *from, const char *end, const char *characters) {
    while (from < end && (*from == '\0' || strchr(characters, *from) == NULL)) from++;
    return from;
}

static char lower(char c) { return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c); }

/* Schemes do not depend on the case (RFC 3986, 3.1). */
static bool is_word(const char *text, size_t size, const char *word) {
    if (strlen(word) != size) return false;
    for (size_t i = 0; i < size; i++)
        if (lower(text[i]) != word[i]) return false;
    return true;
}

static bool starts_with(const struct rest *rest, const char *prefix) {
    size_t size = strlen(prefix);
    return size_of(rest) >= size && memcmp(rest->at, prefix, size) == 0;
}

bool sw_url_is_meant(const char *text, size_t size) {
    const char *colon = memchr(text, ':', size);
    if (colon == NULL) return false;
    const struct rest rest = {colon + 1, text + size};
    return starts_with(&rest, "//") || is_word(text, (size_t)(colon - text), "unix");
}

/* --- the parts, in their order; each returns NULL or what is wrong, and leaves rest->at where it is wrong --- */

static const char *read_scheme(struct rest *rest, struct sw_url *url) {
    const char *colon = find_any(rest->at, rest->end, ":");
    if (colon == rest->end) return "a URL begins with its scheme, as in tcp://example.org:4000";
    for (int i = 0; i < SCHEMES; i++) {
        if (!is_word(rest->at, (size_t)(colon - rest->at), scheme_texts[i])) continue;
        url->scheme = (enum sw_scheme)i;
        rest->at = colon + 1;
        return NULL;
    }
    return "the scheme is unknown (valid: tcp, tls, unix)";
}

static const char *read_path(struct rest *rest, struct sw_url *url) {
    if (size_of(rest) == 0 || (*rest->at != '/' && *rest->at != '@'))
        return "write unix:/PATH, with the full path of the socket, or unix:@NAME";
    if (size_of(rest) == 1) {
        rest->at++;
        return "the name of the socket is missing";
    }
    const char *zero = memchr(rest->at, '\0', size_of(rest));
    if (zero != NULL) {
        rest->at = zero;
        return "it holds a zero byte";
    }
    if (size_of(rest) > SW_SOCKET_NAME_MAX)
        return "it is too long: a unix socket's name has at most 107 bytes (macOS, BSD: 103)";
    url->host = slice(rest->at, rest->end);
    return NULL;
}

static const char *read_slashes(struct rest *rest) {
    if (!starts_with(rest, "//")) return "\"//\" must follow the scheme";
    rest->at += 2;
    return NULL;
}

static bool is_web(const struct sw_url *url) { return url->scheme == SW_SCHEME_WS || url->scheme == SW_SCHEME_WSS; }

static const char *read_user(struct rest *rest, struct sw_url *url) {
    const char *stop = find_any(rest->at, rest->end, "/?#"), *at = NULL;
    for (const char *c = rest->at; c < stop; c++)
        if (*c == '@') at = c;
    if (at == NULL) return NULL;
    if (!is_web(url)) return "only ws and wss URLs have a user";
    url->user = slice(rest->at, at);
    rest->at = at + 1;
    return NULL;
}

static const char *read_host(struct rest *rest, struct sw_url *url) {
    bool is_bracketed = starts_with(rest, "[");
    const char *from = rest->at + (is_bracketed ? 1 : 0);
    const char *to = find_any(from, rest->end, is_bracketed ? "]" : ":/?#");
    if (is_bracketed && to == rest->end) return "the closing ] is missing";
    size_t size = (size_t)(to - from);
    rest->at = from;
    if (size == 0) return "the host is missing";
    const char *problem = sw_host_problem(from, size);
    if (problem != NULL) return problem;
    bool is_ipv6 = memchr(from, ':', size) != NULL;
    if (is_bracketed && !is_ipv6) return "only an IPv6 address stands in brackets";
    url->host = slice(from, to);
    rest->at = to + (is_bracketed ? 1 : 0);
    return NULL;
}

/* An IPv6 address without brackets, whose parts would be taken for the host and the port. */
static bool is_bare_ipv6(const struct rest *rest) {
    const char *stop = find_any(rest->at, rest->end, "/?#");
    const char *colon = memchr(rest->at, ':', (size_t)(stop - rest->at));
    return colon != NULL && *rest->at != '[' && memchr(colon + 1, ':', (size_t)(stop - colon - 1)) != NULL;
}

static const char *read_port(struct rest *rest, struct sw_url *url) {
    url->port = default_ports[url->scheme];
    if (size_of(rest) == 0 || *rest->at != ':') {
        bool is_end = size_of(rest) == 0 || *rest->at == '/' || *rest->at == '?' || *rest->at == '#';
        if (!is_end) return "\":\" and the port must follow the host";
        return url->port != 0 ? NULL : "the port is missing: write it after the host, as in tcp://example.org:4000";
    }
    rest->at++;
    const char *to = find_any(rest->at, rest->end, "/?#");
    uint32_t port = 0;
    for (const char *c = rest->at; c < to; c++) {
        if (*c < '0' || *c > '9') return "the port must be a number, 1..65535";
        port = port * 10 + (uint32_t)(*c - '0');
        if (port > 65535) return "the port must be a number, 1..65535";
    }
    if (port == 0) return "the port must be a number, 1..65535";
    url->port = (uint16_t)port;
    rest->at = to;
    return NULL;
}

static const char *read_end(struct rest *rest, struct sw_url *url) {
    const char *from = rest->at;
    if (from == rest->end) return NULL;
    if (!is_web(url)) return "nothing may follow the port";
    for (; rest->at < rest->end; rest->at++) {
        if (*rest->at == '#') return "a WebSocket has no fragment (#)";
        if (*rest->at <= ' ' || *rest->at > '~') return "write this byte as %XX";
    }
    url->path = slice(from, rest->end);
    return NULL;
}

static const char *read_all(struct rest *rest, struct sw_url *url) {
    const char *problem = read_scheme(rest, url);
    if (problem != NULL) return problem;
    if (url->scheme == SW_SCHEME_UNIX) return read_path(rest, url);
    problem = read_slashes(rest);
    if (problem == NULL) problem = read_user(rest, url);
    if (problem == NULL && is_bare_ipv6(rest)) problem = "an IPv6 address stands in brackets, as in tcp://[::1]:4000";
    if (problem == NULL) problem = read_host(rest, url);
    if (problem == NULL) problem = read_port(rest, url);
    if (problem == NULL) problem = read_end(rest, url);
    return problem;
}

const char *sw_url_parse(const char *text, size_t size, struct sw_url *url, size_t *at) {
    struct rest rest = {text, text + size};
    *url = (struct sw_url){.port = 0};
    const char *problem = read_all(&rest, url);
    if (problem != NULL) *at = (size_t)(rest.at - text) + 1;
    return problem;
}

bool sw_url_lacks_scheme(const char *text, size_t size) {
    struct rest rest = {text, text + size};
    struct sw_url url = {.scheme = SW_SCHEME_TCP};
    return read_host(&rest, &url) == NULL && read_port(&rest, &url) == NULL && size_of(&rest) == 0;
}

/* A password may hold what ends the host in a URL, so in a wrong one all up to the last "@" counts as the user. */
struct sw_slice sw_url_user(const char *text, size_t size) {
    struct sw_url url;
    size_t at;
    const struct sw_slice none = {text, 0};
    if (sw_url_parse(text, size, &url, &at) == NULL) return url.user.size > 0 ? url.user : none;
    const char *colon = memchr(text, ':', size), *stop = text + size;
    while (stop > text && stop[-1] != '@') stop--;
    if (colon == NULL || stop <= colon || is_word(text, (size_t)(colon - text), "unix")) return none;
    const struct rest rest = {colon + 1, stop - 1};
    return slice(starts_with(&rest, "//") ? colon + 3 : text, stop - 1);
}
