#include "channel/causes.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sw_causes *sw_causes_new(unsigned count) {
    return sw_causes_new_detailed(count, 0, "");
}

struct sw_causes *sw_causes_new_detailed(unsigned count, unsigned index, const char *details) {
    assert(count <= SW_CAUSES_MAX);
    bool has_details = details[0] != '\0';
    size_t size = sizeof(struct sw_causes) + count * sizeof(struct sw_cause);
    struct sw_causes *causes = calloc(1, size + (has_details ? SW_DETAILS_MAX : 0));
    if (causes == NULL) return NULL;
    atomic_init(&causes->refs, 1);
    causes->count = count;
    if (!has_details) return causes;
    char *room = (char *)&causes->list[count];
    (void)snprintf(room, SW_DETAILS_MAX, "%s", details);
    causes->details = room;
    causes->detailed = index;
    return causes;
}

struct sw_causes *sw_causes_join(struct sw_causes *first, const struct sw_causes *more) {
    if (first == NULL || more == NULL) return first;
    const char *details = first->details != NULL ? first->details : "";
    struct sw_causes *both = sw_causes_new_detailed(first->count + more->count, first->detailed, details);
    if (both != NULL) {
        memcpy(both->list, first->list, first->count * sizeof first->list[0]);
        memcpy(both->list + first->count, more->list, more->count * sizeof more->list[0]);
    }
    sw_causes_unref(first);
    return both;
}

bool sw_causes_have(const struct sw_causes *causes, const struct sw_error *error) {
    for (unsigned i = 0; causes != NULL && i < causes->count; i++) {
        const struct sw_error *cause = &causes->list[i].error;
        if (cause->err == error->err && cause->stage == error->stage && cause->sys == error->sys) return true;
    }
    return false;
}

struct sw_causes *sw_causes_ref(struct sw_causes *causes) {
    if (causes != NULL) atomic_fetch_add_explicit(&causes->refs, 1, memory_order_relaxed);
    return causes;
}

void sw_causes_unref(struct sw_causes *causes) {
    if (causes == NULL || atomic_fetch_sub_explicit(&causes->refs, 1, memory_order_acq_rel) > 1) return;
    free(causes);
}
