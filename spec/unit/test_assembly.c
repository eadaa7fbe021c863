/* The assembly against a naive list of messages, for any split of the stream: bytes in, messages in pages out. */
#include "loop/assembly.h"

#include "base/backoff.h"
#include "channel/inbox.h"
#include "unit.h"

enum { MESSAGES = 40, MESSAGE_MAX = 200000, STREAM_MAX = MESSAGES * (MESSAGE_MAX + 64) };

static uint64_t seed;
static struct sw_framing framing;
static unsigned char *stream; /* what the peer sends */
static size_t stream_size;
static struct {
    size_t at, size; /* payload, in the stream */
    size_t end;      /* of the frame */
} messages[MESSAGES];
static size_t message_count;

static size_t draw(size_t below) { return (size_t)(sw_random(&seed) * (double)below); }

/* --- the stream --- */

static struct sw_framing draw_framing(void) {
    static const enum sw_framing_kind kinds[] = {
        SW_FRAMING_LINE, SW_FRAMING_DELIMITER, SW_FRAMING_FIXED, SW_FRAMING_COUNTED, SW_FRAMING_NETSTRING,
    };
    struct sw_framing drawn = {.kind = kinds[draw(5)], .max = MESSAGE_MAX + 8};
    if (drawn.kind == SW_FRAMING_COUNTED) drawn.length = draw(2) ? SW_LENGTH_U16BE : SW_LENGTH_U32LE;
    drawn.keeps = drawn.kind == SW_FRAMING_COUNTED && draw(2);
    if (drawn.kind == SW_FRAMING_FIXED) drawn.size = 1 + (uint32_t)draw(draw(2) ? 50 : 5000);
    if (drawn.kind == SW_FRAMING_DELIMITER) {
        drawn.size = 1 + (uint32_t)draw(SW_DELIMITER_MAX);
        memset(drawn.delimiter, '-', drawn.size); /* overlaps itself in every way */
    }
    sw_framing_init(&drawn);
    return drawn;
}

static void append(const void *bytes, size_t size) {
    memcpy(stream + stream_size, bytes, size);
    stream_size += size;
}

static bool is_counted(enum sw_length length) { return framing.kind == SW_FRAMING_COUNTED && framing.length == length; }

static size_t draw_size(void) {
    if (framing.kind == SW_FRAMING_FIXED) return framing.size;
    size_t most = draw(10) > 0 ? 100 : draw(4) > 0 ? 5000 : MESSAGE_MAX;
    if (is_counted(SW_LENGTH_U16BE) && most > 65535) most = 65535;
    return draw(most + 1);
}

static void add_message(void) {
    size_t size = draw_size();
    unsigned char length[4] = {(unsigned char)size, (unsigned char)(size >> 8), (unsigned char)(size >> 16), 0};
    unsigned char big[2] = {length[1], length[0]};
    size_t begin = stream_size;
    char digits[12];
    if (is_counted(SW_LENGTH_U16BE)) append(big, 2);
    if (is_counted(SW_LENGTH_U32LE)) append(length, 4);
    if (framing.kind == SW_FRAMING_NETSTRING) append(digits, (size_t)snprintf(digits, sizeof digits, "%zu:", size));
    messages[message_count].at = framing.keeps ? begin : stream_size;
    messages[message_count].size = stream_size - messages[message_count].at + size;
    for (size_t i = 0; i < size; i++) stream[stream_size++] = (unsigned char)('a' + draw(26)); /* no line end, no '-' */
    if (framing.kind == SW_FRAMING_LINE) draw(2) ? append("\r\n", 2) : append("\n", 1);
    if (framing.kind == SW_FRAMING_DELIMITER) append(framing.delimiter, framing.size);
    if (framing.kind == SW_FRAMING_NETSTRING) append(",", 1);
    messages[message_count++].end = stream_size;
}

static void make_stream(void) {
    framing = draw_framing();
    stream_size = message_count = 0;
    size_t count = 1 + draw(MESSAGES);
    while (message_count < count) add_message();
}

/* --- what comes out --- */

static size_t got_count, got_sizes;

/* Compares one message, which begins at *offset of *page and ends at `end` of `last`, with the list. */
static bool same_message(const struct sw_page **page, uint32_t *offset, const struct sw_page *last, uint32_t end) {
    size_t at = messages[got_count].at, left = messages[got_count].size;
    for (;;) {
        uint32_t stop = *page == last ? end : (*page)->used;
        size_t part = stop - *offset;
        if (part > left || memcmp((*page)->data + *offset, stream + at, part) != 0) return false;
        at += part;
        left -= part;
        *offset = stop;
        if (*page == last) return left == 0;
        *page = (*page)->next;
        *offset = 0;
    }
}

