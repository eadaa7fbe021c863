#include "channel/causes.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sw_causes *sw_causes_new(unsigned count) {
    assert(count <= SW_CAUSES_MAX);
    struct sw_causes *causes = calloc(1, sizeof *causes + count * sizeof causes->list[0]);
    if (causes == NULL) return NULL;
    atomic_init(&causes->refs, 1);
    causes->count = count;
    return causes;
}

struct sw_causes *sw_causes_new_detailed(const struct sw_cause *cause, const char *details) {
    struct sw_causes *causes = calloc(1, sizeof *causes + sizeof causes->list[0] + SW_DETAILS_MAX);
    if (causes == NULL) return NULL;
    char *room = (char *)&causes->list[1];
    atomic_init(&causes->refs, 1);
    causes->count = 1;
    causes->list[0] = *cause;
    (void)snprintf(room, SW_DETAILS_MAX, "%s", details);
    if (details[0] != '\0') causes->details = room;
    return causes;
}

struct sw_causes *sw_causes_join(struct sw_causes *first, const struct sw_causes *more) {
    if (first == NULL || more == NULL) return first;
    struct sw_causes *both = sw_causes_new(first->count + more->count);
    if (both != NULL) {
        memcpy(both->list, first->list, first->count * sizeof first->list[0]);
        memcpy(both->list + first->count, more->list, more->count * sizeof more->list[0]);
    }
    sw_causes_unref(first);
    return both;
}

struct sw_causes *sw_causes_ref(struct sw_causes *causes) {
    if (causes != NULL) atomic_fetch_add_explicit(&causes->refs, 1, memory_order_relaxed);
    return causes;
}

void sw_causes_unref(struct sw_causes *causes) {
    if (causes == NULL || atomic_fetch_sub_explicit(&causes->refs, 1, memory_order_acq_rel) > 1) return;
    free(causes);
}
