/* The codec against an independent, naive reference (found.h). */
#include "codec/codec.h"

#include <assert.h>

#include "found.h"
#include "unit.h"

enum { STREAM_MAX = 2048 };

struct stream {
    unsigned char bytes[STREAM_MAX];
    size_t size;
};

/* What a stream was decoded to: its messages, each as its length (4 bytes) and bytes, and how it ended. */
struct outcome {
    unsigned char messages[5 * STREAM_MAX];
    size_t size;
    size_t count;
    bool bad;
    bool partial; /* unless bad: bytes are left over */
};

/* In the middle of a message: bytes were seen that belong to no whole one. */
static bool is_partial(const struct sw_decoder *decoder) { return decoder->length > 0 || decoder->header > 0; }

static const enum sw_framing_kind prefixed[] = {
    SW_FRAMING_U8, SW_FRAMING_U16BE, SW_FRAMING_U16LE, SW_FRAMING_U32BE, SW_FRAMING_U32LE,
};
enum { PREFIXED = sizeof prefixed / sizeof prefixed[0] };

/* --- making framings and streams --- */

static struct sw_framing make_framing(enum sw_framing_kind kind, uint32_t size, uint32_t max) {
    struct sw_framing framing = {.kind = kind, .size = size, .max = max};
    sw_framing_init(&framing);
    return framing;
}

static struct sw_framing make_delimiter(const void *delimiter, size_t size, uint32_t max) {
    struct sw_framing framing = {.kind = SW_FRAMING_DELIMITER, .size = (uint32_t)size, .max = max};
    memcpy(framing.delimiter, delimiter, size);
    memset(framing.failure, 0xee, sizeof framing.failure);
    sw_framing_init(&framing);
    return framing;
}

/* What does not fit is left out. */
static void append(struct stream *stream, const void *bytes, size_t size) {
    if (size == 0 || size > STREAM_MAX - stream->size) return;
    memcpy(stream->bytes + stream->size, bytes, size);
    stream->size += size;
}

static struct stream make_stream(const char *text) {
    struct stream stream = {.size = 0};
    append(&stream, text, strlen(text));
    return stream;
}

/* --- outcomes --- */

static void add_message(struct outcome *outcome, const unsigned char *bytes, size_t size) {
    uint32_t length = (uint32_t)size;
    memcpy(outcome->messages + outcome->size, &length, sizeof length);
    if (size > 0) memcpy(outcome->messages + outcome->size + sizeof length, bytes, size);
    outcome->size += sizeof length + size;
    outcome->count++;
}

static bool same_messages(const struct outcome *a, const struct outcome *b) {
    return a->count == b->count && a->size == b->size && memcmp(a->messages, b->messages, a->size) == 0;
}

static bool same_outcome(const struct outcome *a, const struct outcome *b) {
    return same_messages(a, b) && a->bad == b->bad && (a->bad || a->partial == b->partial);
}

/* --- the whole stream by the reference --- */

static void reference(const struct sw_framing *framing, const struct stream *stream, struct outcome *outcome) {
    *outcome = (struct outcome){.size = 0};
    size_t at = 0;
    while (at < stream->size) {
        struct found found = found_first(framing, stream->bytes + at, stream->size - at);
        outcome->bad = found.status == SW_FRAME_BAD;
        if (found.status != SW_FRAME_WHOLE) break;
        add_message(outcome, found.payload, found.size);
        at += found.used;
    }
    outcome->partial = at < stream->size;
}

/* --- feeding the decoder --- */

/* A caller of the decoder, which keeps the parts of the unfinished message. */
struct reader {
    const struct sw_framing *framing;
    struct sw_decoder decoder;
    unsigned char message[STREAM_MAX];
    size_t size;
    struct outcome *outcome;
};