static bool check_pages(const struct sw_pages *pages) {
    const struct sw_page *begin = pages->head;
    uint32_t offset = 0;
    for (const struct sw_page *page = pages->head; page != NULL; page = page->next) {
        for (uint32_t i = 0; i < page->ends; i++) {
            if (!CHECK(got_count < message_count)) return false;
            if (!CHECK(same_message(&begin, &offset, page, sw_page_end_at(page, i)))) return false;
            CHECK(!sw_page_is_unframed_at(page, i));
            got_sizes += messages[got_count++].size;
        }
    }
    /* Nothing but whole messages: the rest is in the assembly. */
    for (; begin != NULL; begin = begin->next, offset = 0)
        if (!CHECK_EQ(begin->used, offset)) return false;
    return true;
}

static void take(struct sw_message_run *whole) {
    size_t count_before = got_count, sizes_before = got_sizes;
    check_pages(&whole->pages);
    CHECK_EQ(whole->count, got_count - count_before);
    CHECK_EQ(whole->bytes, got_sizes - sizes_before + whole->count * SW_MESSAGE_OVERHEAD);
    sw_pages_free(&whole->pages);
    *whole = (struct sw_message_run){.count = 0};
}

static size_t whole_before(size_t at) {
    size_t count = 0;
    while (count < message_count && messages[count].end <= at) count++;
    return count;
}

/* --- feeding --- */

/* Bytes of the frame that has begun. */
static size_t begun(const struct sw_assembly *assembly) {
    size_t front = framing.keeps ? 0 : assembly->decoder.count;
    return sw_assembly_partial_bytes(assembly) + front;
}

static void feed_in_parts(struct sw_assembly *assembly, size_t mean) {
    struct sw_message_run harvest = {.count = 0};
    got_count = got_sizes = 0;
    for (size_t at = 0; at < stream_size && !unit_current.failed;) {
        size_t part = 1 + draw(2 * mean);
        if (part > stream_size - at) part = stream_size - at;
        CHECK_EQ(sw_assembly_feed(assembly, &framing, stream + at, part, NULL, &harvest), SW_OK);
        at += part;
        size_t whole = whole_before(at);
        CHECK_EQ(harvest.count, whole - got_count);
        size_t end = whole > 0 ? messages[whole - 1].end : 0;
        CHECK_EQ(begun(assembly), at - end);
        CHECK_EQ(assembly->begun, end);
        if (draw(3) == 0) take(&harvest);
    }
    take(&harvest);
    CHECK_EQ(got_count, message_count);
}

static void any_split(void) {
    static const size_t means[] = {1, 3, 40, 700, 20000, 260000};
    seed = unit_seed();
    stream = malloc(STREAM_MAX);
    for (int round = 0; round < 300 && !unit_current.failed; round++) {
        struct sw_assembly assembly = {0};
        sw_assembly_reset(&assembly);
        make_stream();
        size_t mean = means[draw(6)];
        if (stream_size > 100000 * mean) mean = 700; /* or it takes for ever */
        feed_in_parts(&assembly, mean);
        CHECK(assembly.partial.head == NULL && assembly.head == NULL); /* an idle connection holds no pages */
        sw_assembly_reset(&assembly);
    }
    free(stream);
}

static void starts_anew(void) {
    struct sw_assembly assembly = {0};
    struct sw_message_run whole = {.count = 0};
    static unsigned char bytes[100000];
    framing = (struct sw_framing){.kind = SW_FRAMING_LINE, .max = sizeof bytes};
    sw_framing_init(&framing);
    sw_assembly_reset(&assembly);
    for (int i = 0; i < 3; i++) {
        memset(bytes, 'x', sizeof bytes);
        CHECK_EQ(sw_assembly_feed(&assembly, &framing, bytes, sizeof bytes, NULL, &whole), SW_OK);
        CHECK_EQ(begun(&assembly), sizeof bytes);
        CHECK_EQ(whole.count, 0);
        sw_assembly_reset(&assembly); /* a new connection: nothing of the old one is left */
        CHECK_EQ(begun(&assembly), 0);
        CHECK(assembly.partial.head == NULL);
    }
}

/* Ten lines of max bytes, then one that is longer. */
static void bad_frame(void) {
    static unsigned char bytes[1000];
    framing = (struct sw_framing){.kind = SW_FRAMING_LINE, .max = 9};
    sw_framing_init(&framing);
    memset(bytes, 'x', sizeof bytes);
    for (size_t i = 9; i < 100; i += 10) bytes[i] = '\n';
    for (size_t split = 1; split < 110; split++) {
        struct sw_assembly assembly = {0};
        struct sw_message_run whole = {.count = 0};
        sw_assembly_reset(&assembly);
        enum sw_err err = sw_assembly_feed(&assembly, &framing, bytes, split, NULL, &whole);
        if (err == SW_OK)
            err = sw_assembly_feed(&assembly, &framing, bytes + split, sizeof bytes - split, NULL, &whole);
        CHECK_EQ(err, SW_FRAME);
        CHECK_EQ(whole.count, 10); /* those before are there */
        CHECK_EQ(whole.bytes, 10 * (9 + SW_MESSAGE_OVERHEAD));
        sw_pages_free(&whole.pages);
        sw_assembly_reset(&assembly);
    }
}

