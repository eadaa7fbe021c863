#include "base/options.h"

#include <stdlib.h>
#include <string.h>

#define AND_SAME(name, ...) &&a->name == b->name

static bool same_framing(const struct sw_framing *a, const struct sw_framing *b) {
    return a->kind == b->kind && a->size == b->size && a->max == b->max && a->length == b->length &&
           a->offset == b->offset && a->adjustment == b->adjustment && a->keeps == b->keeps &&
           memcmp(a->delimiter, b->delimiter, sizeof a->delimiter) == 0;
}

static bool same_keepalive(const struct sw_keepalive *a, const struct sw_keepalive *b) {
    return true SW_KEEPALIVE_OPTIONS(AND_SAME);
}

static bool same_bind(const struct sw_bind *a, const struct sw_bind *b) {
    return a->port == b->port && sw_ip_equal(&a->address, &b->address);
}

static bool same_bytes(struct sw_slice a, struct sw_slice b) {
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static bool are_equal(const struct sw_options *a, const struct sw_options *b) {
    return same_framing(&a->framing, &b->framing) && a->retain == b->retain && same_bind(&a->bind, &b->bind) &&
           same_bytes(a->preamble, b->preamble) && a->tls == b->tls && a->uses_tls == b->uses_tls &&
           same_keepalive(&a->keepalive, &b->keepalive) SW_OPTIONS(AND_SAME, SW_OPTION_NONE);
}

static struct sw_options *ref(struct sw_options *options) {
    atomic_fetch_add_explicit(&options->refs, 1, memory_order_relaxed);
    return options;
}

struct sw_options *sw_options_share(struct sw_options **last, const struct sw_options *wanted) {
    if (*last != NULL && are_equal(*last, wanted)) return ref(*last);
    struct sw_options *options = malloc(sizeof *options + wanted->preamble.size);
    if (options == NULL) return NULL;
    memcpy(options, wanted, sizeof *options);
    if (wanted->preamble.size > 0) memcpy(options + 1, wanted->preamble.data, wanted->preamble.size);
    options->preamble.data = (const char *)(options + 1);
    sw_tls_ref(options->tls);
    atomic_init(&options->refs, 1);
    sw_options_unref(*last);
    *last = ref(options);
    return options;
}

void sw_options_unref(struct sw_options *options) {
    if (options == NULL || atomic_fetch_sub_explicit(&options->refs, 1, memory_order_acq_rel) > 1) return;
    sw_tls_unref(options->tls);
    free(options);
}