/* Takes one frame; returns the bytes of input it used, at least one unless it is bad. */
static size_t take(struct reader *reader, const unsigned char *bytes, size_t size) {
    struct sw_frame frame = sw_decode(&reader->decoder, reader->framing, bytes, size);
    size_t used = frame.skip + frame.part;
    reader->outcome->bad = frame.status == SW_FRAME_BAD;
    if (reader->outcome->bad) return 0;
    CHECK(used > 0 && used <= size);
    CHECK(frame.status == SW_FRAME_WHOLE || used == size);
    memcpy(reader->message + reader->size, bytes + frame.skip, frame.part);
    reader->size += frame.part;
    CHECK(reader->size <= (uint64_t)reader->framing->max + SW_DELIMITER_MAX); /* what a caller must hold */
    if (frame.status == SW_FRAME_PART) return used;
    CHECK(frame.trim <= reader->size);
    CHECK(!is_partial(&reader->decoder));
    add_message(reader->outcome, reader->message, reader->size - frame.trim);
    reader->size = 0;
    return used;
}

/* One read: its bytes stand alone on the heap, so that the address sanitizer sees a look beyond them. */
static void feed_read(struct reader *reader, const unsigned char *bytes, size_t size) {
    unsigned char *copy = malloc(size);
    if (copy == NULL) abort();
    memcpy(copy, bytes, size);
    for (size_t at = 0; at < size && !reader->outcome->bad;) at += take(reader, copy + at, size - at);
    free(copy);
}

/* Decodes the stream in reads, one of which ends behind every byte i that has cuts[i]. */
static void feed(const struct sw_framing *framing, const struct stream *stream, const bool *cuts,
                 struct outcome *outcome) {
    static struct reader reader;
    reader.framing = framing;
    reader.size = 0;
    reader.outcome = outcome;
    sw_decoder_init(&reader.decoder);
    outcome->size = outcome->count = 0;
    outcome->bad = false;
    size_t end;
    for (size_t at = 0; at < stream->size && !outcome->bad; at = end) {
        end = at + 1;
        while (end < stream->size && !cuts[end - 1]) end++;
        feed_read(&reader, stream->bytes + at, end - at);
    }
    outcome->partial = is_partial(&reader.decoder);
}

static const bool *cut_nowhere(void) {
    static const bool cuts[STREAM_MAX];
    return cuts;
}

static const bool *cut_everywhere(void) {
    static bool cuts[STREAM_MAX];
    memset(cuts, true, sizeof cuts);
    return cuts;
}

static const bool *cut_by_mask(unsigned mask) {
    static bool cuts[STREAM_MAX];
    for (unsigned i = 0; i < 32; i++) cuts[i] = mask >> i & 1;
    return cuts;
}

/* Uniform in 0 .. limit - 1. */
static size_t draw(uint64_t *seed, size_t limit) {
    assert(limit > 0);
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407); /* Knuth's MMIX */
    return (size_t)((*seed >> 33) % limit);
}

static const bool *cut_at_random(uint64_t *seed) {
    static bool cuts[STREAM_MAX];
    size_t mean = 1 + draw(seed, 40);
    for (size_t i = 0; i < STREAM_MAX; i++) cuts[i] = draw(seed, mean) == 0;
    return cuts;
}

static bool agrees(const struct sw_framing *framing, const struct stream *stream, const bool *cuts,
                   const struct outcome *want) {
    static struct outcome got;
    feed(framing, stream, cuts, &got);
    return CHECK(same_outcome(&got, want));
}

/* Every one of the 2^(size - 1) splits of a short stream. */
static bool agrees_for_all_splits(const struct sw_framing *framing, const struct stream *stream) {
    static struct outcome want;
    reference(framing, stream, &want);
    unsigned masks = stream->size > 1 ? 1u << (stream->size - 1) : 1;
    for (unsigned mask = 0; mask < masks; mask++)
        if (!agrees(framing, stream, cut_by_mask(mask), &want)) return false;
    return true;
}

/* --- the main property: any split gives what the reference gives --- */

