/* Pages: message bytes with the message boundaries beside them.
 *
 * Both directions keep their messages in chains of pages. Bytes fill a page from the front; for each message that
 * ends in it, the offset of its end is kept at the back, growing towards the bytes. So many small messages cost one
 * allocation and one iovec, and the boundaries, which replay, accounting and delivery need, cost four bytes each. A
 * message may run over several pages; its boundary stands in the page where it ends, at offset 0 if that page holds no
 * byte of it.
 *
 *     data[0]                    used            size
 *       | bytes of messages ...    |  free  | e2 e1 e0 |
 *
 * A page may also stand for bytes that lie elsewhere, pinned under a number that their owner knows them by. Such a page
 * has no room and no boundary: the message ends in a page behind it.
 *
 * A page belongs to one thread at a time; handing it over is the business of the channel room. Small pages are plain
 * malloc memory. The largest are mapped: what is not touched of them takes no memory, and what is given back goes back
 * to the system at once, wherever it lies. (malloc keeps a free page as long as a block behind it is in use: after a
 * burst of 64 KB each, 10,000 idle clients held 90 KB each.) Mapping, touching and unmapping cost some 100 us a page on
 * a virtual machine (docs/performance.md), so busy clients keep them: buffer/pool.h.
 */
#ifndef SW_BUFFER_PAGE_H
#define SW_BUFFER_PAGE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/tunables.h"

/* What a message counts against a limit beside its bytes: its boundary, and its share of a page's header. */
enum { SW_MESSAGE_OVERHEAD = 8 };

/* Set in a boundary of bytes whose first part may be of use to the peer (raw framing, write()): cut in the middle, they
 * may have been used, and must not be sent again as if they had not. */
#define SW_END_UNFRAMED 0x80000000u

struct sw_page {
    struct sw_page *next;
    const unsigned char *bytes; /* data, or what was pinned */
    uint32_t size : 31;         /* of data, a multiple of 4 */
    uint32_t is_mapped : 1;     /* of the largest size, and not malloc's */
    uint32_t used;              /* bytes filled */
    uint32_t ends;              /* messages that end here */
    int pin;                    /* number of the pin; 0: the bytes are the page's own */
    unsigned char data[];
};

/* `size` of the largest page, and bytes of one message that it takes. */
#define SW_PAGE_LARGE_SIZE ((SW_PAGE_MAX - (uint32_t)sizeof(struct sw_page)) & ~3u)
#define SW_PAGE_ROOM ((size_t)SW_PAGE_LARGE_SIZE - 4)

/* A chain: its owner appends at the tail. */
struct sw_pages {
    struct sw_page *head, *tail;
};

/* A page with room for `bytes` bytes and one boundary, or the largest there is. NULL: no memory. */
struct sw_page *sw_page_new(size_t bytes);

/* Up to `count` pages of the largest size, every part of which was touched: their first user need not wait for the system
 * to find the memory. Fewer, or none, without memory. */
struct sw_pages sw_pages_prefault(unsigned count);

void sw_page_free(struct sw_page *page);

/* Of the largest size. */
static inline bool sw_page_is_large(const struct sw_page *page) {
    return page->pin == 0 && page->size == SW_PAGE_LARGE_SIZE;
}

/* Empty again. */
static inline void sw_page_clear(struct sw_page *page) { page->used = page->ends = 0; }

/* The longest stretch that may be pinned. */
#define SW_PIN_MAX ((size_t)1 << 30)

/* A page that stands for bytes pinned under the number `pin`, which is not 0. NULL: no memory. */
struct sw_page *sw_page_new_pinned(const void *bytes, uint32_t size, int pin);

void sw_pages_free(struct sw_pages *chain);

/* Puts a page, or all of another chain (which is empty then), at the end. */
void sw_pages_add(struct sw_pages *chain, struct sw_page *page);
void sw_pages_join(struct sw_pages *chain, struct sw_pages *other);

/* Puts what the second page holds, bytes of its own with their boundaries, behind what the first holds. False: there is
 * no room, and nothing was done. */
bool sw_page_absorb(struct sw_page *page, const struct sw_page *other);

/* Moves the messages that fit, from the first on, to the end of the first page; the others move to the front of theirs.
 * For pages that stay for long: else each of two that are a little more than half full would take the memory of a whole
 * one. */
void sw_page_move_messages(struct sw_page *page, struct sw_page *other);

/* So little is in the page (pinned bytes are never little) that to copy it costs less than to keep a page for it. */
bool sw_page_is_nearly_empty(const struct sw_page *page);

/* Makes one page of several that have little in them all together. Without memory they stay as they are. */
void sw_pages_compact(struct sw_pages *chain);

/* As sw_pages_join, but pages with little in them go into the last page of the chain where they fit, and are freed: for
 * what comes a little at a time and stays. */
void sw_pages_join_compact(struct sw_pages *chain, struct sw_pages *other);

