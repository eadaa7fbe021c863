/* Pages and chains of them. */
#include "buffer/page.h"

#include "pages.h"
#include "unit.h"

static const struct sw_page_source SMALL = {.expected = 0};

static void sizes(void) {
    for (size_t bytes = 0; bytes <= SW_PAGE_ROOM; bytes += bytes < 2000 ? 1 : 997) {
        struct sw_page *page = sw_page_new(bytes);
        CHECK(sw_page_room(page) >= bytes);
        CHECK(sw_page_room(page) < bytes + 512 || (bytes > SW_PAGE_SMALL_MAX && sw_page_is_large(page)));
        CHECK(page->size % 4 == 0);
        sw_page_free(page);
    }
    struct sw_page *largest = sw_page_new(SIZE_MAX);
    CHECK_EQ(sw_page_room(largest), SW_PAGE_ROOM);
    CHECK(largest->size + sizeof *largest <= SW_PAGE_MAX);
    sw_page_free(largest);
}

static unsigned char byte_of(size_t at) { return (unsigned char)(at * 7 + at / 251); }

/* Does the chain hold `size` such bytes, and so many messages? */
static void check_bytes(const struct sw_pages *chain, size_t size, uint32_t messages) {
    size_t at = 0;
    uint32_t ends = 0;
    for (const struct sw_page *page = chain->head; page != NULL; page = page->next) {
        for (uint32_t i = 0; i < page->used; i++) CHECK_EQ(page->bytes[i], byte_of(at++));
        ends += page->ends;
    }
    CHECK_EQ(at, size);
    CHECK_EQ(ends, messages);
    CHECK(chain->tail->next == NULL);
}

static unsigned char *some_bytes(size_t size) {
    unsigned char *bytes = malloc(size > 0 ? size : 1);
    for (size_t at = 0; at < size; at++) bytes[at] = byte_of(at);
    return bytes;
}

static void appending(void) {
    const size_t sizes_and_pages[][2] = {
        {0, 1}, {1, 1}, {SW_PAGE_ROOM, 1}, {SW_PAGE_ROOM + 1, 2}, {2 * SW_PAGE_ROOM, 2}, {10 * SW_PAGE_ROOM + 5, 11},
    };
    for (size_t i = 0; i < sizeof sizes_and_pages / sizeof sizes_and_pages[0]; i++) {
        size_t size = sizes_and_pages[i][0];
        unsigned char *bytes = some_bytes(size);
        struct sw_pages chain = {NULL, NULL};
        const struct sw_page_source source = {.expected = size};
        CHECK(sw_pages_append(&chain, bytes, size / 3, &source));
        CHECK(sw_pages_append(&chain, bytes + size / 3, size - size / 3, &source));
        CHECK(sw_pages_end_message(&chain, &source, 0));
        CHECK_EQ(count_pages(&chain), sizes_and_pages[i][1]);
        check_bytes(&chain, size, 1);
        sw_pages_free(&chain);
        CHECK(chain.head == NULL && chain.tail == NULL);
        free(bytes);
    }
}

/* Bytes of its own, pinned ones, bytes of its own. */
static void pinning(void) {
    enum { SIZE = 300000, FROM = 1000, TO = 299000 };
    unsigned char *bytes = some_bytes(SIZE);
    struct sw_pages chain = {NULL, NULL}, copy;
    CHECK(sw_pages_append(&chain, bytes, FROM, &SMALL));
    struct sw_page *pinned = sw_page_new_pinned(bytes + FROM, TO - FROM, 7);
    sw_pages_add(&chain, pinned);
    CHECK(pinned->bytes == bytes + FROM && pinned->pin == 7);
    CHECK_EQ(sw_page_room(pinned), 0);
    CHECK(!sw_page_can_end(pinned));
    CHECK(sw_pages_append(&chain, bytes + TO, SIZE - TO, &SMALL));
    CHECK(sw_pages_end_message(&chain, &SMALL, SW_END_UNFRAMED));
    check_bytes(&chain, SIZE, 1);
    CHECK(sw_pages_copy(chain.head, 0, 0, NULL, &copy));
    sw_pages_free(&chain);
    free(bytes); /* the copy has bytes of its own */
    check_bytes(&copy, SIZE, 1);
    CHECK(sw_page_is_unframed_at(copy.tail, 0));
    for (const struct sw_page *page = copy.head; page != NULL; page = page->next) CHECK_EQ(page->pin, 0);
    sw_pages_free(&copy);
}