/* All streams of up to 6 bytes over the alphabet, for maxima 0..3, in all splits. */
static void try_all_short(struct sw_framing framing, const char alphabet[3]) {
    for (framing.max = 0; framing.max <= 3; framing.max++) {
        size_t streams = 1;
        for (size_t size = 1; size <= 6; size++) {
            streams *= 3;
            for (size_t number = 0; number < streams; number++) {
                struct stream stream;
                stream.size = size;
                size_t rest = number;
                for (size_t i = 0; i < size; i++, rest /= 3) stream.bytes[i] = (unsigned char)alphabet[rest % 3];
                if (!agrees_for_all_splits(&framing, &stream)) return;
            }
        }
    }
}

static void short_lines(void) { try_all_short(make_framing(SW_FRAMING_LINE, 0, 0), "\r\na"); }

static void short_delimited(void) {
    static const char *const delimiters[] = {"a", "ab", "aa", "aab", "aba", "abab", "aabaa", "aaaa", "abcab"};
    for (size_t i = 0; i < sizeof delimiters / sizeof delimiters[0]; i++)
        try_all_short(make_delimiter(delimiters[i], strlen(delimiters[i]), 0), "abc");
}

static void short_counted(void) {
    static const char alphabet[3] = {0, 1, 2};
    for (int i = 0; i < PREFIXED; i++) try_all_short(make_framing(prefixed[i], 0, 0), alphabet);
    for (uint32_t size = 1; size <= 4; size++) try_all_short(make_framing(SW_FRAMING_FIXED, size, 0), alphabet);
}

/* Some bytes of the mark, all of it or none, and noise that looks like it. */
static void append_marked(struct stream *stream, uint64_t *seed, const unsigned char *mark, size_t size) {
    static const unsigned char noise[] = {'\r', '\n', 0, 0xff, 'x', 'y'};
    switch (draw(seed, 4)) {
    case 0: append(stream, mark, size); break;
    case 1: append(stream, mark, draw(seed, size + 1)); break;
    case 2: append(stream, mark + draw(seed, size), 1); break;
    default: append(stream, noise + draw(seed, sizeof noise), 1);
    }
}

/* A length and as many bytes; now and then the length is too large, or the bytes are fewer. */
static void append_counted(struct stream *stream, uint64_t *seed, const struct sw_framing *framing) {
    unsigned char payload[300];
    size_t width = sw_framing_prefix(framing->kind);
    size_t limit = framing->max + 1 + (draw(seed, 20) == 0);
    size_t length = draw(seed, limit < 256 ? limit : 256);
    for (size_t i = 0; i < length; i++) payload[i] = (unsigned char)draw(seed, 256);
    bool big = framing->kind == SW_FRAMING_U16BE || framing->kind == SW_FRAMING_U32BE;
    unsigned char prefix[4] = {0};
    if (width > 0) prefix[big ? width - 1 : 0] = (unsigned char)length;
    append(stream, prefix, width);
    append(stream, payload, draw(seed, 30) == 0 ? length / 2 : length);
}

static void append_some(struct stream *stream, uint64_t *seed, const struct sw_framing *framing) {
    if (framing->kind == SW_FRAMING_LINE)
        append_marked(stream, seed, (const unsigned char *)"\r\n", 2);
    else if (framing->kind == SW_FRAMING_DELIMITER)
        append_marked(stream, seed, framing->delimiter, framing->size);
    else
        append_counted(stream, seed, framing);
}

/* Letters are few, so that a delimiter has borders. */
static struct sw_framing draw_delimiter(uint64_t *seed, uint32_t max) {
    unsigned char delimiter[SW_DELIMITER_MAX];
    size_t size = 1 + draw(seed, draw(seed, 2) == 0 ? 4 : SW_DELIMITER_MAX);
    size_t letters = 1 + draw(seed, 3);
    for (size_t i = 0; i < size; i++) delimiter[i] = (unsigned char)("\r\n\xff"[draw(seed, letters)]);
    return make_delimiter(delimiter, size, max);
}

