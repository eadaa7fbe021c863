/* What unit tests ask of chains of pages. */
#ifndef UNIT_PAGES_H
#define UNIT_PAGES_H

#include "buffer/page.h"

static inline size_t count_pages(const struct sw_pages *chain) {
    size_t count = 0;
    for (const struct sw_page *page = chain->head; page != NULL; page = page->next) count++;
    return count;
}

#endif
