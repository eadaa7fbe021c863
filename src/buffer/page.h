/* Pages: blocks of message bytes that also store where each message ends.
 *
 * Both directions keep their messages in chains of pages. Message bytes fill a page from the front. The boundaries
 * fill it from the back: one 4-byte offset for each message that ends in the page. So many small messages need only
 * one allocation and one iovec, and replay, accounting and delivery can still tell the messages apart. A message may
 * span several pages. Its boundary is in the page where it ends; that page may hold none of its bytes, and the offset
 * is 0 then.
 *
 *     data[0]                    used            size
 *       | bytes of messages ...    |  free  | e2 e1 e0 |      e0: offset at which message 0 ends
 *
 * A page may also refer to pinned bytes, which lie outside of it. Such a page has no room and no boundary: the
 * message ends in a later page.
 *
 * A page belongs to one thread at a time. The channel room passes pages from one thread to the other.
 *
 * Small pages come from malloc. Pages of the largest size come from mmap: the parts of such a page that were never
 * touched take no memory, and the system gets the memory back as soon as the page is freed. (malloc keeps a free page
 * while a block at a higher address is in use: after a burst of 64 KB each, 10,000 idle clients held 90 KB each.) To
 * map, touch and unmap a page takes some 100 us on a virtual machine (docs/performance.md), so busy clients reuse
 * such pages: buffer/pool.h.
 */
#ifndef SW_BUFFER_PAGE_H
#define SW_BUFFER_PAGE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/tunables.h"

/* Bytes that each message counts against queue_limit and inbox_limit besides its own: for its boundary, and for its
 * share of the page's header. */
enum { SW_MESSAGE_OVERHEAD = 8 };

/* Flag in a boundary: the message has no framing on the wire (raw framing, write()), so the peer may use the first
 * part of it without the rest. When a connection ends in the middle of such a message, it counts as perhaps received,
 * and SW_RETAIN_UNSENT does not send it again. */
#define SW_END_UNFRAMED 0x80000000u

struct sw_page {
    struct sw_page *next;
    const unsigned char *bytes; /* `data`, or the pinned bytes */
    uint32_t size : 31;         /* of `data` in bytes, a multiple of 4 */
    uint32_t is_mapped : 1;     /* from mmap, not from malloc */
    uint32_t used;              /* message bytes in the page */
    uint32_t ends;              /* number of messages that end in the page */
    int pin;                    /* the owner's number for the pinned bytes, not 0; 0: `bytes` is `data` */
    unsigned char data[];
};

/* `size` of the largest page; how many bytes of a single message fit into it. */
#define SW_PAGE_LARGE_SIZE ((SW_PAGE_MAX - (uint32_t)sizeof(struct sw_page)) & ~3u)
#define SW_PAGE_ROOM ((size_t)SW_PAGE_LARGE_SIZE - 4)

/* A chain of pages; pages are added at the tail. */
struct sw_pages {
    struct sw_page *head, *tail;
};

/* Makes a page with room for `bytes` bytes and one boundary; if that exceeds the largest size, one of the largest
 * size. NULL: no memory. */
struct sw_page *sw_page_new(size_t bytes);

/* Makes `count` pages of the largest size and touches all their memory, so that later writes to them cause no page
 * faults. Returns fewer, or none, if there is no memory. */
struct sw_pages sw_pages_prefault(unsigned count);

void sw_page_free(struct sw_page *page);

/* True for a page of the largest size with bytes of its own. */
static inline bool sw_page_is_large(const struct sw_page *page) {
    return page->pin == 0 && page->size == SW_PAGE_LARGE_SIZE;
}

/* Makes the page empty. */
static inline void sw_page_clear(struct sw_page *page) { page->used = page->ends = 0; }

/* The most bytes that one page of pinned bytes may refer to. */
#define SW_PIN_MAX ((size_t)1 << 30)

/* Makes a page that refers to pinned bytes. `pin` is the owner's number for them, not 0. NULL: no memory. */
struct sw_page *sw_page_new_pinned(const void *bytes, uint32_t size, int pin);

void sw_pages_free(struct sw_pages *chain);

/* Adds a page, or all pages of `other`, to the end of the chain. `other` is empty afterwards. */
void sw_pages_add(struct sw_pages *chain, struct sw_page *page);
void sw_pages_join(struct sw_pages *chain, struct sw_pages *other);

/* Copies all bytes and boundaries of `other` to the end of `page`. False: they do not fit, or one of the pages refers
 * to pinned bytes; nothing has changed. */
bool sw_page_absorb(struct sw_page *page, const struct sw_page *other);

/* Moves as many messages as fit from the start of `other` to the end of `page`. This saves memory where pages are
 * kept for long: without it, two pages that are each a little more than half full stay two pages. */
void sw_page_move_messages(struct sw_page *page, struct sw_page *other);

/* True if the page holds so few bytes that to copy them costs less than to keep the page. False for pinned bytes. */
bool sw_page_is_nearly_empty(const struct sw_page *page);

/* Replaces the pages of a chain by one page if all of them together hold few bytes (as sw_page_is_nearly_empty).
 * Changes nothing if there is no memory. */
void sw_pages_compact(struct sw_pages *chain);

/* As sw_pages_join, but copies a nearly empty page into the last page of the chain, if it fits there, and frees it.
 * For chains that are kept for long and grow by small amounts. */
void sw_pages_join_compact(struct sw_pages *chain, struct sw_pages *other);