static struct sw_framing draw_framing(uint64_t *seed) {
    uint32_t max = (uint32_t)draw(seed, draw(seed, 2) == 0 ? 10 : 250);
    switch (draw(seed, 4)) {
    case 0: return make_framing(SW_FRAMING_LINE, 0, max);
    case 1: return make_framing(SW_FRAMING_FIXED, 1 + (uint32_t)draw(seed, max + 1), max);
    case 2: return make_framing(prefixed[draw(seed, PREFIXED)], 0, max);
    default: return draw_delimiter(seed, max);
    }
}

static void random_splits(void) {
    static struct outcome want;
    uint64_t seed = unit_seed();
    size_t messages = 0, bad = 0;
    for (int round = 0; round < 5000; round++) {
        struct sw_framing framing = draw_framing(&seed);
        struct stream stream = {.size = 0};
        for (size_t i = draw(&seed, 60); i > 0; i--) append_some(&stream, &seed, &framing);
        reference(&framing, &stream, &want);
        messages += want.count;
        bad += want.bad;
        if (!agrees(&framing, &stream, cut_nowhere(), &want)) return;
        if (!agrees(&framing, &stream, cut_everywhere(), &want)) return;
        for (int i = 0; i < 4; i++)
            if (!agrees(&framing, &stream, cut_at_random(&seed), &want)) return;
    }
    CHECK(messages > 5000 && bad > 100 && bad < 4500); /* the streams were worth it */
}

/* --- decoding, by example --- */

/* The text's messages, a "|" behind each, then "!" when it is bad or "~" when bytes are left over. Static
 * storage. */
static const char *decode(struct sw_framing framing, const char *text) {
    static struct outcome outcome;
    static char shown[6 * STREAM_MAX];
    struct stream stream = make_stream(text);
    feed(&framing, &stream, cut_nowhere(), &outcome);
    size_t size = 0;
    for (size_t at = 0; at < outcome.size;) {
        uint32_t length;
        memcpy(&length, outcome.messages + at, sizeof length);
        memcpy(shown + size, outcome.messages + at + sizeof length, length);
        size += length;
        shown[size++] = '|';
        at += sizeof length + length;
    }
    if (outcome.bad || outcome.partial) shown[size++] = outcome.bad ? '!' : '~';
    shown[size] = '\0';
    return shown;
}

static void lines(void) {
    struct sw_framing framing = make_framing(SW_FRAMING_LINE, 0, 10);
    CHECK_EQ(decode(framing, "one\ntwo\r\nthree\n"), "one|two|three|");
    CHECK_EQ(decode(framing, "\n\r\n\n"), "|||");
    CHECK_EQ(decode(framing, "a\rb\n\rc\n"), "a\rb|\rc|");
    CHECK_EQ(decode(framing, "a\r\r\n"), "a\r|");
    CHECK_EQ(decode(framing, "one\ntwo"), "one|~");
    CHECK_EQ(decode(framing, "one\n\r"), "one|~");
    CHECK_EQ(decode(framing, ""), "");
}

static void delimited(void) {
    CHECK_EQ(decode(make_delimiter(";", 1, 10), "a;;b\n;c"), "a||b\n|~");
    CHECK_EQ(decode(make_delimiter("\r\n\r\n", 4, 10), "a\r\nb\r\n\r\r\n\r\n\r\n\r\n"), "a\r\nb\r\n\r||");
    CHECK_EQ(decode(make_delimiter("aa", 2, 10), "aaaaa"), "||~"); /* matches do not overlap */
    CHECK_EQ(decode(make_delimiter("aab", 3, 10), "aaaabaab"), "aa||");
}

