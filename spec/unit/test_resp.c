/* Where a RESP value ends, against a recursive parser. */
#include "codec/resp.h"

#include "streams.h"

static struct sw_framing resp(uint32_t max) { return make_framing(SW_FRAMING_RESP, 0, max); }

/* Each is one message. The examples of the specification of RESP, and values nested in values. */
static const char *const values[] = {
    "+OK\r\n",
    "-Error message\r\n",
    "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n",
    ":0\r\n",
    ":-1000\r\n",
    "$5\r\nhello\r\n",
    "$0\r\n\r\n",
    "$-1\r\n",
    "$4\r\n\r\n\r\n\r\n",
    "*0\r\n",
    "*-1\r\n",
    "*2\r\n$5\r\nhello\r\n$5\r\nworld\r\n",
    "*3\r\n:1\r\n:2\r\n:3\r\n",
    "*5\r\n:1\r\n:2\r\n:3\r\n:4\r\n$5\r\nhello\r\n",
    "*2\r\n*3\r\n:1\r\n:2\r\n:3\r\n*2\r\n+Hello\r\n-World\r\n",
    "*3\r\n$5\r\nhello\r\n$-1\r\n$5\r\nworld\r\n",
    "_\r\n",
    "#t\r\n",
    "#f\r\n",
    ",1.23\r\n",
    ",inf\r\n",
    "(3492890328409238509324850943850943825024385\r\n",
    "!21\r\nSYNTAX invalid syntax\r\n",
    "=15\r\ntxt:Some string\r\n",
    "%2\r\n+first\r\n:1\r\n+second\r\n:2\r\n",
    "%0\r\n",
    "~5\r\n+orange\r\n+apple\r\n#t\r\n:100\r\n:999\r\n",
    ">3\r\n+message\r\n+somechannel\r\n+this is the message\r\n",
    "|1\r\n+key-popularity\r\n%2\r\n$1\r\na\r\n,0.1923\r\n$1\r\nb\r\n,0.0012\r\n*2\r\n:2039123\r\n:9543892\r\n",
    "*3\r\n:1\r\n:2\r\n|1\r\n+ttl\r\n:3600\r\n:3\r\n",
    "|0\r\n+OK\r\n",
    "|1\r\n+a\r\n|1\r\n+b\r\n:1\r\n:2\r\n:3\r\n",
    "%1\r\n*1\r\n_\r\n~2\r\n*-1\r\n$-1\r\n",
    "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*0\r\n",
};
enum { VALUES = sizeof values / sizeof values[0] };

static bool is_one_message(const char *value, size_t max) {
    char shown[200];
    snprintf(shown, sizeof shown, "%s|", value);
    return CHECK_EQ(decode(resp((uint32_t)max), value), shown);
}

static void examples(void) {
    for (int i = 0; i < VALUES; i++) is_one_message(values[i], 1000);
}

static void a_row(void) {
    static struct outcome outcome;
    struct stream stream = {.size = 0};
    struct sw_framing framing = resp(1000);
    for (int i = 0; i < VALUES; i++) append(&stream, values[i], strlen(values[i]));
    CHECK(agrees_with_reference(&framing, &stream));
    feed(&framing, &stream, cut_everywhere(), &outcome);
    CHECK_EQ(outcome.count, VALUES);
    CHECK(!outcome.bad && !outcome.partial);
}

/* All that is short, in each of which one byte is left out or another. */
static void damaged(void) {
    static const char others[] = "\r\n-$*|:1?x";
    struct sw_framing framing = resp(1000);
    for (int i = 0; i < VALUES; i++) {
        for (size_t at = 0; at < strlen(values[i]); at++) {
            for (size_t k = 0; k < sizeof others; k++) {
                struct stream stream = make_stream(values[i]);
                stream.bytes[at] = (unsigned char)others[k]; /* and a zero */
                if (!agrees_with_reference(&framing, &stream)) return;
            }
        }
    }
}

static void short_streams(void) {
    try_all_short(resp(0), "*1\r\n", 4, 6, 6);
    try_all_short(resp(0), "$0\r\n", 4, 6, 6);
    try_all_short(resp(0), "_|0\r\n", 5, 5, 5);
    try_all_short(resp(0), "+-1\r\n", 5, 5, 5);
}

/* Every value is taken when max is its length, and refused when it is one less, as soon as that is certain. */
static void exact_max(void) {
    for (int i = 0; i < VALUES; i++) {
        size_t size = strlen(values[i]);
        is_one_message(values[i], size);
        CHECK_EQ(decode(resp((uint32_t)size - 1), values[i]), "!");
    }
}

