/* Framings with a binary length, or a fixed size, against the naive reference. */
#include "codec/counted.h"

#include "streams.h"

static const enum sw_length lengths[] = {
    SW_LENGTH_U8,    SW_LENGTH_U16BE, SW_LENGTH_U16LE, SW_LENGTH_U24BE, SW_LENGTH_U24LE,
    SW_LENGTH_U32BE, SW_LENGTH_U32LE, SW_LENGTH_U64BE, SW_LENGTH_U64LE, SW_LENGTH_VARINT,
};
enum { LENGTHS = sizeof lengths / sizeof lengths[0] };

/* --- decoding --- */

static void short_streams(void) {
    static const char alphabet[] = {0, 1, 2};
    for (int i = 0; i < LENGTHS; i++) {
        bool is_wide = found_width(lengths[i]) > 4;
        try_all_short(make_counted(lengths[i], 0), alphabet, is_wide ? 2 : 3, is_wide ? 9 : 6, is_wide ? 1 : 3);
    }
    for (uint32_t size = 1; size <= 4; size++)
        try_all_short(make_framing(SW_FRAMING_FIXED, size, 0), alphabet, 3, 6, 4);
}

/* Maxima around those that the varints of the alphabet name. */
static void short_varints(void) {
    static const uint32_t maxima[] = {0, 1, 2, 3, 127, 128, 129, 130};
    for (size_t i = 0; i < sizeof maxima / sizeof *maxima; i++) {
        const struct sw_framing framing = make_counted(SW_LENGTH_VARINT, maxima[i]);
        if (!try_short(&framing, "\x80\x81\1\2", 4, 5)) return;
    }
}

static void short_kept(void) {
    static const char alphabet[] = {0, 1, 3};
    for (uint32_t offset = 0; offset <= 2; offset++)
        for (int32_t adjustment = -2; adjustment <= 1; adjustment++) {
            try_all_short(make_kept(SW_LENGTH_U8, offset, adjustment, 0), alphabet, 3, 6, 5);
            try_all_short(make_kept(SW_LENGTH_VARINT, offset, adjustment, 0), "\x81\0\2", 3, 5, 4);
        }
}

static void adjusted(void) {
    struct sw_framing framing = make_counted(SW_LENGTH_U16LE, 10);
    framing.adjustment = -2; /* the length counts itself */
    struct stream stream = {.size = 0};
    append(&stream, "\5\0abc\2\0\7\0hello\4\0x", 17);
    CHECK_EQ(decode_stream(&framing, &stream), "abc||hello|~");
    framing.adjustment = 1; /* a byte behind it that it does not count */
    stream.size = 0;
    append(&stream, "\2\0.ab\0\0.\1\0", 10);
    CHECK_EQ(decode_stream(&framing, &stream), ".ab|.|~");
}

static void kept(void) {
    struct stream stream = {.size = 0};
    append(&stream, "QAAF.xZAAEzAA", 13);
    for (size_t i = 0; i < stream.size; i++)
        if (stream.bytes[i] == 'A') stream.bytes[i] = 0;
    stream.bytes[3] = 5;
    stream.bytes[9] = 4;
    struct sw_framing framing = make_kept(SW_LENGTH_U24BE, 1, -3, 10);
    static struct outcome outcome;
    CHECK(agrees_with_reference(&framing, &stream));
    feed(&framing, &stream, cut_nowhere(), &outcome);
    CHECK(outcome.count == 2 && outcome.partial && !outcome.bad);
    CHECK(memcmp(outcome.messages + 4, stream.bytes, 6) == 0 &&
          memcmp(outcome.messages + 14, stream.bytes + 6, 5) == 0);
}

/* The frame that a lone length gives, as sw_encode writes it. */
static struct sw_frame decode_claim(struct sw_framing framing, uint64_t size, size_t *width) {
    struct sw_decoder decoder;
    struct sw_envelope envelope = {.prefix_size = 0};
    CHECK_EQ(sw_counted_encode(&framing, size, &envelope), SW_OK);
    *width = envelope.prefix_size;
    sw_decoder_init(&decoder);
    return sw_decode(&decoder, &framing, envelope.prefix, envelope.prefix_size);
}

static void claims(void) {
    size_t width;
    for (int i = 0; i < LENGTHS; i++) {
        struct sw_framing framing = make_counted(lengths[i], 200);
        struct sw_frame frame = decode_claim(framing, 0, &width);
        CHECK_EQ(frame.status, SW_FRAME_WHOLE);
        CHECK(frame.skip == width && frame.part == 0 && frame.trim == 0);
        frame = decode_claim(framing, 200, &width);
        CHECK_EQ(frame.status, SW_FRAME_PART);
        CHECK(frame.skip == width && frame.part == 0);
        CHECK_EQ(decode_claim(framing, 201, &width).status, SW_FRAME_BAD);
        uint64_t largest = sw_framing_longest(&framing);
        frame = decode_claim(framing, largest, &width);
        CHECK_EQ(frame.status, SW_FRAME_BAD);
        CHECK_EQ(frame.skip, width);
        framing.max = UINT32_MAX;
        if (largest <= UINT32_MAX) CHECK_EQ(decode_claim(framing, largest, &width).status, SW_FRAME_PART);
    }
}

