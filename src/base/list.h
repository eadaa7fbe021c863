/* An intrusive list: first in, first out; the taker takes all entries at once.
 *
 * An entry embeds its link, so adding it needs no memory and cannot fail. A link is in at most one list, once.
 * SW_HOLDER turns a link back into the struct that embeds it.
 */
#ifndef SW_BASE_LIST_H
#define SW_BASE_LIST_H

#include <stddef.h>

struct sw_link {
    struct sw_link *next;
};

/* A list of zeros is empty. */
struct sw_list {
    struct sw_link *head, *tail;
};

/* The struct of this type whose `member` is the link. */
#define SW_HOLDER(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))

/* Puts the link at the end. */
static inline void sw_list_add(struct sw_list *list, struct sw_link *link) {
    link->next = NULL;
    if (list->tail != NULL)
        list->tail->next = link;
    else
        list->head = link;
    list->tail = link;
}

/* Empties the list and returns its first link; `next` leads to the others. NULL: the list was empty. */
static inline struct sw_link *sw_list_take(struct sw_list *list) {
    struct sw_link *head = list->head;
    *list = (struct sw_list){NULL, NULL};
    return head;
}

#endif