/* What ends a connection is told with its place and its first bytes, whatever the split. */
static void told_frame(void) {
    static const char bytes[] = "5:hello,3:abcx";
    framing = (struct sw_framing){.kind = SW_FRAMING_NETSTRING, .max = 100};
    for (size_t step = 1; step < sizeof bytes; step++) {
        struct sw_assembly assembly = {0};
        struct sw_message_run whole = {.count = 0};
        sw_assembly_reset(&assembly);
        enum sw_err err = SW_OK;
        for (size_t at = 0; at < sizeof bytes - 1; at += step) {
            size_t left = sizeof bytes - 1 - at;
            CHECK_EQ(err, SW_OK);
            CHECK(sw_assembly_bad_frame(&assembly) == NULL);
            err = sw_assembly_feed(&assembly, &framing, (const unsigned char *)bytes + at, step < left ? step : left,
                                   NULL, &whole);
        }
        CHECK_EQ(err, SW_FRAME);
        sw_assembly_end(&assembly);
        const struct sw_bad_frame *bad = sw_assembly_bad_frame(&assembly);
        CHECK(bad != NULL && bad->begun == 8 && bad->fault.kind == SW_FAULT_COMMA && bad->fault.at == 6);
        CHECK(bad != NULL && bad->size == 6 && memcmp(bad->bytes, "3:abcx", 6) == 0);
        CHECK(assembly.partial.head == NULL);
        sw_pages_free(&whole.pages);
        sw_assembly_reset(&assembly);
        CHECK(sw_assembly_bad_frame(&assembly) == NULL);
    }
}

/* A frame that is longer than what is shown of it: its beginning is in pages. */
static void told_beginning(void) {
    static unsigned char bytes[101];
    memset(bytes, 'x', sizeof bytes);
    framing = (struct sw_framing){.kind = SW_FRAMING_LINE, .max = 100};
    for (size_t step = 1; step <= sizeof bytes; step++) {
        struct sw_assembly assembly = {0};
        struct sw_message_run whole = {.count = 0};
        sw_assembly_reset(&assembly);
        for (size_t at = 0; at < sizeof bytes; at += step)
            sw_assembly_feed(&assembly, &framing, bytes + at, step < sizeof bytes - at ? step : sizeof bytes - at, NULL,
                             &whole);
        const struct sw_bad_frame *bad = sw_assembly_bad_frame(&assembly);
        CHECK(bad != NULL && bad->begun == 0 && bad->fault.kind == SW_FAULT_TOO_LONG && bad->fault.at == 101);
        CHECK(bad != NULL && bad->size == SW_BAD_FRAME_SHOWN && memcmp(bad->bytes, bytes, bad->size) == 0);
        sw_assembly_reset(&assembly);
    }
}

static void claimed_lengths(void) {
    static const unsigned char claim[] = {0xff, 0xff, 0xff, 0x00, 'x'}; /* 16 MiB - 1, and one byte of them */
    struct sw_assembly assembly = {0};
    struct sw_message_run whole = {.count = 0};
    framing = (struct sw_framing){.kind = SW_FRAMING_COUNTED, .length = SW_LENGTH_U32LE, .max = 1 << 24};
    sw_framing_init(&framing);
    sw_assembly_reset(&assembly);
    CHECK_EQ(sw_assembly_feed(&assembly, &framing, claim, sizeof claim, NULL, &whole), SW_OK);
    CHECK(assembly.partial.head != NULL && assembly.partial.head->next == NULL && assembly.partial.head->size < 1024);
    CHECK_EQ(begun(&assembly), sizeof claim);
    sw_assembly_reset(&assembly);
}

static const struct unit_test tests[] = {
    {"[F46] gives the same messages for any split, over any number of pages, taken at any moment", any_split},
    {"drops what has begun when a new connection starts", starts_anew},
    {"[F45] keeps the messages before a bad frame, whatever the split", bad_frame},
    {"[F45] tells what was wrong with a frame, and where it began, whatever the split", told_frame},
    {"[F45] tells the beginning of a long one", told_beginning},
    {"[F45] [F72] allocates nothing for a claimed length", claimed_lengths},
};

UNIT_MAIN(tests)