/* A guard that counts, and lets the bytes be gone at some time. */
struct guarded {
    int holds, releases, gone_after;
};

static bool hold(void *of) {
    struct guarded *guarded = of;
    CHECK_EQ(guarded->holds, guarded->releases);
    if (guarded->holds == guarded->gone_after) return false;
    guarded->holds++;
    return true;
}

static void release(void *of) { ((struct guarded *)of)->releases++; }

/* Pinned bytes are held a page's worth at a time, so that their owner waits for that much only to get them back. */
static void guarding(void) {
    enum { SIZE = 1000000, OWN = 1000 };
    unsigned char *bytes = some_bytes(SIZE);
    struct sw_pages chain = {NULL, NULL}, copy;
    CHECK(sw_pages_append(&chain, bytes, OWN, &SMALL));
    sw_pages_add(&chain, sw_page_new_pinned(bytes + OWN, SIZE - OWN, 7));
    CHECK(sw_pages_end_message(&chain, &SMALL, 0));
    struct guarded guarded = {.gone_after = -1};
    const struct sw_pin_guard guard = {hold, release, &guarded};
    CHECK(sw_pages_copy(chain.head, 0, 0, &guard, &copy));
    CHECK_EQ(guarded.holds, (SIZE - OWN + SW_PAGE_ROOM - 1) / SW_PAGE_ROOM);
    CHECK_EQ(guarded.releases, guarded.holds);
    check_bytes(&copy, SIZE, 1);
    sw_pages_free(&copy);
    guarded = (struct guarded){.gone_after = 3};
    CHECK(!sw_pages_copy(chain.head, 0, 0, &guard, &copy));
    CHECK_EQ(guarded.releases, 3);
    CHECK(copy.head == NULL && copy.tail == NULL);
    sw_pages_free(&chain);
    free(bytes);
}

/* Fills with messages of `size` bytes until no further fits; returns how many. */
static uint32_t fill(struct sw_page *page, uint32_t size) {
    unsigned char bytes[64] = {0};
    uint32_t count = 0;
    while (size == 0 ? sw_page_can_end(page) : sw_page_room(page) >= size) {
        memset(bytes, (int)count & 0xff, size);
        sw_page_put(page, bytes, size);
        sw_page_end_message(page, count % 3 == 0 ? SW_END_UNFRAMED : 0);
        count++;
    }
    return count;
}

static void boundaries(void) {
    for (uint32_t size = 0; size <= 64; size++) {
        struct sw_page *page = sw_page_new(1000);
        uint32_t count = fill(page, size);
        CHECK(count >= 1000 / (size + 4));
        CHECK_EQ(page->ends, count);
        CHECK_EQ(page->used, count * size);
        for (uint32_t i = 0; i < count; i++) {
            CHECK_EQ(sw_page_end_at(page, i), (i + 1) * size);
            CHECK_EQ(sw_page_is_unframed_at(page, i), i % 3 == 0);
            if (size > 0) CHECK_EQ(page->data[i * size], i & 0xff); /* no boundary overwrote it */
        }
        sw_page_free(page);
    }
}

static void full_page(void) {
    struct sw_page *page = sw_page_new(100);
    unsigned char bytes[512] = {0};
    sw_page_put(page, bytes, sw_page_room(page));
    CHECK_EQ(sw_page_room(page), 0);
    CHECK(sw_page_can_end(page)); /* the place for one boundary was kept free */
    sw_page_end_message(page, 0);
    CHECK(!sw_page_can_end(page));
    CHECK_EQ(sw_page_room(page), 0);
    sw_page_free(page);
}

/* Puts a message of `size` bytes, which say which one it is; the odd ones are loose. */
static void fill_one(struct sw_page *page, uint32_t size, uint32_t first) {
    unsigned char bytes[64];
    memset(bytes, (int)(first + page->ends), size);
    sw_page_put(page, bytes, size);
    sw_page_end_message(page, page->ends % 2 == 1 ? SW_END_UNFRAMED : 0);
}

static bool at_loose(uint32_t message, uint32_t before) {
    return (message < before ? message : message - before) % 2 == 1;
}