/* Where a chain that grows has its pages from. */
struct sw_page_source {
    size_t expected;        /* bytes still to come: what a page is made for, if it may be so large */
    struct sw_pages *empty; /* large pages, which are used first where such a page would be made; NULL: none */
};

/* How many large pages so many bytes would be put in. The rest goes into a page that fits, so that little is unused. */
unsigned sw_pages_count_large(size_t bytes);

/* Copies `size` bytes to the end of the chain, into further pages where the last has no room. False: no memory; the chain
 * holds some of them. */
bool sw_pages_append(struct sw_pages *chain, const void *bytes, size_t size, const struct sw_page_source *source);

/* Ends a message at the end of the chain. False: no memory. */
bool sw_pages_end_message(struct sw_pages *chain, const struct sw_page_source *source, uint32_t flags);

/* For a thread that does not own the pinned bytes: they may be read between hold (false: they are gone) and release. */
struct sw_pin_guard {
    bool (*hold)(void *argument);
    void (*release)(void *argument);
    void *argument;
};

/* Copies a chain, of its first page what lies behind `offset` and the `index`-th boundary; pinned bytes, too: under the
 * guard, at most a page's worth at a time and nothing else meanwhile; guard NULL: they are the caller's. False: no
 * memory, or the pinned bytes are gone; *copy is empty. */
bool sw_pages_copy(const struct sw_page *page, uint32_t offset, uint32_t index, const struct sw_pin_guard *guard,
                   struct sw_pages *copy);

/* Takes the first page out; the chain must not be empty. */
struct sw_page *sw_pages_shift(struct sw_pages *chain);

/* Bytes that still fit; with one boundary's place kept free. */
static inline size_t sw_page_room(const struct sw_page *page) {
    size_t taken = page->used + 4 * ((size_t)page->ends + 1);
    return taken < page->size ? page->size - taken : 0;
}

/* True when one more boundary fits. */
static inline bool sw_page_can_end(const struct sw_page *page) {
    return page->used + 4 * ((size_t)page->ends + 1) <= page->size;
}

/* Asks the processor for the memory's cache line, to be written. The other thread's core may have it; a store that has to
 * wait for it holds up all stores behind it, that which takes a lock first of all. The address may lie anywhere: a
 * prefetch never faults. Not __builtin_prefetch(p, 1): without -mprfchw gcc makes a prefetch for reading of that, which
 * gains nothing. A processor that has no prefetchw takes it for a nop (Intel SDM, PREFETCHW). */
static inline void sw_prefetch_for_write(const void *address) {
#if defined __x86_64__ && defined __GNUC__
    __asm__ volatile("prefetchw %0" : : "m"(*(const char *)address));
#elif defined __GNUC__
    __builtin_prefetch(address, 1);
#else
    (void)address;
#endif
}

/* For a page that the other thread has emptied and that is to be filled next: its header, its first bytes, its first
 * boundaries. */
static inline void sw_page_prefetch(const struct sw_page *page) {
    const unsigned char *boundaries = page->data + page->size - 1;
    sw_prefetch_for_write(page);
    for (size_t at = 0; at < SW_PREFETCH; at += SW_LINE) sw_prefetch_for_write(page->data + at);
    sw_prefetch_for_write(boundaries);
    sw_prefetch_for_write(boundaries - SW_LINE);
}

static inline void sw_page_put(struct sw_page *page, const void *bytes, size_t size) {
    assert(size <= page->size - page->used - 4 * (size_t)page->ends);
    memcpy(page->data + page->used, bytes, size);
    page->used += (uint32_t)size;
}

/* The same for a page that is filled by many small messages: asks for what the next ones will be written to. */
static inline void sw_page_put_and_prefetch(struct sw_page *page, const void *bytes, size_t size) {
    const unsigned char *ahead = page->data + page->used + SW_PREFETCH;
    for (size_t at = 0; at < size && at < SW_PREFETCH; at += SW_LINE) sw_prefetch_for_write(ahead + size + at);
    sw_prefetch_for_write(page->data + page->size - 4 * (size_t)page->ends - 3 * SW_LINE / 2);
    sw_page_put(page, bytes, size);
}

static inline uint32_t *sw_page_boundary(const struct sw_page *page, uint32_t index) {
    return (uint32_t *)(void *)(page->data + page->size) - 1 - index;
}

/* Ends a message at the current fill. */
static inline void sw_page_end_message(struct sw_page *page, uint32_t flags) {
    assert(sw_page_can_end(page));
    *sw_page_boundary(page, page->ends++) = page->used | flags;
}

/* Offset at which the index-th message that ends in this page ends. */
static inline uint32_t sw_page_end_at(const struct sw_page *page, uint32_t index) {
    assert(index < page->ends);
    return *sw_page_boundary(page, index) & ~SW_END_UNFRAMED;
}

static inline bool sw_page_is_unframed_at(const struct sw_page *page, uint32_t index) {
    assert(index < page->ends);
    return *sw_page_boundary(page, index) & SW_END_UNFRAMED;
}

#endif