/* Says how sw_pages_append and sw_pages_end_message get further pages. */
struct sw_page_source {
    size_t expected; /* bytes that are still to be appended: a new page is made for as many, up to the largest size */
    struct sw_pages *empty; /* empty large pages: used before a new large page is made; NULL: none */
};

/* How many large pages sw_pages_append uses for so many bytes, if they are expected. It puts a small rest into a
 * smaller page. */
unsigned sw_pages_count_large(size_t bytes);

/* Copies `size` bytes to the end of the chain, and adds pages as needed. False: no memory; a part of the bytes may
 * have been copied. */
bool sw_pages_append(struct sw_pages *chain, const void *bytes, size_t size, const struct sw_page_source *source);

/* Writes a boundary at the end of the chain; `flags` is SW_END_UNFRAMED or 0. False: no memory. */
bool sw_pages_end_message(struct sw_pages *chain, const struct sw_page_source *source, uint32_t flags);

/* For a thread that does not own the pinned bytes: it may read them between a call of `hold` that returned true and
 * the call of `release` that follows. If `hold` returns false, the owner has freed them. Both get `argument`. */
struct sw_pin_guard {
    bool (*hold)(void *argument);
    void (*release)(void *argument);
    void *argument;
};

/* Copies a chain of pages into *copy. Skips the first `offset` bytes and the first `index` boundaries of the first
 * page. Pinned bytes become bytes of the new pages. They are copied at most one page at a time, so that the guard
 * holds them only for a short time; guard NULL: the caller owns them. False: no memory, or the pinned bytes were freed;
 * *copy is empty then. */
bool sw_pages_copy(const struct sw_page *page, uint32_t offset, uint32_t index, const struct sw_pin_guard *guard,
                   struct sw_pages *copy);

/* Removes and returns the first page; the chain must not be empty. */
struct sw_page *sw_pages_shift(struct sw_pages *chain);

/* How many bytes still fit together with one boundary. */
static inline size_t sw_page_room(const struct sw_page *page) {
    size_t taken = page->used + 4 * ((size_t)page->ends + 1);
    return taken < page->size ? page->size - taken : 0;
}

/* True if one more boundary fits. */
static inline bool sw_page_can_end(const struct sw_page *page) {
    return page->used + 4 * ((size_t)page->ends + 1) <= page->size;
}

/* Prefetches the cache line of `address` for a write. The line may be in the cache of the core that runs the other
 * thread. A store that waits for such a line delays all later stores, among them the one that takes a lock. Any
 * address is allowed: a prefetch never faults. On x86-64, __builtin_prefetch(p, 1) does not help: without -mprfchw
 * gcc compiles it to a prefetch for reading, which gains nothing. A processor without prefetchw executes it as a nop
 * (Intel SDM, PREFETCHW). */
static inline void sw_prefetch_for_write(const void *address) {
#if defined __x86_64__ && defined __GNUC__
    __asm__ volatile("prefetchw %0" : : "m"(*(const char *)address));
#elif defined __GNUC__
    __builtin_prefetch(address, 1);
#else
    (void)address;
#endif
}

/* Prefetches the header, the first bytes and the first boundaries of a page that is filled next, and that the other
 * thread has used before. */
static inline void sw_page_prefetch(const struct sw_page *page) {
    const unsigned char *boundaries = page->data + page->size - 1;
    sw_prefetch_for_write(page);
    for (size_t at = 0; at < SW_PREFETCH; at += SW_LINE) sw_prefetch_for_write(page->data + at);
    sw_prefetch_for_write(boundaries);
    sw_prefetch_for_write(boundaries - SW_LINE);
}

/* Copies bytes to the end of the page; they must fit. */
static inline void sw_page_put(struct sw_page *page, const void *bytes, size_t size) {
    assert(size <= page->size - page->used - 4 * (size_t)page->ends);
    memcpy(page->data + page->used, bytes, size);
    page->used += (uint32_t)size;
}

/* The same, and prefetches the lines that the next messages will be written to: for a page that many small messages
 * fill. */
static inline void sw_page_put_and_prefetch(struct sw_page *page, const void *bytes, size_t size) {
    const unsigned char *ahead = page->data + page->used + SW_PREFETCH;
    for (size_t at = 0; at < size && at < SW_PREFETCH; at += SW_LINE) sw_prefetch_for_write(ahead + size + at);
    sw_prefetch_for_write(page->data + page->size - 4 * (size_t)page->ends - 3 * SW_LINE / 2);
    sw_page_put(page, bytes, size);
}

/* The stored boundary, with its flags, of the index-th message that ends in the page. */
static inline uint32_t *sw_page_boundary(const struct sw_page *page, uint32_t index) {
    return (uint32_t *)(void *)(page->data + page->size) - 1 - index;
}

/* Writes a boundary after the last byte; it must fit. */
static inline void sw_page_end_message(struct sw_page *page, uint32_t flags) {
    assert(sw_page_can_end(page));
    *sw_page_boundary(page, page->ends++) = page->used | flags;
}

/* The offset at which the index-th message that ends in the page ends. */
static inline uint32_t sw_page_end_at(const struct sw_page *page, uint32_t index) {
    assert(index < page->ends);
    return *sw_page_boundary(page, index) & ~SW_END_UNFRAMED;
}

/* True if that message has SW_END_UNFRAMED set. */
static inline bool sw_page_is_unframed_at(const struct sw_page *page, uint32_t index) {
    assert(index < page->ends);
    return *sw_page_boundary(page, index) & SW_END_UNFRAMED;
}

#endif
