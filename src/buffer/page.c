#include "buffer/page.h"

#include <stdlib.h>

/* Blocks are multiples of GRAIN, of which malloc has WORD for itself: few sizes, which it can use again and again. */
enum { GRAIN = 64, WORD = sizeof(size_t) };

/* Bytes and boundaries, as sw_page_is_little says: copied in less than a tenth of a microsecond, and less than four
 * hundredths of the largest page, which may stay unused at its end. */
enum { LITTLE = 2048 };

/* In bytes, what systems map memory by: 4 KiB on most, and never less. */
enum { SMALLEST_PAGE_OF_MEMORY = 4096 };

static struct sw_page *new_page(size_t allocation) {
    struct sw_page *page = malloc(allocation);
    if (page == NULL) return NULL;
    page->next = NULL;
    page->bytes = page->data;
    page->size = (uint32_t)(allocation - sizeof *page) & ~3u;
    page->used = 0;
    page->ends = 0;
    page->loan = 0;
    return page;
}

struct sw_page *sw_page_new(size_t bytes) {
    if (bytes > SW_PAGE_MAX) return new_page(SW_PAGE_MAX);
    size_t allocation = (sizeof(struct sw_page) + bytes + 4 + WORD + GRAIN - 1) / GRAIN * GRAIN - WORD;
    return new_page(allocation < SW_PAGE_MAX ? allocation : SW_PAGE_MAX);
}

struct sw_page *sw_page_new_ready(void) {
    struct sw_page *page = new_page(SW_PAGE_MAX);
    if (page == NULL) return NULL;
    volatile unsigned char *data = page->data;
    for (uint32_t at = 0; at < page->size; at += SMALLEST_PAGE_OF_MEMORY) data[at] = 0;
    return page;
}

