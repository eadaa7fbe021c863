#include "base/url.h"

#include "unit.h"

static bool is(struct sw_slice slice, const char *text) {
    return slice.size == strlen(text) && (slice.size == 0 || memcmp(slice.data, text, slice.size) == 0);
}

/* True if the text has these parts. */
static bool has(const char *text, enum sw_scheme scheme, const char *host, uint16_t port, const char *path) {
    struct sw_url url;
    size_t at;
    const char *problem = sw_url_parse(text, strlen(text), &url, &at);
    if (problem != NULL) return false;
    return url.scheme == scheme && is(url.host, host) && url.port == port && is(url.path, path);
}

/* True if the text is refused at that character, in words that hold `word`. */
static bool refuses(const char *text, size_t where, const char *word) {
    struct sw_url url;
    size_t at = 0;
    const char *problem = sw_url_parse(text, strlen(text), &url, &at);
    bool does = problem != NULL && at == where && strstr(problem, word) != NULL;
    if (!does) printf("%s: at %zu: %s\n", text, at, problem != NULL ? problem : "valid");
    return does;
}

static void schemes(void) {
    CHECK(has("tcp://example.org:4000", SW_SCHEME_TCP, "example.org", 4000, ""));
    CHECK(has("TCP://Example.org:4000", SW_SCHEME_TCP, "Example.org", 4000, ""));
    CHECK(has("tls://127.0.0.1:1", SW_SCHEME_TLS, "127.0.0.1", 1, ""));
    CHECK(has("tcp://[2001:db8::1]:65535", SW_SCHEME_TCP, "2001:db8::1", 65535, ""));
    CHECK(has("tcp://[fe80::1%eth0]:7", SW_SCHEME_TCP, "fe80::1%eth0", 7, ""));
    CHECK(has("ws://example.org", SW_SCHEME_WS, "example.org", 80, ""));
    CHECK(has("wss://example.org/chat?room=1", SW_SCHEME_WSS, "example.org", 443, "/chat?room=1"));
    CHECK(has("ws://example.org:81?a", SW_SCHEME_WS, "example.org", 81, "?a"));
    CHECK(has("unix:/run/game.sock", SW_SCHEME_UNIX, "/run/game.sock", 0, ""));
    CHECK(has("unix:/a b:c@d", SW_SCHEME_UNIX, "/a b:c@d", 0, ""));
    CHECK(has("unix:@game", SW_SCHEME_UNIX, "@game", 0, ""));
}

static void users(void) {
    static const char text[] = "wss://me:a@b@example.org/x";
    struct sw_url url;
    size_t at;
    if (!CHECK_EQ(sw_url_parse(text, strlen(text), &url, &at), NULL)) return;
    CHECK(is(url.user, "me:a@b"));
    CHECK(is(url.host, "example.org"));
    CHECK(refuses("tcp://me:secret@example.org:1", 7, "user"));
}

static void faults(void) {
    CHECK(refuses("", 1, "scheme"));
    CHECK(refuses("example.org", 1, "scheme"));
    CHECK(refuses("http://example.org", 1, "valid: tcp"));
    CHECK(refuses("tcp:example.org:1", 5, "//"));
    CHECK(refuses("tcp://", 7, "host is missing"));
    CHECK(refuses("tcp://:80", 7, "host is missing"));
    CHECK(refuses("tcp://example.org", 18, "port is missing"));
    CHECK(refuses("tcp://example.org:", 19, "1..65535"));
    CHECK(refuses("tcp://example.org:0", 19, "1..65535"));
    CHECK(refuses("tcp://example.org:65536", 19, "1..65535"));
    CHECK(refuses("tcp://example.org:99999999999999", 19, "1..65535"));
    CHECK(refuses("tcp://example.org:8o", 19, "1..65535"));
    CHECK(refuses("tcp://example.org:80/", 21, "follow the port"));
    CHECK(refuses("tcp://example.org:80?x", 21, "follow the port"));
    CHECK(refuses("tcp://exa mple.org:80", 7, "space"));
    CHECK(refuses("tcp://127.1:80", 7, "shorthand"));
    CHECK(refuses("tcp://::1:80", 7, "brackets"));
    CHECK(refuses("tcp://[::1:80", 7, "closing ]"));
    CHECK(refuses("tcp://[::1]80", 12, "must follow the host"));
    CHECK(refuses("tcp://[127.0.0.1]:80", 8, "brackets"));
    CHECK(refuses("tcp://[::g]:80", 8, "IPv6"));
    CHECK(refuses("ws://example.org/a b", 19, "%XX"));
    CHECK(refuses("ws://example.org/#a", 18, "fragment"));
    CHECK(refuses("unix:", 6, "unix:/PATH"));
    CHECK(refuses("unix:game.sock", 6, "unix:/PATH"));
    CHECK(refuses("unix:/", 7, "missing"));
    CHECK(refuses("unix:@", 7, "missing"));
    CHECK(refuses(
        "unix:/"
        "123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678",
        6, "too long"));
}

static void zero_bytes(void) {
    static const char text[] = "unix:/a\0b", host[] = "tcp://a\0b:80";
    struct sw_url url;
    size_t at = 0;
    CHECK(sw_url_parse(text, sizeof text - 1, &url, &at) != NULL);
    CHECK_EQ(at, 8);
    CHECK(sw_url_parse(host, sizeof host - 1, &url, &at) != NULL);
    CHECK_EQ(at, 7);
}

static bool hides(const char *text, const char *user) { return is(sw_url_user(text, strlen(text)), user); }

static void secrets(void) {
    CHECK(hides("wss://me:secret@x/", "me:secret"));
    CHECK(hides("nosuch://me:secret@x:y", "me:secret"));
    CHECK(hides("wss://me:sec/r?e#t@x", "me:sec/r?e#t"));
    CHECK(hides("wss:me:secret@x", "wss:me:secret"));
    CHECK(hides("me:secret@x:80", "me:secret"));
    CHECK(hides("me:sec//ret@x:80", "me:sec//ret"));
    CHECK(hides("wss://x/me@y", ""));
    CHECK(hides("wss://x", ""));
    CHECK(hides("unix:/a:b@c", ""));
    CHECK(hides("unix:a:b@c", ""));
    CHECK(hides("", ""));
}

static void meant(void) {
    CHECK(sw_url_is_meant("http://x", 8));
    CHECK(sw_url_is_meant("unix:/x", 7));
    CHECK(!sw_url_is_meant("h:80", 4));
    CHECK(!sw_url_is_meant("::1", 3));
    CHECK(!sw_url_is_meant("example.org", 11));
}

static const struct unit_test tests[] = {
    {"a URL has its scheme, host, port and path", schemes},
    {"only WebSocket URLs have a user", users},
    {"a wrong URL is refused, and where it is wrong", faults},
    {"a zero byte is refused", zero_bytes},
    {"the user is found in a wrong URL too, so that it can be hidden", secrets},
    {"a text that is meant as a URL is told from a host name", meant},
};
UNIT_MAIN(tests)
