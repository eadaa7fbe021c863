#include "channel/once.h"

#include <stdlib.h>
#include <string.h>

struct sw_once *sw_once_new(const struct sw_slice *pieces, size_t count, size_t size) {
    struct sw_once *once = malloc(sizeof *once + size);
    if (once == NULL) return NULL;
    once->next = NULL;
    once->size = size;
    unsigned char *end = once->bytes;
    for (size_t i = 0; i < count; i++) {
        if (pieces[i].size > 0) memcpy(end, pieces[i].data, pieces[i].size);
        end += pieces[i].size;
    }
    return once;
}

void sw_once_add(struct sw_once_list *list, struct sw_once *once) {
    if (list->head == NULL)
        list->head = once;
    else
        list->tail->next = once;
    list->tail = once;
}

void sw_once_join(struct sw_once_list *list, struct sw_once_list *more) {
    if (more->head == NULL) return;
    struct sw_once *tail = more->tail;
    sw_once_add(list, more->head);
    list->tail = tail;
    *more = (struct sw_once_list){NULL, NULL};
}

void sw_once_drop(struct sw_once_list *list) {
    struct sw_once *once = list->head;
    list->head = once->next;
    if (list->head == NULL) list->tail = NULL;
    free(once);
}
