#include "channel/once.h"

#include <stdlib.h>
#include <string.h>

struct sw_once *sw_once_new(const struct sw_slice *pieces, size_t count, size_t size) {
    struct sw_once *once = malloc(sizeof *once + size);
    if (once == NULL) return NULL;
    once->next = once;
    once->sent = 0;
    once->size = size;
    unsigned char *end = once->bytes;
    for (size_t i = 0; i < count; i++) {
        if (pieces[i].size > 0) memcpy(end, pieces[i].data, pieces[i].size);
        end += pieces[i].size;
    }
    return once;
}

void sw_once_join(struct sw_once **last, struct sw_once *more) {
    if (more == NULL) return;
    if (*last != NULL) {
        struct sw_once *first = (*last)->next;
        (*last)->next = more->next;
        more->next = first;
    }
    *last = more;
}

void sw_once_add(struct sw_once **last, struct sw_once *once) {
    once->next = once;
    sw_once_join(last, once);
}

void sw_once_drop(struct sw_once **last) {
    struct sw_once *first = (*last)->next;
    if (first == *last)
        *last = NULL;
    else
        (*last)->next = first->next;
    free(first);
}