static void exact_max(void) {
    static const char *const good[] = {"12345\n", "12345\r\n", "1234\r\r\n", "\n12345\r\n12345\n"};
    static const char *const too_long[] = {"123456\n", "123456\r\n", "12345\r\r\n", "123456", "12345\rx", "12345\r\r"};
    struct sw_framing framing = make_framing(SW_FRAMING_LINE, 0, 5);
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct stream stream = make_stream(good[i]);
        CHECK(strchr(decode(framing, good[i]), '!') == NULL);
        CHECK(agrees_for_all_splits(&framing, &stream));
    }
    for (size_t i = 0; i < sizeof too_long / sizeof too_long[0]; i++) {
        struct stream stream = make_stream(too_long[i]);
        CHECK_EQ(decode(framing, too_long[i]), "!");
        CHECK(agrees_for_all_splits(&framing, &stream));
    }
    CHECK_EQ(decode(framing, "12345"), "~");
    CHECK_EQ(decode(framing, "12345\r"), "~");
}

static void exact_max_delimited(void) {
    struct sw_framing framing = make_delimiter("<>", 2, 5);
    CHECK_EQ(decode(framing, "12345<><>"), "12345||");
    CHECK_EQ(decode(framing, "12345<"), "~");
    CHECK_EQ(decode(framing, "12345<<"), "!");
    CHECK_EQ(decode(framing, "123456"), "!");
    CHECK_EQ(decode(framing, "123456<>"), "!");
}

static struct sw_frame decode_bytes(const struct sw_framing *framing, const unsigned char *bytes, size_t size) {
    struct sw_decoder decoder;
    sw_decoder_init(&decoder);
    return sw_decode(&decoder, framing, bytes, size);
}

/* The frame that a lone prefix gives, as sw_encode writes it. */
static struct sw_frame decode_claim(struct sw_framing framing, uint32_t length, size_t *width) {
    struct sw_envelope envelope;
    struct sw_slice piece = {"", length}; /* encoding a length never looks at the bytes */
    CHECK_EQ(sw_encode(&framing, &piece, 1, &envelope), SW_OK);
    *width = envelope.prefix_size;
    return decode_bytes(&framing, envelope.prefix, envelope.prefix_size);
}

static void claims(void) {
    size_t width;
    for (int i = 0; i < PREFIXED; i++) {
        struct sw_framing framing = make_framing(prefixed[i], 0, 200);
        struct sw_frame frame = decode_claim(framing, 0, &width);
        CHECK_EQ(frame.status, SW_FRAME_WHOLE);
        CHECK(frame.skip == width && frame.part == 0 && frame.trim == 0);
        frame = decode_claim(framing, 200, &width);
        CHECK_EQ(frame.status, SW_FRAME_PART);
        CHECK(frame.skip == width && frame.part == 0);
        CHECK_EQ(decode_claim(framing, 201, &width).status, SW_FRAME_BAD);
        uint32_t largest = UINT32_MAX >> (32 - 8 * width);
        CHECK_EQ(decode_claim(framing, largest, &width).status, SW_FRAME_BAD);
        framing.max = UINT32_MAX;
        CHECK_EQ(decode_claim(framing, largest, &width).status, SW_FRAME_PART);
    }
}

static void raw_chunks(void) {
    struct sw_framing framing = make_framing(SW_FRAMING_RAW, 0, 4);
    CHECK_EQ(decode(framing, "12345678"), "1234|5678|");
    CHECK_EQ(decode(framing, "123456789"), "1234|5678|9|");
    CHECK_EQ(decode(framing, "\n"), "\n|");
}

static void restarts(void) {
    struct sw_framing framing = make_framing(SW_FRAMING_U16BE, 0, 10);
    struct sw_decoder decoder;
    sw_decoder_init(&decoder);
    CHECK(!is_partial(&decoder));
    sw_decode(&decoder, &framing, (const unsigned char *)"\1", 1);
    CHECK(is_partial(&decoder));
    sw_decoder_init(&decoder);
    CHECK(!is_partial(&decoder));
    struct sw_frame frame = sw_decode(&decoder, &framing, (const unsigned char *)"\0\2ab", 4);
    CHECK_EQ(frame.status, SW_FRAME_WHOLE);
    CHECK(frame.skip == 2 && frame.part == 2);
}

/* --- encoding --- */

static enum sw_err encode(struct sw_framing framing, const char *text) {
    struct sw_envelope envelope;
    struct sw_slice piece = {text, strlen(text)};
    return sw_encode(&framing, &piece, 1, &envelope);
}

