#include "buffer/page.h"

#include <limits.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/platform.h"

/* Small pages are allocated in multiples of BLOCK_UNIT bytes, less what malloc adds for its own header: with few
 * different sizes, malloc can reuse freed blocks. */
enum { BLOCK_UNIT = 64, MALLOC_HEADER = sizeof(size_t) };

/* The page size of the system's memory in bytes: 4 KiB on most systems, never less. */
enum { SMALLEST_SYSTEM_PAGE = 4096 };

/* --- memory --- */

/* AddressSanitizer checks blocks from malloc for overruns and leaks, but not mappings: with it, all pages come from
 * malloc. */
#if defined __SANITIZE_ADDRESS__ /* gcc */
#define USES_MMAP false
#elif defined __has_feature /* clang */
#define USES_MMAP (!__has_feature(address_sanitizer))
#else
#define USES_MMAP true
#endif

#ifndef MAP_ANONYMOUS
#define MAP_ANONYMOUS MAP_ANON /* BSD */
#endif

/* NULL: no memory, or USES_MMAP is false. */
static void *map(size_t size) {
    void *memory =
        USES_MMAP ? mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) : MAP_FAILED;
    return memory != MAP_FAILED ? memory : NULL;
}

/* munmap fails when it would have to split a mapping and the process has the maximum number of mappings (munmap(2),
 * ENOMEM). Then the memory is returned, and only the addresses stay in use. */
static void unmap(void *memory) {
    if (munmap(memory, SW_PAGE_MAX) != 0) madvise(memory, SW_PAGE_MAX, MADV_DONTNEED);
}

static void touch(unsigned char *memory, size_t size) {
#if SW_HAS_POPULATE && defined MADV_POPULATE_WRITE
    /* Linux 5.14: one system call instead of one page fault for each 4 KiB */
    if (madvise(memory, size, MADV_POPULATE_WRITE) == 0) return;
#endif
    for (size_t at = 0; at < size; at += SMALLEST_SYSTEM_PAGE) ((volatile unsigned char *)memory)[at] = 0;
}

/* --- pages --- */

static struct sw_page *make_page(void *memory, size_t allocation, bool is_mapped) {
    struct sw_page *page = memory;
    if (page == NULL) return NULL;
    page->next = NULL;
    page->bytes = page->data;
    page->size = (uint32_t)(allocation - sizeof *page) & ~3u;
    page->is_mapped = is_mapped;
    page->used = 0;
    page->ends = 0;
    page->pin = 0;
    return page;
}

static struct sw_page *new_large(void) {
    void *memory = map(SW_PAGE_MAX);
    if (memory != NULL) return make_page(memory, SW_PAGE_MAX, true);
    return make_page(malloc(SW_PAGE_MAX), SW_PAGE_MAX, false);
}

struct sw_page *sw_page_new(size_t bytes) {
    if (bytes > SW_PAGE_SMALL_MAX) return new_large();
    size_t allocation =
        (sizeof(struct sw_page) + bytes + 4 + MALLOC_HEADER + BLOCK_UNIT - 1) / BLOCK_UNIT * BLOCK_UNIT - MALLOC_HEADER;
    return make_page(malloc(allocation), allocation, false);
}

struct sw_pages sw_pages_prefault(unsigned count) {
    struct sw_pages pages = {NULL, NULL};
    unsigned char *memory = map(count * (size_t)SW_PAGE_MAX);
    if (memory != NULL) touch(memory, count * (size_t)SW_PAGE_MAX);
    for (unsigned i = 0; i < count; i++) {
        struct sw_page *page =
            memory != NULL ? make_page(memory + i * (size_t)SW_PAGE_MAX, SW_PAGE_MAX, true) : new_large();
        if (page == NULL) break;
        sw_pages_add(&pages, page);
    }
    return pages;
}

void sw_page_free(struct sw_page *page) {
    if (page->is_mapped)
        unmap(page);
    else
        free(page);
}

struct sw_page *sw_page_new_pinned(const void *bytes, uint32_t size, int pin) {
    assert(pin != 0);
    struct sw_page *page = make_page(malloc(sizeof *page), sizeof *page, false);
    if (page == NULL) return NULL;
    page->bytes = bytes;
    page->used = size;
    page->pin = pin;
    return page;
}

