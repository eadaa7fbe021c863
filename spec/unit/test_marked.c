/* Lines and delimited messages, against the naive reference. */
#include "codec/marked.h"

#include "streams.h"

static void short_lines(void) { try_all_short(make_framing(SW_FRAMING_LINE, 0, 0), "\r\na", 3, 6, 3); }

static void short_delimited(void) {
    static const char *const delimiters[] = {"a", "ab", "aa", "aab", "aba", "abab", "aabaa", "aaaa", "abcab"};
    for (size_t i = 0; i < sizeof delimiters / sizeof delimiters[0]; i++)
        try_all_short(make_delimiter(delimiters[i], strlen(delimiters[i]), 0), "abc", 3, 6, 3);
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

static void faults(void) {
    has_fault(make_framing(SW_FRAMING_LINE, 0, 5), "ok\n123456789", 12, (struct sw_fault){SW_FAULT_TOO_LONG, 6, 0});
    has_fault(make_delimiter("<>", 2, 5), "12345<<", 7, (struct sw_fault){SW_FAULT_TOO_LONG, 6, 0});
}

/* --- encoding --- */

static void envelopes(void) {
    struct sw_envelope envelope;
    struct sw_framing framing = make_framing(SW_FRAMING_LINE, 0, 10);
    CHECK_EQ(sw_encode(&framing, NULL, 0, &envelope), SW_OK);
    CHECK(envelope.prefix_size == 0 && envelope.suffix_size == 1 && envelope.suffix[0] == '\n');
    framing = make_delimiter("<>", 2, 10);
    CHECK_EQ(sw_encode(&framing, NULL, 0, &envelope), SW_OK);
    CHECK(envelope.prefix_size == 0 && envelope.suffix_size == 2 && memcmp(envelope.suffix, "<>", 2) == 0);
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

/* Letters are few, so that a delimiter has borders. */
static struct sw_framing draw_delimiter(uint64_t *seed) {
    unsigned char delimiter[SW_DELIMITER_MAX];
    size_t size = 1 + draw(seed, draw(seed, 2) == 0 ? 4 : SW_DELIMITER_MAX);
    size_t letters = 1 + draw(seed, 3);
    for (size_t i = 0; i < size; i++) delimiter[i] = (unsigned char)("\r\n\xff"[draw(seed, letters)]);
    return make_delimiter(delimiter, size, 1);
}

static void failure_table(void) {
    uint64_t seed = unit_seed();
    for (int round = 0; round < 1000; round++) {
        struct sw_framing framing = draw_delimiter(&seed);
        for (size_t size = 1; size <= framing.size; size++) {
            size_t border = size - 1;
            while (memcmp(framing.delimiter, framing.delimiter + size - border, border) != 0) border--;
            if (!CHECK_EQ(framing.failure[size - 1], border)) return;
        }
    }
}

static const struct unit_test tests[] = {
    {"[F46] decodes lines: \\n and \\r\\n end them, empty ones count, an unterminated tail does not", lines},
    {"[F46] decodes delimited messages: the first delimiter ends one, and they never overlap", delimited},
    {"[F46] gives the same lines for every split of every short stream", short_lines},
    {"[F46] gives the same delimited messages for every split of every short stream", short_delimited},
    {"[F45] takes a line of exactly max bytes and refuses a longer one as soon as it is certain", exact_max},
    {"[F45] does the same for delimited messages", exact_max_delimited},
    {"[F45] says that a message is too long, at the same byte for every split", faults},
    {"puts the mark behind a message", envelopes},
    {"refuses a line that holds \\n or ends in \\r, over all its pieces", refused_lines},
    {"refuses a message that holds the delimiter or forms one across the joint", refused_joints},
    {"finds the borders of a delimiter", failure_table},
};

UNIT_MAIN(tests)