static void envelopes(void) {
    static const struct {
        enum sw_framing_kind kind;
        const char *prefix;
    } rows[] = {
        {SW_FRAMING_U8, "\xfe"},          {SW_FRAMING_U16BE, "\x00\xfe"},   {SW_FRAMING_U16LE, "\xfe\x00"},
        {SW_FRAMING_U32BE, "\0\0\0\xfe"}, {SW_FRAMING_U32LE, "\xfe\0\0\0"},
    };
    struct sw_envelope envelope;
    struct sw_slice piece = {"", 0xfe}; /* encoding a length never looks at the bytes */
    for (int i = 0; i < PREFIXED; i++) {
        struct sw_framing framing = make_framing(rows[i].kind, 0, 10);
        CHECK_EQ(sw_encode(&framing, &piece, 1, &envelope), SW_OK);
        CHECK_EQ(envelope.prefix_size, sw_framing_prefix(rows[i].kind));
        CHECK(memcmp(envelope.prefix, rows[i].prefix, envelope.prefix_size) == 0);
        CHECK_EQ(envelope.suffix_size, 0);
    }
    struct sw_framing framing = make_framing(SW_FRAMING_LINE, 0, 10);
    CHECK_EQ(sw_encode(&framing, NULL, 0, &envelope), SW_OK);
    CHECK(envelope.prefix_size == 0 && envelope.suffix_size == 1 && envelope.suffix[0] == '\n');
    framing = make_delimiter("<>", 2, 10);
    CHECK_EQ(sw_encode(&framing, NULL, 0, &envelope), SW_OK);
    CHECK(envelope.prefix_size == 0 && envelope.suffix_size == 2 && memcmp(envelope.suffix, "<>", 2) == 0);
}

static void byte_order(void) {
    struct sw_envelope envelope;
    struct sw_slice piece = {"", 0x01020304};
    struct sw_framing framing = make_framing(SW_FRAMING_U32BE, 0, 10);
    CHECK_EQ(sw_encode(&framing, &piece, 1, &envelope), SW_OK);
    CHECK(memcmp(envelope.prefix, "\1\2\3\4", 4) == 0);
    framing = make_framing(SW_FRAMING_U32LE, 0, 10);
    CHECK_EQ(sw_encode(&framing, &piece, 1, &envelope), SW_OK);
    CHECK(memcmp(envelope.prefix, "\4\3\2\1", 4) == 0);
}

static void prefix_range(void) {
    struct sw_envelope envelope;
    for (int i = 0; i < PREFIXED; i++) {
        struct sw_framing framing = make_framing(prefixed[i], 0, 10);
        uint32_t largest = UINT32_MAX >> (32 - 8 * sw_framing_prefix(prefixed[i]));
        /* Two pieces, so that their sum, not a size_t, goes beyond 32 bits. */
        struct sw_slice pieces[2] = {{"", largest / 2 + 1}, {"", largest / 2}};
        CHECK_EQ(sw_encode(&framing, pieces, 2, &envelope), SW_OK);
        pieces[1].size++;
        CHECK_EQ(sw_encode(&framing, pieces, 2, &envelope), SW_TOOBIG);
    }
}

static void refused_lines(void) {
    struct sw_framing framing = make_framing(SW_FRAMING_LINE, 0, 1);
    CHECK_EQ(encode(framing, ""), SW_OK);
    CHECK_EQ(encode(framing, "longer than max, which bounds what is received"), SW_OK);
    CHECK_EQ(encode(framing, "a\rb"), SW_OK);
    CHECK_EQ(encode(framing, "\n"), SW_FRAME);
    CHECK_EQ(encode(framing, "a\nb"), SW_FRAME);
    CHECK_EQ(encode(framing, "a\r"), SW_FRAME);
    CHECK_EQ(encode(framing, "a\r\n"), SW_FRAME);
    struct sw_envelope envelope;
    struct sw_slice end[] = {{"a\r", 2}, {NULL, 0}};
    CHECK_EQ(sw_encode(&framing, end, 2, &envelope), SW_FRAME);
    struct sw_slice middle[] = {{"a\r", 2}, {"b", 1}};
    CHECK_EQ(sw_encode(&framing, middle, 2, &envelope), SW_OK);
}

