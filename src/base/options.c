#include "base/options.h"

#include <stdlib.h>
#include <string.h>

#define AND_SAME(name, ...) &&a->name == b->name

static bool same_framing(const struct sw_framing *a, const struct sw_framing *b) {
    return a->kind == b->kind && a->size == b->size && a->max == b->max &&
           memcmp(a->delimiter, b->delimiter, sizeof a->delimiter) == 0;
}

static bool same_keepalive(const struct sw_keepalive *a, const struct sw_keepalive *b) {
    return true SW_KEEPALIVE_OPTIONS(AND_SAME);
}

static bool are_equal(const struct sw_options *a, const struct sw_options *b) {
    return same_framing(&a->framing, &b->framing) && a->retain == b->retain &&
           same_keepalive(&a->keepalive, &b->keepalive) SW_OPTIONS(AND_SAME, SW_OPTION_NONE);
}

static struct sw_options *ref(struct sw_options *options) {
    atomic_fetch_add_explicit(&options->refs, 1, memory_order_relaxed);
    return options;
}

struct sw_options *sw_options_share(struct sw_options **last, const struct sw_options *wanted) {
    if (*last != NULL && are_equal(*last, wanted)) return ref(*last);
    struct sw_options *options = malloc(sizeof *options);
    if (options == NULL) return NULL;
    memcpy(options, wanted, sizeof *options);
    atomic_init(&options->refs, 1);
    sw_options_unref(*last);
    *last = ref(options);
    return options;
}

void sw_options_unref(struct sw_options *options) {
    if (options == NULL || atomic_fetch_sub_explicit(&options->refs, 1, memory_order_acq_rel) > 1) return;
    free(options);
}