/* Lists in lists: without the reference, which recurses. */
static void deep(void) {
    enum { DEPTH = 10000, SIZE = 4 * DEPTH + 3 };
    static unsigned char text[SIZE];
    struct sw_framing framing = resp(SIZE);
    for (size_t i = 0; i < SIZE; i++) text[i] = (unsigned char)(i < 4 * DEPTH ? "*1\r\n"[i % 4] : "_\r\n"[i % 4]);
    for (size_t step = 1; step <= SIZE; step += SIZE - 1) {
        struct sw_decoder decoder;
        struct sw_frame frame = {.status = SW_FRAME_PART};
        size_t at = 0;
        sw_decoder_init(&decoder);
        for (; at < SIZE && frame.status == SW_FRAME_PART; at += step)
            frame = sw_decode(&decoder, &framing, text + at, step);
        CHECK_EQ(frame.status, SW_FRAME_WHOLE);
        CHECK_EQ(at, SIZE);
    }
}

static void faults(void) {
    static const struct {
        const char *text;
        enum sw_fault_kind kind;
        unsigned at;
    } rows[] = {
        {"HTTP/1.1", SW_FAULT_TYPE, 1},          {"*1\r\nx", SW_FAULT_TYPE, 5},
        {"$?\r\n;4\r\n", SW_FAULT_STREAMED, 2},  {"*?\r\n", SW_FAULT_STREAMED, 2},
        {"%?\r\n", SW_FAULT_STREAMED, 2},        {";4\r\nHell\r\n", SW_FAULT_STREAMED, 1},
        {".\r\n", SW_FAULT_STREAMED, 1},         {"$x", SW_FAULT_LENGTH, 2},
        {"$-2\r\n", SW_FAULT_LENGTH, 3},         {"%-1\r\n", SW_FAULT_LENGTH, 2},
        {"$\r\n", SW_FAULT_LENGTH, 2},           {"$5x", SW_FAULT_LINE_END, 3},
        {"$5\rx", SW_FAULT_LINE_END, 4},         {"$5\n", SW_FAULT_LINE_END, 3},
        {"+a\nb\r\n", SW_FAULT_LINE_END, 3},     {"+a\rb", SW_FAULT_LINE_END, 4},
        {"$1\r\nab\r\n", SW_FAULT_VALUE_END, 6}, {"$1\r\na\r\r", SW_FAULT_VALUE_END, 7},
        {"$-1x", SW_FAULT_LINE_END, 4},          {"$1234567890123456789", SW_FAULT_FEWER_DIGITS, 20},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        has_fault(resp(1000), rows[i].text, strlen(rows[i].text), (struct sw_fault){rows[i].kind, rows[i].at, 0});
    has_fault(resp(1000), "$5000\r\n", 7, (struct sw_fault){SW_FAULT_CLAIM, 7, 5009});
    has_fault(resp(1000), "*1000\r\n", 7, (struct sw_fault){SW_FAULT_CLAIM, 7, 3007});
    has_fault(resp(1000), "%1000\r\n", 7, (struct sw_fault){SW_FAULT_CLAIM, 7, 6007});
    has_fault(resp(1000), "*999999999999999999\r\n", 21,
              (struct sw_fault){SW_FAULT_CLAIM, 21, UINT64_C(3000000000000000018)});
    has_fault(resp(4), "+OKAY\r\n", 7, (struct sw_fault){SW_FAULT_TOO_LONG, 5, 0});
}

static void one_value(void) {
    struct sw_envelope envelope;
    for (int i = 0; i < VALUES; i++) {
        size_t size = strlen(values[i]);
        CHECK_EQ(encode_bytes(resp(1), values[i], size, &envelope), SW_OK);
        CHECK(envelope.prefix_size == 0 && envelope.suffix_size == 0);
        CHECK_EQ(encode_bytes(resp(1), values[i], size - 1, &envelope), SW_FRAME);
        char twice[400];
        snprintf(twice, sizeof twice, "%s%s", values[i], values[i]);
        CHECK_EQ(encode_bytes(resp(1), twice, 2 * size, &envelope), SW_FRAME);
        CHECK(envelope.fault.kind == SW_FAULT_REST && envelope.fault.at == size + 1);
    }
    CHECK_EQ(encode_bytes(resp(1), "", 0, &envelope), SW_FRAME);
    CHECK_EQ(envelope.fault.kind, SW_FAULT_INCOMPLETE);
    CHECK_EQ(encode_bytes(resp(1), "PING\r\n", 6, &envelope), SW_FRAME);
    CHECK(envelope.fault.kind == SW_FAULT_TYPE && envelope.fault.at == 1);
}

static const struct unit_test tests[] = {
    {"[F46] finds the end of each example of the specification, whole and split at every byte", examples},
    {"[F46] finds each of them in a row", a_row},
    {"[F45] [F46] gives the same where one byte is wrong", damaged},
    {"[F46] gives the same messages for every split of every short stream", short_streams},
    {"[F45] takes a value of exactly max bytes, and refuses a longer one", exact_max},
    {"[F72] needs no stack for values in values, 10,000 deep", deep},
    {"[F45] [F72] says what it expected, and where, and refuses a length or a number of elements beyond max at once",
     faults},
    {"takes exactly one value to be sent, in any pieces", one_value},
};

UNIT_MAIN(tests)