static void refused_joints(void) {
    CHECK_EQ(encode(make_delimiter("aa", 2, 1), "a"), SW_FRAME);
    CHECK_EQ(encode(make_delimiter("aa", 2, 1), "ab"), SW_OK);
    CHECK_EQ(encode(make_delimiter("aab", 3, 1), "aa"), SW_OK);
    CHECK_EQ(encode(make_delimiter("abab", 4, 1), "ab"), SW_FRAME);
    CHECK_EQ(encode(make_delimiter("abab", 4, 1), "a"), SW_OK);
    CHECK_EQ(encode(make_delimiter("\r\n\r\n", 4, 1), "a\r\n"), SW_FRAME);
    CHECK_EQ(encode(make_delimiter("\r\n\r\n", 4, 1), "a\r\n\r"), SW_OK);
    CHECK_EQ(encode(make_delimiter("\r\n\r\n", 4, 1), "a\r\nb\r"), SW_OK);
    struct sw_framing framing = make_delimiter("<-->", 4, 1);
    struct sw_envelope envelope;
    struct sw_slice pieces[] = {{"a<", 2}, {NULL, 0}, {"-", 1}, {"->b", 3}};
    CHECK_EQ(sw_encode(&framing, pieces, 4, &envelope), SW_FRAME);
    CHECK_EQ(sw_encode(&framing, pieces, 3, &envelope), SW_OK);
}

static void refused_sizes(void) {
    struct sw_framing fixed = make_framing(SW_FRAMING_FIXED, 3, 3);
    CHECK_EQ(encode(fixed, ""), SW_FRAME);
    CHECK_EQ(encode(fixed, "12"), SW_FRAME);
    CHECK_EQ(encode(fixed, "123"), SW_OK);
    CHECK_EQ(encode(fixed, "1234"), SW_FRAME);
    struct sw_framing raw = make_framing(SW_FRAMING_RAW, 0, 1);
    CHECK_EQ(encode(raw, ""), SW_FRAME);
    CHECK_EQ(encode(raw, "12"), SW_OK);
}

static void failure_table(void) {
    uint64_t seed = unit_seed();
    for (int round = 0; round < 1000; round++) {
        struct sw_framing framing = draw_delimiter(&seed, 1);
        for (size_t size = 1; size <= framing.size; size++) {
            size_t border = size - 1;
            while (memcmp(framing.delimiter, framing.delimiter + size - border, border) != 0) border--;
            if (!CHECK_EQ(framing.failure[size - 1], border)) return;
        }
    }
}

/* --- there and back --- */

/* Cuts the stream into up to 4 pieces at random places; returns how many. */
static size_t draw_pieces(uint64_t *seed, const struct stream *stream, struct sw_slice pieces[4]) {
    size_t at = 0, count = 0;
    while (count < 3) {
        size_t size = draw(seed, stream->size - at + 1);
        pieces[count++] = (struct sw_slice){stream->bytes + at, size};
        at += size;
    }
    pieces[count++] = (struct sw_slice){stream->bytes + at, stream->size - at};
    return count;
}

/* Whether the framing can carry the message: by what the reference makes of it, enclosed unasked. */
static bool carries(const struct sw_framing *framing, const struct stream *message) {
    static struct outcome got, want;
    struct stream stream = *message;
    if (framing->kind == SW_FRAMING_LINE) append(&stream, "\n", 1);
    if (framing->kind == SW_FRAMING_DELIMITER) append(&stream, framing->delimiter, framing->size);
    reference(framing, &stream, &got);
    want.size = want.count = 0;
    add_message(&want, message->bytes, message->size);
    return same_messages(&got, &want) && !got.partial;
}

