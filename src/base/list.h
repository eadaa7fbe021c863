/* A list of things that wait for another thread: first in, first out, and all are taken at once.
 *
 * What is to stand in a list embeds a link for it, so that to add it needs no memory and cannot fail; it stands in the
 * list at most once. The list knows nothing of what holds its links: the taker turns them back by SW_HOLDER.
 */
#ifndef SW_BASE_LIST_H
#define SW_BASE_LIST_H

#include <stddef.h>

struct sw_link {
    struct sw_link *next;
};

/* All zeros: empty. */
struct sw_list {
    struct sw_link *head, *tail;
};

/* The `type` whose `member` is the link. */
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

/* Takes everything: the first link, which leads to the others by `next`. NULL: the list was empty. */
static inline struct sw_link *sw_list_take(struct sw_list *list) {
    struct sw_link *head = list->head;
    *list = (struct sw_list){NULL, NULL};
    return head;
}

#endif