static void faults(void) {
    struct sw_framing framing = make_kept(SW_LENGTH_U32BE, 1, -4, 100);
    has_fault(framing, "Q\0\0\0\3", 5, (struct sw_fault){SW_FAULT_NEGATIVE, 5, 3});
    has_fault(framing, "Q\0\0\0\x64", 5, (struct sw_fault){SW_FAULT_CLAIM, 5, 101}); /* with the Q */
    has_fault(make_counted(SW_LENGTH_U32LE, 100), "\xff\xff\xff\xff", 4,
              (struct sw_fault){SW_FAULT_CLAIM, 4, UINT32_MAX});
    has_fault(make_counted(SW_LENGTH_VARINT, 100), "\x80\x80\x80\x80\x80\x80\x80\x80\x80\2", 10,
              (struct sw_fault){SW_FAULT_VARINT, 10, 0});
    has_fault(make_counted(SW_LENGTH_VARINT, 100), "\xff\xff\xff\xff\xff\xff\xff\xff\xff\1", 10,
              (struct sw_fault){SW_FAULT_CLAIM, 10, UINT64_MAX});
    struct sw_framing adjusted_up = make_counted(SW_LENGTH_U64BE, 100);
    adjusted_up.adjustment = SW_MESSAGE_MAX;
    has_fault(adjusted_up, "\x7f\xff\xff\xff\xff\xff\xff\xff", 8, (struct sw_fault){SW_FAULT_CLAIM, 8, INT64_MAX});
    has_fault(adjusted_up, "\0\0\0\0\0\0\0\0", 8, (struct sw_fault){SW_FAULT_CLAIM, 8, SW_MESSAGE_MAX});
}

/* A varint may be longer than it needs to be, as in protobuf. */
static void padded_varint(void) {
    struct sw_framing framing = make_counted(SW_LENGTH_VARINT, 10);
    struct stream stream = {.size = 0};
    append(&stream, "\x82\x80\0ab\1c", 7);
    CHECK_EQ(decode_stream(&framing, &stream), "ab|c|");
}

/* --- encoding --- */

static void envelopes(void) {
    static const struct {
        enum sw_length length;
        const char *prefix;
        size_t size;
    } rows[] = {
        {SW_LENGTH_U8, "\xfe", 1},
        {SW_LENGTH_U16BE, "\x01\xfe", 2},
        {SW_LENGTH_U16LE, "\xfe\x01", 2},
        {SW_LENGTH_U24BE, "\x01\x02\xfe", 3},
        {SW_LENGTH_U24LE, "\xfe\x02\x01", 3},
        {SW_LENGTH_U32BE, "\1\2\3\xfe", 4},
        {SW_LENGTH_U32LE, "\xfe\3\2\1", 4},
        {SW_LENGTH_U64BE, "\0\0\0\0\1\2\3\xfe", 8},
        {SW_LENGTH_U64LE, "\xfe\3\2\1\0\0\0\0", 8},
        {SW_LENGTH_VARINT, "\xfe\x01", 2},
        {SW_LENGTH_VARINT, "\x7f", 1},
        {SW_LENGTH_VARINT, "\x80\x01", 2},
    };
    static const uint64_t sizes[] = {0xfe,      0x1fe,     0x1fe,     0x102fe, 0x102fe, 0x10203fe,
                                     0x10203fe, 0x10203fe, 0x10203fe, 0xfe,    0x7f,    0x80};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sw_envelope envelope;
        struct sw_slice piece = {"", (size_t)sizes[i]}; /* encoding a length never looks at the bytes */
        struct sw_framing framing = make_counted(rows[i].length, 10);
        CHECK_EQ(sw_encode(&framing, &piece, 1, &envelope), SW_OK);
        CHECK_EQ(envelope.prefix_size, rows[i].size);
        CHECK(memcmp(envelope.prefix, rows[i].prefix, envelope.prefix_size) == 0);
        CHECK_EQ(envelope.suffix_size, 0);
    }
}

