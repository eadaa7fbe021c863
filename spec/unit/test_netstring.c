/* Netstrings, against the naive reference. */
#include "codec/netstring.h"

#include "streams.h"

static struct sw_framing netstring(uint32_t max) { return make_framing(SW_FRAMING_NETSTRING, 0, max); }

static void examples(void) {
    CHECK_EQ(decode(netstring(20), "12:hello world!,0:,5:hello,"), "hello world!||hello|");
    CHECK_EQ(decode(netstring(20), "3:a,b,2:,,,1"), "a,b|,,|~");
    CHECK_EQ(decode(netstring(20), "0:"), "~");
    CHECK_EQ(decode(netstring(20), "3:abc"), "~");
}

static void short_streams(void) {
    try_all_short(netstring(0), "0:,", 3, 6, 3);
    try_all_short(netstring(0), "1:,x", 4, 6, 4);
    try_all_short(netstring(0), "12:,", 4, 5, 24);
}

static void exact_max(void) {
    CHECK_EQ(decode(netstring(7), "5:hello,"), "hello|"); /* its digits count */
    CHECK_EQ(decode(netstring(6), "5:hello,"), "!");
    CHECK_EQ(decode(netstring(2), "0:,1:x,"), "|!");
}

static void faults(void) {
    struct sw_framing framing = netstring(1000);
    has_fault(framing, "x", 1, (struct sw_fault){SW_FAULT_DIGIT, 1, 0});
    has_fault(framing, ":", 1, (struct sw_fault){SW_FAULT_DIGIT, 1, 0});
    has_fault(framing, "-1:", 3, (struct sw_fault){SW_FAULT_DIGIT, 1, 0});
    has_fault(framing, "1:x,12x", 7, (struct sw_fault){SW_FAULT_DIGIT_COLON, 3, 0});
    has_fault(framing, "05:hello,", 9, (struct sw_fault){SW_FAULT_COLON, 2, 0});
    has_fault(framing, "5:hello!", 8, (struct sw_fault){SW_FAULT_COMMA, 8, 0});
    has_fault(framing, "0:0:,", 5, (struct sw_fault){SW_FAULT_COMMA, 3, 0});
    has_fault(framing, "1000:", 5, (struct sw_fault){SW_FAULT_CLAIM, 5, 1005});
    has_fault(framing, "123456789012345678:", 19, (struct sw_fault){SW_FAULT_CLAIM, 19, 123456789012345697});
    has_fault(framing, "1234567890123456789:", 20, (struct sw_fault){SW_FAULT_FEWER_DIGITS, 19, 0});
    has_fault(netstring(3), "9999:", 5, (struct sw_fault){SW_FAULT_TOO_LONG, 4, 0});
}

static void envelopes(void) {
    struct sw_framing framing = netstring(1);
    struct sw_envelope envelope;
    struct sw_slice piece = {"hello", 5};
    CHECK_EQ(sw_encode(&framing, &piece, 1, &envelope), SW_OK);
    CHECK(envelope.prefix_size == 2 && memcmp(envelope.prefix, "5:", 2) == 0);
    CHECK(envelope.suffix_size == 1 && envelope.suffix[0] == ',');
    CHECK_EQ(sw_encode(&framing, NULL, 0, &envelope), SW_OK);
    CHECK(envelope.prefix_size == 2 && memcmp(envelope.prefix, "0:", 2) == 0);
    piece.size = 1234567890;
    CHECK_EQ(sw_encode(&framing, &piece, 1, &envelope), SW_OK);
    CHECK(envelope.prefix_size == 11 && memcmp(envelope.prefix, "1234567890:", 11) == 0);
}

static const struct unit_test tests[] = {
    {"decodes the examples of its specification", examples},
    {"[F46] gives the same messages for every split of every short stream", short_streams},
    {"[F45] counts the digits and \":\" against max", exact_max},
    {"[F45] says what it expected, and where", faults},
    {"adds digits, \":\" and \",\"", envelopes},
};

UNIT_MAIN(tests)