void sw_pages_free(struct sw_pages *chain) {
    while (chain->head != NULL) sw_page_free(sw_pages_shift(chain));
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

/* Bytes that the messages and boundaries in the page take. */
static size_t filled(const struct sw_page *page) { return page->used + 4 * (size_t)page->ends; }

/* Copies the first `bytes` bytes and the first `ends` boundaries of `other` to the end of `page`; they must fit. */
static void append_first(struct sw_page *page, const struct sw_page *other, uint32_t bytes, uint32_t ends) {
    uint32_t before = page->used;
    sw_page_put(page, other->data, bytes);
    for (uint32_t i = 0; i < ends; i++) *sw_page_boundary(page, page->ends++) = *sw_page_boundary(other, i) + before;
}

bool sw_page_absorb(struct sw_page *page, const struct sw_page *other) {
    if (page->pin != 0 || other->pin != 0 || filled(other) > page->size - filled(page)) return false;
    append_first(page, other, other->used, other->ends);
    return true;
}

/* How many messages from the start of `other` fit into `page`. */
static uint32_t count_fitting(const struct sw_page *page, const struct sw_page *other) {
    size_t room = page->size - filled(page);
    uint32_t low = 0, high = other->ends;
    while (low < high) {
        uint32_t middle = low + (high - low + 1) / 2;
        if (sw_page_end_at(other, middle - 1) + 4 * (size_t)middle <= room)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

void sw_page_move_messages(struct sw_page *page, struct sw_page *other) {
    uint32_t count = page->pin == 0 && other->pin == 0 ? count_fitting(page, other) : 0;
    if (count == 0) return;
    uint32_t moved = sw_page_end_at(other, count - 1);
    append_first(page, other, moved, count);
    memmove(other->data, other->data + moved, other->used - moved);
    for (uint32_t i = count; i < other->ends; i++)
        *sw_page_boundary(other, i - count) = *sw_page_boundary(other, i) - moved;
    other->used -= moved;
    other->ends -= count;
}

bool sw_page_is_nearly_empty(const struct sw_page *page) { return page->pin == 0 && filled(page) <= SW_PAGE_LITTLE; }

void sw_pages_compact(struct sw_pages *chain) {
    size_t size = 0;
    if (chain->head == chain->tail) return;
    for (const struct sw_page *page = chain->head; page != NULL; page = page->next) {
        size += filled(page);
        if (page->pin != 0 || size > SW_PAGE_LITTLE) return;
    }
    struct sw_page *one = sw_page_new(size);
    if (one == NULL) return;
    for (const struct sw_page *page = chain->head; page != NULL; page = page->next) sw_page_absorb(one, page);
    sw_pages_free(chain);
    sw_pages_add(chain, one);
}

void sw_pages_join_compact(struct sw_pages *chain, struct sw_pages *other) {
    while (other->head != NULL) {
        struct sw_page *page = sw_pages_shift(other);
        if (chain->tail != NULL && sw_page_is_nearly_empty(page) && sw_page_absorb(chain->tail, page))
            sw_page_free(page);
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

unsigned sw_pages_count_large(size_t bytes) {
    size_t count = bytes / SW_PAGE_ROOM;
    if (bytes % SW_PAGE_ROOM > SW_PAGE_SMALL_MAX) count++;
    return count < UINT_MAX ? (unsigned)count : UINT_MAX;
}

static struct sw_page *next_page(size_t expected, struct sw_pages *empty) {
    if (expected > SW_PAGE_SMALL_MAX && empty != NULL && empty->head != NULL) return sw_pages_shift(empty);
    return sw_page_new(expected > SW_PAGE_SMALLEST ? expected : SW_PAGE_SMALLEST);
}

/* The last page of the chain, if a byte and a boundary fit into it; else a new one at the end. NULL: no memory. */
static struct sw_page *page_with_room(struct sw_pages *chain, size_t expected, struct sw_pages *empty) {
    struct sw_page *page = chain->tail;
    if (page != NULL && sw_page_room(page) > 0) return page;
    page = next_page(expected, empty);
    if (page != NULL) sw_pages_add(chain, page);
    return page;
}

bool sw_pages_append(struct sw_pages *chain, const void *bytes, size_t size, const struct sw_page_source *source) {
    const unsigned char *from = bytes;
    size_t expected = source->expected;
    while (size > 0) {
        struct sw_page *page = page_with_room(chain, expected, source->empty);
        if (page == NULL) return false;
        size_t room = sw_page_room(page), part = size < room ? size : room;
        sw_page_put(page, from, part);
        from += part;
        size -= part;
        expected -= part < expected ? part : expected;
    }
    return true;
}

bool sw_pages_end_message(struct sw_pages *chain, const struct sw_page_source *source, uint32_t flags) {
    struct sw_page *page = chain->tail;
    if (page == NULL || !sw_page_can_end(page)) page = page_with_room(chain, source->expected, source->empty);
    if (page == NULL) return false;
    sw_page_end_message(page, flags);
    return true;
}

static bool copy_guarded(struct sw_page *to, const unsigned char *bytes, size_t size,
                         const struct sw_pin_guard *guard) {
    if (guard != NULL && !guard->hold(guard->argument)) return false;
    sw_page_put(to, bytes, size);
    if (guard != NULL) guard->release(guard->argument);
    return true;
}

/* There may be more pinned bytes than fit into one page. A page of pinned bytes has no boundaries. */
static bool copy_pinned(const unsigned char *bytes, size_t size, const struct sw_pin_guard *guard,
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

/* Adds one page to the copy: the bytes from `offset` on and the boundaries from `index` on. */
static bool copy_own(const struct sw_page *page, uint32_t offset, uint32_t index, struct sw_pages *copy) {
    size_t size = page->used - offset;
    struct sw_page *to = sw_page_new(size + 4 * (size_t)(page->ends - index));
    if (to == NULL) return false;
    sw_page_put(to, page->bytes + offset, size);
    for (; index < page->ends; index++) *sw_page_boundary(to, to->ends++) = *sw_page_boundary(page, index) - offset;
    sw_pages_add(copy, to);
    return true;
}

bool sw_pages_copy(const struct sw_page *page, uint32_t offset, uint32_t index, const struct sw_pin_guard *guard,
                   struct sw_pages *copy) {
    *copy = (struct sw_pages){NULL, NULL};
    for (; page != NULL; page = page->next) {
        bool copied = page->pin != 0 ? copy_pinned(page->bytes + offset, page->used - offset, guard, copy)
                                     : copy_own(page, offset, index, copy);
        if (!copied) {
            sw_pages_free(copy);
            return false;
        }
        offset = index = 0;
    }
    return true;
}
