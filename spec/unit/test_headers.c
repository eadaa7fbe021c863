/* Messages behind headers, against the naive reference. */
#include "codec/headers.h"

#include "streams.h"

#define LSP "Content-Length: 13\r\n\r\n{\"jsonrpc\":1}"
#define LINE_OF_25 "X-Header: 12345678901234\r\n"
#define WITHOUT_END LINE_OF_25 LINE_OF_25 LINE_OF_25 LINE_OF_25 LINE_OF_25

static struct sw_framing headers(uint32_t max) { return make_framing(SW_FRAMING_HEADERS, 0, max); }

static void examples(void) {
    CHECK_EQ(decode(headers(100), LSP LSP), "{\"jsonrpc\":1}|{\"jsonrpc\":1}|");
    CHECK_EQ(decode(headers(200), "Content-Type: application/vscode-jsonrpc; charset=utf-8\r\n" LSP),
             "{\"jsonrpc\":1}|");
    CHECK_EQ(decode(headers(200), "Content-Length: 2\r\nContent-Type: x\r\n\r\n{}"), "{}|");
    CHECK_EQ(decode(headers(200), "content-length:2\r\n\r\n{}CONTENT-LENGTH:\t 2 \t\r\n\r\n[]"), "{}|[]|");
    CHECK_EQ(decode(headers(200), "Content-Length: 0\r\n\r\n"), "|");
    CHECK_EQ(decode(headers(200), "Content-Length: 0002\r\n\r\n{}"), "{}|");
    CHECK_EQ(decode(headers(200), "X:\r\nContent-Length: 1\r\n\r\n{"), "{|");
    CHECK_EQ(decode(headers(200), "Content-Length: 2\r\n\r\n{"), "~");
    CHECK_EQ(decode(headers(200), "Content-Length: 2\r\n"), "~");
}

static void similar_names(void) {
    static const char *const others[] = {"Content-Lengt", "Content-Lengths", "XContent-Length", "Content_Length",
                                         "Content\rLength"};
    for (int i = 0; i < 4; i++) {
        char text[100];
        snprintf(text, sizeof text, "%s: 5\r\nContent-Length: 2\r\n\r\n{}", others[i]);
        CHECK_EQ(decode(headers(200), text), "{}|");
    }
    CHECK_EQ(decode(headers(200), others[4]), "!");
}

/* What follows "Content-Length" in every way. */
static void short_streams(void) {
    static const char alphabet[] = "\r\n:01 x";
    size_t streams = 1;
    struct sw_framing framing = headers(1000);
    for (size_t size = 1; size <= 6; size++) {
        streams *= 7;
        for (size_t number = 0; number < streams; number++) {
            struct stream stream = make_stream("Content-Length");
            for (size_t i = 0, rest = number; i < size; i++, rest /= 7) append(&stream, &alphabet[rest % 7], 1);
            if (!agrees_with_reference(&framing, &stream)) return;
        }
    }
}

static void short_lines(void) { try_all_short(headers(0), "\r\n:a", 4, 5, 6); }

static void exact_max(void) {
    CHECK_EQ(decode(headers(35), LSP), "{\"jsonrpc\":1}|"); /* the headers count */
    CHECK_EQ(decode(headers(34), LSP), "!");
    has_fault(headers(34), LSP, 22, (struct sw_fault){SW_FAULT_CLAIM, 22, 35});
    has_fault(headers(100), WITHOUT_END, sizeof WITHOUT_END - 1, (struct sw_fault){SW_FAULT_TOO_LONG, 101, 0});
    has_fault(headers(10), LSP, 22, (struct sw_fault){SW_FAULT_TOO_LONG, 11, 0});
}

static void faults(void) {
    static const struct {
        const char *text;
        enum sw_fault_kind kind;
        unsigned at;
    } rows[] = {
        {"\r\n", SW_FAULT_NO_LENGTH, 1},
        {"\n", SW_FAULT_NAME, 1},
        {" X: 1\r\n", SW_FAULT_NAME, 1},
        {":1\r\n", SW_FAULT_NAME, 1},
        {"HTTP/1.1 200 OK\r\n", SW_FAULT_NAME_COLON, 9},
        {"Content-Type\r\n", SW_FAULT_NAME_COLON, 13},
        {"Content-Length : 1\r\n", SW_FAULT_NAME_COLON, 15},
        {"Content-Type: x\n", SW_FAULT_LINE_END, 16},
        {"Content-Type: x\rx", SW_FAULT_LINE_END, 17},
        {"Content-Type: x\r\n\r\n", SW_FAULT_NO_LENGTH, 18},
        {"Content-Length: \r\n", SW_FAULT_DIGIT, 17},
        {"Content-Length: -1\r\n", SW_FAULT_DIGIT, 17},
        {"Content-Length: 1x\r\n", SW_FAULT_LINE_END, 18},
        {"Content-Length: 1 1\r\n", SW_FAULT_LINE_END, 19},
        {"Content-Length: 1\n", SW_FAULT_LINE_END, 18},
        {"Content-Length: 1\r\nContent-length: 1\r\n", SW_FAULT_SECOND_LENGTH, 34},
        {"Content-Length: 1\r\n\rx", SW_FAULT_LINE_END, 21},
        {"Content-Length: 1234567890123456789", SW_FAULT_FEWER_DIGITS, 35},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        has_fault(headers(1000), rows[i].text, strlen(rows[i].text), (struct sw_fault){rows[i].kind, rows[i].at, 0});
    CHECK_EQ(decode(headers(1000), "{\""), "~"); /* it may still become a name */
}

static void envelopes(void) {
    struct sw_framing framing = headers(1);
    struct sw_envelope envelope;
    struct sw_slice piece = {"", 13};
    CHECK_EQ(sw_encode(&framing, &piece, 1, &envelope), SW_OK);
    CHECK_EQ(envelope.prefix_size, 22);
    CHECK(memcmp(envelope.prefix, LSP, 22) == 0 && envelope.suffix_size == 0);
    envelope.prefix_size = 0;
    sw_headers_encode(UINT64_MAX, &envelope); /* the longest fits */
    CHECK_EQ(envelope.prefix_size, SW_PREFIX_MAX);
}

static const struct unit_test tests[] = {
    {"decodes messages of the Language Server Protocol, with other headers and in any case", examples},
    {"passes over headers with similar names", similar_names},
    {"[F46] gives the same for every short line of Content-Length, whole and byte by byte", short_streams},
    {"[F46] gives the same for every split of every short stream", short_lines},
    {"[F45] [F72] counts the headers against max, and refuses headers without end", exact_max},
    {"[F45] says what it expected, and where", faults},
    {"adds a header and an empty line", envelopes},
};

UNIT_MAIN(tests)