struct sw_page *sw_page_new_lent(const void *bytes, uint32_t size, int loan) {
    assert(loan != 0);
    struct sw_page *page = new_page(sizeof *page);
    if (page == NULL) return NULL;
    page->bytes = bytes;
    page->used = size;
    page->loan = loan;
    return page;
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

bool sw_page_absorb(struct sw_page *page, const struct sw_page *other) {
    if (page->loan != 0 || other->loan != 0) return false;
    size_t taken = page->used + 4 * (size_t)page->ends;
    if (other->used + 4 * (size_t)other->ends > page->size - taken) return false;
    uint32_t before = page->used;
    sw_page_put(page, other->data, other->used);
    for (uint32_t i = 0; i < other->ends; i++) *sw_page_slot(page, page->ends++) = *sw_page_slot(other, i) + before;
    return true;
}

bool sw_page_is_little(const struct sw_page *page) {
    return page->loan == 0 && page->used + 4 * (size_t)page->ends <= LITTLE;
}

void sw_pages_gather(struct sw_pages *chain) {
    size_t size = 0;
    if (chain->head == chain->tail) return;
    for (const struct sw_page *page = chain->head; page != NULL; page = page->next) {
        size += page->used + 4 * (size_t)page->ends;
        if (page->loan != 0 || size > LITTLE) return;
    }
    struct sw_page *one = sw_page_new(size);
    if (one == NULL) return;
    for (const struct sw_page *page = chain->head; page != NULL; page = page->next) sw_page_absorb(one, page);
    sw_pages_free(chain);
    sw_pages_add(chain, one);
}

void sw_pages_join_merged(struct sw_pages *chain, struct sw_pages *other) {
    while (other->head != NULL) {
        struct sw_page *page = sw_pages_shift(other);
        if (chain->tail != NULL && sw_page_is_little(page) && sw_page_absorb(chain->tail, page))
            free(page);
        else
            sw_pages_add(chain, page);
    }
}

struct sw_page *sw_pages_shift(struct sw_pages *chain) {
    struct sw_page *page = chain->head;
    assert(page != NULL);
    chain->head = page->next;
    if (chain->head == NULL) chain->tail = NULL;
    page->next = NULL;
    return page;
}

void sw_stock_add(struct sw_stock *stock, struct sw_page *page) {
    sw_pages_add(&stock->pages, page);
    stock->count++;
}

void sw_stock_join(struct sw_stock *stock, struct sw_stock *other) {
    sw_pages_join(&stock->pages, &other->pages);
    stock->count += other->count;
    other->count = 0;
}

struct sw_page *sw_stock_shift(struct sw_stock *stock) {
    stock->count--;
    return sw_pages_shift(&stock->pages);
}

void sw_stock_free(struct sw_stock *stock) {
    sw_pages_free(&stock->pages);
    stock->count = 0;
}

/* A page at the end that takes a byte and a boundary. NULL: no memory. */
static struct sw_page *page_with_room(struct sw_pages *chain, size_t expected) {
    struct sw_page *page = chain->tail;
    if (page != NULL && sw_page_room(page) > 0) return page;
    page = sw_page_new(expected > SW_PAGE_SMALLEST ? expected : SW_PAGE_SMALLEST);
    if (page != NULL) sw_pages_add(chain, page);
    return page;
}

bool sw_pages_append(struct sw_pages *chain, const void *bytes, size_t size, size_t expected) {
    const unsigned char *from = bytes;
    while (size > 0) {
        struct sw_page *page = page_with_room(chain, expected);
        if (page == NULL) return false;
        size_t room = sw_page_room(page), part = size < room ? size : room;
        sw_page_put(page, from, part);
        from += part;
        size -= part;
    }
    return true;
}

bool sw_pages_end(struct sw_pages *chain, size_t expected, uint32_t flags) {
    struct sw_page *page = chain->tail;
    if (page == NULL || !sw_page_can_end(page)) page = page_with_room(chain, expected);
    if (page == NULL) return false;
    sw_page_end(page, flags);
    return true;
}

static bool copy_guarded(struct sw_page *to, const unsigned char *bytes, size_t size,
                         const struct sw_pin_guard *guard) {
    if (guard != NULL && !guard->hold(guard->of)) return false;
    sw_page_put(to, bytes, size);
    if (guard != NULL) guard->release(guard->of);
    return true;
}

/* Lent bytes have no boundaries, and may need more than the largest page. */
static bool copy_lent(const unsigned char *bytes, size_t size, const struct sw_pin_guard *guard,
                      struct sw_pages *copy) {
    while (size > 0) {
        struct sw_page *to = sw_page_new(size);
        if (to == NULL) return false;
        sw_pages_add(copy, to);
        size_t room = sw_page_room(to), part = size < room ? size : room;
        if (!copy_guarded(to, bytes, part, guard)) return false;
        bytes += part;
        size -= part;
    }
    return true;
}

/* What lies behind offset and index, at the end of the copy: in one page, with the boundaries. */
static bool copy_own(const struct sw_page *page, uint32_t offset, uint32_t index, struct sw_pages *copy) {
    size_t size = page->used - offset;
    struct sw_page *to = sw_page_new(size + 4 * (size_t)(page->ends - index));
    if (to == NULL) return false;
    sw_page_put(to, page->bytes + offset, size);
    for (; index < page->ends; index++) *sw_page_slot(to, to->ends++) = *sw_page_slot(page, index) - offset;
    sw_pages_add(copy, to);
    return true;
}

bool sw_pages_copy(const struct sw_page *page, uint32_t offset, uint32_t index, const struct sw_pin_guard *guard,
                   struct sw_pages *copy) {
    *copy = (struct sw_pages){NULL, NULL};
    for (; page != NULL; page = page->next) {
        bool copied = page->loan != 0 ? copy_lent(page->bytes + offset, page->used - offset, guard, copy)
                                      : copy_own(page, offset, index, copy);
        if (!copied) {
            sw_pages_free(copy);
            return false;
        }
        offset = index = 0;
    }
    return true;
}
