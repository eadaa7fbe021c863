#include "channel/greeting.h"

#include <stdlib.h>

struct sw_greeting *sw_greeting_new(size_t size) {
    struct sw_greeting *greeting = malloc(sizeof *greeting + size);
    if (greeting == NULL) return NULL;
    atomic_init(&greeting->refs, 1);
    greeting->size = size;
    return greeting;
}

struct sw_greeting *sw_greeting_ref(struct sw_greeting *greeting) {
    if (greeting != NULL) atomic_fetch_add_explicit(&greeting->refs, 1, memory_order_relaxed);
    return greeting;
}

void sw_greeting_unref(struct sw_greeting *greeting) {
    if (greeting == NULL || atomic_fetch_sub_explicit(&greeting->refs, 1, memory_order_acq_rel) > 1) return;
    free(greeting);
}
