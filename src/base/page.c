#include "base/page.h"

#include "base/memory.h"

/* Allocation sizes are multiples of this: fewer sizes, better reuse by malloc. */
enum { GRAIN = 256 };

/* In bytes, what systems map memory by: 4 KiB on most, and never less. */
enum { SMALLEST_PAGE_OF_MEMORY = 4096 };

static struct sw_page *new_page(size_t allocation) {
    struct sw_page *page = sw_allocate(allocation);
    if (page == NULL) return NULL;
    page->next = NULL;
    page->size = (uint32_t)(allocation - sizeof *page) & ~3u;
    page->used = 0;
    page->ends = 0;
    return page;
}

struct sw_page *sw_page_new(size_t bytes) {
    if (bytes > SW_PAGE_MAX) return new_page(SW_PAGE_MAX);
    size_t allocation = (sizeof(struct sw_page) + bytes + 4 + GRAIN - 1) / GRAIN * GRAIN;
    return new_page(allocation < SW_PAGE_MAX ? allocation : SW_PAGE_MAX);
}

struct sw_page *sw_page_new_ready(void) {
    struct sw_page *page = new_page(SW_PAGE_MAX);
    if (page == NULL) return NULL;
    volatile unsigned char *data = page->data;
    for (uint32_t at = 0; at < page->size; at += SMALLEST_PAGE_OF_MEMORY) data[at] = 0;
    return page;
}

bool sw_pages_new(size_t bytes, struct sw_pages *chain) {
    chain->head = chain->tail = NULL;
    for (;;) {
        struct sw_page *page = sw_page_new(bytes);
        if (page == NULL) {
            sw_pages_free(chain);
            return false;
        }
        sw_pages_add(chain, page);
        if (bytes <= sw_page_room(page)) return true;
        bytes -= sw_page_room(page);
    }
}

void sw_pages_free(struct sw_pages *chain) {
    while (chain->head != NULL) free(sw_pages_shift(chain));
}

void sw_pages_add(struct sw_pages *chain, struct sw_page *page) {
    page->next = NULL;
    if (chain->tail != NULL)
        chain->tail->next = page;
    else
        chain->head = page;
    chain->tail = page;
}

void sw_pages_join(struct sw_pages *chain, struct sw_pages *other) {
    if (other->head == NULL) return;
    if (chain->tail != NULL)
        chain->tail->next = other->head;
    else
        chain->head = other->head;
    chain->tail = other->tail;
    other->head = other->tail = NULL;
}

struct sw_page *sw_pages_shift(struct sw_pages *chain) {
    struct sw_page *page = chain->head;
    assert(page != NULL);
    chain->head = page->next;
    if (chain->head == NULL) chain->tail = NULL;
    page->next = NULL;
    return page;
}

/* NULL: no memory. */
static struct sw_page *copy_page(const struct sw_page *page, uint32_t offset, uint32_t index) {
    struct sw_page *copy = sw_page_new(page->used - offset + 4 * (size_t)(page->ends - index));
    if (copy == NULL) return NULL;
    sw_page_put(copy, page->data + offset, page->used - offset);
    for (; index < page->ends; index++) *sw_page_slot(copy, copy->ends++) = *sw_page_slot(page, index) - offset;
    return copy;
}

bool sw_pages_copy(const struct sw_page *page, uint32_t offset, uint32_t index, struct sw_pages *copy) {
    *copy = (struct sw_pages){NULL, NULL};
    for (; page != NULL; page = page->next) {
        struct sw_page *behind = copy_page(page, offset, index);
        if (behind == NULL) {
            sw_pages_free(copy);
            return false;
        }
        sw_pages_add(copy, behind);
        offset = index = 0;
    }
    return true;
}
