/* Any text as the URL of a server: its parts are ranges of it, and are valid; a fault has a place in it; and a password is
 * found, so that no message shows it.
 */
#include <string.h>

#include "base/address.h"
#include "base/url.h"
#include "fuzz.h"

const char *const fuzz_claim = "reads only what is in a URL, and hides its password";

static bool is_inside(struct sw_slice part, const char *text, size_t size) {
    const char *from = part.data;
    return part.size == 0 || (from >= text && from + part.size <= text + size);
}

static void check_parts(const char *text, size_t size, const struct sw_url *url) {
    MUST(is_inside(url->user, text, size) && is_inside(url->host, text, size) && is_inside(url->path, text, size));
    bool is_unix = url->scheme == SW_SCHEME_UNIX;
    MUST(url->host.size > 0 && (url->port == 0) == is_unix);
    MUST(is_unix || sw_host_problem(url->host.data, url->host.size) == NULL);
    MUST(url->path.size == 0 || strchr("/?", *(const char *)url->path.data) != NULL);
}

/* In a wrong URL, what follows the user has no "@": a password cannot reach further. */
static void check_user(const char *text, size_t size, struct sw_slice user) {
    MUST(is_inside(user, text, size));
    if (user.size == 0) return;
    const char *end = (const char *)user.data + user.size;
    MUST(end < text + size && *end == '@');
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    const char *text = (const char *)bytes;
    struct sw_url url;
    size_t at = 0;
    const char *problem = sw_url_parse(text, size, &url, &at);
    struct sw_slice user = sw_url_user(text, size);
    check_user(text, size, user);
    if (problem == NULL) {
        check_parts(text, size, &url);
        MUST(user.size == url.user.size);
        return 0;
    }
    MUST(at >= 1 && at <= size + 1);
    const char *end = user.size > 0 ? (const char *)user.data + user.size + 1 : NULL;
    MUST(end == NULL || memchr(end, '@', (size_t)(text + size - end)) == NULL);
    return 0;
}