/* Pages a little more than half full share, as far as whole messages fit. */
static void moving(void) {
    struct sw_page *a = sw_page_new(1000), *b = sw_page_new(1000);
    while (a->used < 600) fill_one(a, 50, 0);
    while (b->used < 600) fill_one(b, 50, 100);
    uint32_t messages = a->ends + b->ends, bytes = a->used + b->used, before = a->ends;
    sw_page_move_messages(a, b);
    CHECK(a->ends > before && b->ends > 0);
    CHECK(sw_page_room(a) < 50);
    CHECK(a->ends + b->ends == messages && a->used + b->used == bytes);
    for (uint32_t i = 0; i < messages; i++) {
        const struct sw_page *page = i < a->ends ? a : b;
        uint32_t at = i < a->ends ? i : i - a->ends;
        CHECK_EQ(sw_page_end_at(page, at), (at + 1) * 50);
        CHECK_EQ(sw_page_is_unframed_at(page, at), at_loose(i, before));
        CHECK_EQ(page->data[at * 50], i < before ? i : 100 + i - before);
    }
    uint32_t ends = a->ends;
    sw_page_move_messages(a, b); /* no room for another */
    CHECK_EQ(a->ends, ends);
    sw_page_free(a);
    sw_page_free(b);
}

static size_t used(const struct sw_pages *chain) {
    size_t size = 0;
    for (const struct sw_page *page = chain->head; page != NULL; page = page->next) size += page->used;
    return size;
}

static size_t allocated(const struct sw_pages *chain) {
    size_t size = 0;
    for (const struct sw_page *page = chain->head; page != NULL; page = page->next) size += page->size;
    return size;
}

/* Of a read, whatever its size, no more than a quarter of the memory stays unused; and large pages are those given. */
static void fitting(void) {
    for (size_t size = 2000; size < 400000; size += 1777) {
        unsigned count = sw_pages_count_large(size);
        struct sw_pages empty = sw_pages_prefault(count), chain = {NULL, NULL};
        const struct sw_page_source source = {size, &empty};
        unsigned char *bytes = some_bytes(size);
        CHECK(sw_pages_append(&chain, bytes, size, &source));
        CHECK_EQ(used(&chain), size);
        CHECK(allocated(&chain) <= size + size / 4 + 512 || count == 1);
        CHECK(empty.head == NULL);
        sw_pages_free(&chain);
        free(bytes);
    }
}

static void prefaulting(void) {
    struct sw_pages pages = sw_pages_prefault(3);
    if (!CHECK_EQ(count_pages(&pages), 3) || pages.head == NULL || pages.head->next == NULL) return;
    for (const struct sw_page *page = pages.head; page != NULL; page = page->next) {
        CHECK(page->used == 0 && page->ends == 0 && sw_page_is_large(page));
        CHECK_EQ(sw_page_room(page), SW_PAGE_ROOM);
    }
    struct sw_page *middle = pages.head->next; /* each is freed for itself */
    pages.head->next = middle->next;
    sw_page_free(middle);
    sw_pages_free(&pages);
}

static void joining(void) {
    struct sw_pages a = {NULL, NULL}, b = {NULL, NULL};
    sw_pages_join(&a, &b);
    CHECK(a.head == NULL && a.tail == NULL);
    struct sw_page *pages[4];
    for (int i = 0; i < 4; i++) pages[i] = sw_page_new(1);
    sw_pages_add(&b, pages[0]);
    sw_pages_add(&b, pages[1]);
    sw_pages_join(&a, &b); /* into an empty one */
    CHECK(b.head == NULL && b.tail == NULL);
    sw_pages_add(&b, pages[2]);
    sw_pages_add(&b, pages[3]);
    sw_pages_join(&a, &b);
    sw_pages_join(&a, &b); /* an empty one */
    for (int i = 0; i < 4; i++) {
        struct sw_page *page = sw_pages_shift(&a);
        CHECK(page == pages[i] && page->next == NULL);
        sw_page_free(page);
    }
    CHECK(a.head == NULL && a.tail == NULL);
}

static const struct unit_test tests[] = {
    {"has room for what was asked, and little more", sizes},
    {"makes as many pages as a message needs", appending},
    {"takes pinned bytes where they lie, and copies them where a copy is wanted", pinning},
    {"holds pinned bytes only while a page of them is copied, and copies nothing when they are gone", guarding},
    {"keeps bytes and boundaries apart until the page is full", boundaries},
    {"can end a message in a page that its bytes fill", full_page},
    {"joins chains in order", joining},
    {"is prefaulted, and freed one by one", prefaulting},
    {"shares with a page that stays, as far as messages fit", moving},
    {"leaves little of a read's pages unused", fitting},
};

UNIT_MAIN(tests)