static struct sw_framing draw_unbounded(uint64_t *seed) {
    struct sw_framing framing = draw_framing(seed);
    framing.max = UINT32_MAX;
    return framing;
}

/* A short message of what the framing's streams are made of. */
static struct stream draw_message(uint64_t *seed, const struct sw_framing *framing) {
    struct stream message = {.size = 0};
    if (framing->kind == SW_FRAMING_FIXED) message.size = framing->size + (draw(seed, 10) == 0);
    memset(message.bytes, (int)draw(seed, 256), message.size);
    if (message.size > 0) return message;
    for (size_t i = draw(seed, 4); i > 0; i--) append_marked(&message, seed, framing->delimiter, 1 + framing->size / 2);
    return message;
}

/* Encodes one random message and appends it, enclosed, when it was accepted. */
static bool encode_one(uint64_t *seed, const struct sw_framing *framing, struct stream *stream, struct outcome *sent) {
    struct sw_slice pieces[4];
    struct sw_envelope envelope;
    struct stream message = draw_message(seed, framing);
    size_t count = draw_pieces(seed, &message, pieces);
    enum sw_err err = sw_encode(framing, pieces, count, &envelope);
    if (sw_framing_prefix(framing->kind) > 0) {
        CHECK_EQ(err, SW_OK);
    } else {
        if (!CHECK_EQ(err, carries(framing, &message) ? SW_OK : SW_FRAME)) return false;
    }
    if (err != SW_OK) return true;
    append(stream, envelope.prefix, envelope.prefix_size);
    append(stream, message.bytes, message.size);
    append(stream, envelope.suffix, envelope.suffix_size);
    add_message(sent, message.bytes, message.size);
    return true;
}

static void round_trip(void) {
    static struct outcome sent;
    uint64_t seed = unit_seed();
    size_t messages = 0;
    for (int round = 0; round < 5000; round++) {
        struct sw_framing framing = draw_unbounded(&seed);
        struct stream stream = {.size = 0};
        sent = (struct outcome){.size = 0};
        while (sent.count < 4 && draw(&seed, 8) > 0)
            if (!encode_one(&seed, &framing, &stream, &sent)) return;
        messages += sent.count;
        if (!agrees(&framing, &stream, cut_at_random(&seed), &sent)) return;
    }
    CHECK(messages > 5000);
}

static const struct unit_test tests[] = {
    {"[F46] decodes lines: \\n and \\r\\n end them, empty ones count, an unterminated tail does not", lines},
    {"[F46] decodes delimited messages: the first delimiter ends one, and they never overlap", delimited},
    {"[F46] gives the same lines for every split of every short stream", short_lines},
    {"[F46] gives the same delimited messages for every split of every short stream", short_delimited},
    {"[F46] gives the same fixed and prefixed messages for every split of every short stream", short_counted},
    {"[F46] gives the same messages whole, byte by byte and in random splits", random_splits},
    {"[F45] takes a line of exactly max bytes and refuses a longer one as soon as it is certain", exact_max},
    {"[F45] does the same for delimited messages", exact_max_delimited},
    {"[F45] takes the lengths 0 and max, refuses max + 1 and the largest at the prefix's last byte", claims},
    {"passes raw chunks on whole, cut at max", raw_chunks},
    {"starts afresh after sw_decoder_init in the middle of a message", restarts},
    {"encloses a message in its prefix or suffix", envelopes},
    {"writes lengths in the framing's byte order", byte_order},
    {"refuses a message longer than its prefix can say", prefix_range},
    {"refuses a line that holds \\n or ends in \\r, over all its pieces", refused_lines},
    {"refuses a message that holds the delimiter or forms one across the joint", refused_joints},
    {"refuses fixed messages of another length and empty raw ones", refused_sizes},
    {"finds the borders of a delimiter", failure_table},
    {"[F46] carries what it accepts, in any pieces and splits, and refuses only what it cannot", round_trip},
};

UNIT_MAIN(tests)