static void prefix_range(void) {
    struct sw_envelope envelope;
    for (int i = 0; i < LENGTHS; i++) {
        struct sw_framing framing = make_counted(lengths[i], 10);
        uint64_t largest = sw_framing_longest(&framing);
        unsigned width = found_width(lengths[i]);
        CHECK(width == 0 || width == 8 ? largest == UINT64_MAX : largest == (UINT64_C(1) << 8 * width) - 1);
        if (largest == UINT64_MAX) continue;
        /* Two pieces, so that their sum, not a size_t, goes beyond 32 bits. */
        struct sw_slice pieces[2] = {{"", (size_t)(largest / 2 + 1)}, {"", (size_t)(largest / 2)}};
        CHECK_EQ(sw_encode(&framing, pieces, 2, &envelope), SW_OK);
        pieces[1].size++;
        CHECK_EQ(sw_encode(&framing, pieces, 2, &envelope), SW_TOOBIG);
    }
}

static void adjusted_range(void) {
    struct sw_envelope envelope;
    struct sw_framing framing = make_counted(SW_LENGTH_U8, 10);
    framing.adjustment = 1;
    CHECK_EQ(encode(framing, ""), SW_FRAME);
    CHECK_EQ(encode(framing, "x"), SW_OK);
    CHECK_EQ(sw_framing_longest(&framing), 256);
    framing.adjustment = -1;
    struct sw_slice piece = {"", 254};
    CHECK_EQ(sw_framing_longest(&framing), 254);
    CHECK_EQ(sw_encode(&framing, &piece, 1, &envelope), SW_OK);
    CHECK_EQ(envelope.prefix[0], 255);
    piece.size = 255;
    CHECK_EQ(sw_encode(&framing, &piece, 1, &envelope), SW_TOOBIG);
    framing.adjustment = -300;
    CHECK_EQ(sw_framing_longest(&framing), 0);
}

static bool refuses(struct sw_framing framing, const void *bytes, size_t size, enum sw_fault_kind kind, uint64_t at) {
    struct sw_envelope envelope;
    return CHECK_EQ(encode_bytes(framing, bytes, size, &envelope), SW_FRAME) && CHECK_EQ(envelope.fault.kind, kind) &&
           CHECK_EQ((intmax_t)envelope.fault.at, (intmax_t)at);
}

static void one_frame(void) {
    struct sw_envelope envelope;
    struct sw_framing framing = make_kept(SW_LENGTH_U32BE, 1, -4, 1);
    CHECK_EQ(encode_bytes(framing, "Q\0\0\0\4", 5, &envelope), SW_OK);
    CHECK(envelope.prefix_size == 0 && envelope.suffix_size == 0);
    CHECK_EQ(encode_bytes(framing, "Q\0\0\0\x09hello", 10, &envelope),
             SW_OK); /* longer than max, which is the peer's */
    refuses(framing, "", 0, SW_FAULT_INCOMPLETE, 0);
    refuses(framing, "Q\0\0", 3, SW_FAULT_INCOMPLETE, 3);
    refuses(framing, "Q\0\0\0\x09hell", 9, SW_FAULT_CLAIM, 5);
    refuses(framing, "Q\0\0\0\x09helloo", 11, SW_FAULT_REST, 11);
    refuses(framing, "Q\0\0\0\3", 5, SW_FAULT_NEGATIVE, 5);
    CHECK_EQ(encode_bytes(make_kept(SW_LENGTH_VARINT, 1, 0, 1), "\x30\3abc", 5, &envelope), SW_OK);
    refuses(make_kept(SW_LENGTH_VARINT, 1, 0, 1), "\x30\x80", 2, SW_FAULT_INCOMPLETE, 2);
}

static void refused_sizes(void) {
    struct sw_framing fixed = make_framing(SW_FRAMING_FIXED, 3, 3);
    CHECK_EQ(encode(fixed, ""), SW_FRAME);
    CHECK_EQ(encode(fixed, "12"), SW_FRAME);
    CHECK_EQ(encode(fixed, "123"), SW_OK);
    CHECK_EQ(encode(fixed, "1234"), SW_FRAME);
}

static const struct unit_test tests[] = {
    {"[F46] gives the same messages for every split of every short stream", short_streams},
    {"[F46] gives the same for varints", short_varints},
    {"[F46] gives the same where something stands in front of the length, and the message is all of it", short_kept},
    {"adds the adjustment to the length", adjusted},
    {"delivers whole frames where the framing keeps", kept},
    {"[F45] takes the lengths 0 and max, refuses max + 1 and the largest at the length's last byte", claims},
    {"[F45] [F72] says what a bad length claims, and where it stands", faults},
    {"takes a varint with bytes that it does not need", padded_varint},
    {"writes lengths in the framing's width and byte order", envelopes},
    {"refuses a message longer than its length can say", prefix_range},
    {"refuses a message that its adjusted length cannot say", adjusted_range},
    {"takes exactly one frame to be sent where the framing keeps, in any pieces, and says why it does not", one_frame},
    {"refuses fixed messages of another length", refused_sizes},
};

UNIT_MAIN(tests)
