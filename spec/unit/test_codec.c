/* The codec over all families of framings: random streams in random splits against the naive reference (found.h), and what
 * is sent comes back.
 */
#include "codec/codec.h"

#include "streams.h"

/* --- random streams --- */

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

/* A message, enclosed; now and then a byte of it is missing, or another. */
static void append_enclosed(struct stream *stream, uint64_t *seed, const struct sw_framing *framing) {
    unsigned char payload[300];
    struct sw_envelope envelope;
    struct sw_slice piece = {payload, draw(seed, 1 + (framing->max < 250 ? framing->max + 2 : 250))};
    if (framing->kind == SW_FRAMING_FIXED) piece.size = framing->size;
    for (size_t i = 0; i < piece.size; i++) payload[i] = (unsigned char)draw(seed, 256);
    if (sw_encode(framing, &piece, 1, &envelope) != SW_OK) return;
    struct stream frame = {.size = 0};
    append(&frame, envelope.prefix, envelope.prefix_size);
    append(&frame, payload, piece.size);
    append(&frame, envelope.suffix, envelope.suffix_size);
    if (draw(seed, 30) == 0) frame.bytes[draw(seed, 1 + frame.size)] = (unsigned char)draw(seed, 256);
    append(stream, frame.bytes, draw(seed, 30) == 0 ? frame.size / 2 : frame.size);
}

/* The same for a whole frame: the length is written by hand, and may be wrong. */
static void append_kept(struct stream *stream, uint64_t *seed, const struct sw_framing *framing) {
    struct sw_framing inner = make_counted(framing->length, framing->max);
    struct stream frame = {.size = framing->offset};
    memset(frame.bytes, 'o', frame.size);
    size_t before = frame.size;
    append_enclosed(&frame, seed, &inner);
    size_t more = framing->adjustment > 0 ? (size_t)framing->adjustment : 0;
    memset(frame.bytes + frame.size, 'a', more); /* a varint or length with an adjustment counts less */
    if (frame.size > before) append(stream, frame.bytes, frame.size + more);
}

static void append_resp(struct stream *stream, uint64_t *seed) {
    static const char *const bits[] = {
        "+OK\r\n", "-ERR x\r\n", ":1\r\n", "$3\r\na\r\n\r\n", "*2\r\n",  "%1\r\n", "|1\r\n",   "~1\r\n",
        "$-1\r\n", "_\r\n",      "*0\r\n", ">2\r\n",          "=3\r\nx", "*",      "1234\r\n", "\r\n"};
    const char *bit = bits[draw(seed, draw(seed, 20) == 0 ? 16 : 12)];
    append(stream, bit, strlen(bit));
}

static void append_some(struct stream *stream, uint64_t *seed, const struct sw_framing *framing) {
    if (framing->kind == SW_FRAMING_LINE)
        append_marked(stream, seed, (const unsigned char *)"\r\n", 2);
    else if (framing->kind == SW_FRAMING_DELIMITER)
        append_marked(stream, seed, framing->delimiter, framing->size);
    else if (framing->kind == SW_FRAMING_RESP)
        append_resp(stream, seed);
    else if (framing->keeps)
        append_kept(stream, seed, framing);
    else
        append_enclosed(stream, seed, framing);
}

/* Letters are few, so that a delimiter overlaps itself. */
static struct sw_framing draw_delimiter(uint64_t *seed, uint32_t max) {
    unsigned char delimiter[SW_DELIMITER_MAX];
    size_t size = 1 + draw(seed, draw(seed, 2) == 0 ? 4 : SW_DELIMITER_MAX), letters = 1 + draw(seed, 3);
    for (size_t i = 0; i < size; i++) delimiter[i] = (unsigned char)("\r\n\xff"[draw(seed, letters)]);
    return make_delimiter(delimiter, size, max);
}

static struct sw_framing draw_counted(uint64_t *seed, uint32_t max) {
    struct sw_framing framing = make_counted((enum sw_length)draw(seed, SW_LENGTH_VARINT + 1), max);
    if (draw(seed, 2) == 0) framing.adjustment = (int32_t)draw(seed, 12) - 6;
    return framing;
}

static struct sw_framing draw_framing(uint64_t *seed) {
    uint32_t max = (uint32_t)draw(seed, draw(seed, 2) == 0 ? 10 : 250);
    switch (draw(seed, 8)) {
    case 0: return make_framing(SW_FRAMING_LINE, 0, max);
    case 1: return make_framing(SW_FRAMING_FIXED, 1 + (uint32_t)draw(seed, max + 1), max);
    case 2: return draw_delimiter(seed, max);
    case 3: return make_framing(SW_FRAMING_NETSTRING, 0, max);
    case 4: return make_framing(SW_FRAMING_HEADERS, 0, 20 + max);
    case 5: return make_framing(SW_FRAMING_RESP, 0, max);
    case 6:
        return make_kept((enum sw_length)draw(seed, SW_LENGTH_VARINT + 1), (uint32_t)draw(seed, 5),
                         (int32_t)draw(seed, 12) - 6, max);
    default: return draw_counted(seed, max);
    }
}

static void random_splits(void) {
    static struct outcome want;
    uint64_t seed = unit_seed();
    size_t messages = 0, bad = 0;
    for (int round = 0; round < 8000; round++) {
        struct sw_framing framing = draw_framing(&seed);
        struct stream stream = {.size = 0};
        for (size_t i = draw(&seed, 60); i > 0; i--) append_some(&stream, &seed, &framing);
        reference(&framing, &stream, &want);
        messages += want.count;
        bad += want.bad && !want.is_open;
        if (!agrees(&framing, &stream, cut_nowhere(), &want)) return;
        if (!agrees(&framing, &stream, cut_everywhere(), &want)) return;
        for (int i = 0; i < 4; i++)
            if (!agrees(&framing, &stream, cut_at_random(&seed), &want)) return;
    }
    CHECK(messages > 5000 && bad > 100 && bad < 7000); /* the streams were worth it */
}

/* --- by example --- */

/* The reads are the messages, so there is no reference. */
static const char *decode_raw(struct sw_framing framing, const char *text) {
    static struct outcome outcome;
    static char shown[100];
    struct stream stream = make_stream(text);
    feed(&framing, &stream, cut_nowhere(), &outcome);
    size_t size = 0;
    for (size_t at = 0; at < outcome.size;) {
        uint32_t length;
        memcpy(&length, outcome.messages + at, sizeof length);
        size += (size_t)snprintf(shown + size, sizeof shown - size, "%.*s|", (int)length,
                                 (const char *)outcome.messages + at + sizeof length);
        at += sizeof length + length;
    }
    return shown;
}

static void raw_chunks(void) {
    struct sw_framing framing = make_framing(SW_FRAMING_RAW, 0, 4);
    CHECK_EQ(decode_raw(framing, "12345678"), "1234|5678|");
    CHECK_EQ(decode_raw(framing, "123456789"), "1234|5678|9|");
    CHECK_EQ(decode_raw(framing, "\n"), "\n|");
}

static void restarts(void) {
    struct sw_framing framing = make_counted(SW_LENGTH_U16BE, 10);
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

static void refused_raw(void) {
    struct sw_framing raw = make_framing(SW_FRAMING_RAW, 0, 1);
    CHECK_EQ(encode(raw, ""), SW_FRAME);
    CHECK_EQ(encode(raw, "12"), SW_OK);
}

/* A frame is a message with its margins: only their sum is known. */
static void margins(void) {
    static const uint64_t sizes[] = {0,   1,   8,   9,    10,    11,    98,       99,        100,       126,
                                     127, 128, 999, 1000, 16383, 16384, 99999999, 100000000, UINT32_MAX};
    const struct sw_framing framings[] = {
        make_framing(SW_FRAMING_LINE, 0, 1), make_delimiter("<->", 3, 1),
        make_framing(SW_FRAMING_RAW, 0, 1),  make_framing(SW_FRAMING_NETSTRING, 0, 1),
        make_counted(SW_LENGTH_VARINT, 1),   make_framing(SW_FRAMING_HEADERS, 0, 1),
        make_counted(SW_LENGTH_U64LE, 1),    make_counted(SW_LENGTH_U8, 1),
    };
    for (size_t i = 0; i < sizeof framings / sizeof framings[0]; i++) {
        for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
            struct sw_slice piece = {"", (size_t)sizes[k]};
            struct sw_envelope envelope;
            size_t before, behind;
            bool looks = framings[i].kind == SW_FRAMING_LINE || framings[i].kind == SW_FRAMING_DELIMITER;
            if (looks) piece.size = 0;
            if (sw_encode(&framings[i], &piece, 1, &envelope) != SW_OK) continue;
            sw_framing_margins(&framings[i], envelope.prefix_size + piece.size + envelope.suffix_size, &before,
                               &behind);
            CHECK_EQ(before, envelope.prefix_size);
            CHECK_EQ(behind, envelope.suffix_size);
        }
    }
    size_t before, behind;
    struct sw_framing kept = make_kept(SW_LENGTH_U8, 1, 0, 10);
    sw_framing_margins(&kept, 5, &before, &behind);
    CHECK(before == 0 && behind == 0);
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
    if (framing->kind == SW_FRAMING_NETSTRING || framing->kind == SW_FRAMING_HEADERS) return true;
    if (framing->kind == SW_FRAMING_COUNTED && !framing->keeps)
        return framing->adjustment <= 0 || message->size >= (size_t)framing->adjustment;
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
    size_t parts = draw(seed, 4);
    if (framing->kind == SW_FRAMING_FIXED) message.size = framing->size + (draw(seed, 10) == 0);
    memset(message.bytes, (int)draw(seed, 256), message.size);
    if (message.size > 0) return message;
    bool is_whole = framing->keeps || framing->kind == SW_FRAMING_RESP;
    for (size_t i = 0; i < parts && !is_whole; i++)
        append_marked(&message, seed, framing->delimiter, 1 + framing->size / 2);
    for (size_t i = 0; i <= parts && is_whole; i++) append_some(&message, seed, framing);
    return message;
}

/* Encodes one random message and appends it, enclosed, when it was accepted. */
static bool encode_one(uint64_t *seed, const struct sw_framing *framing, struct stream *stream, struct outcome *sent) {
    struct sw_slice pieces[4];
    struct sw_envelope envelope;
    struct stream message = draw_message(seed, framing);
    size_t count = draw_pieces(seed, &message, pieces);
    enum sw_err err = sw_encode(framing, pieces, count, &envelope);
    if (!CHECK_EQ(err, carries(framing, &message) ? SW_OK : SW_FRAME)) return false;
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
        for (int i = 0; i < 4 && draw(&seed, 8) > 0; i++)
            if (!encode_one(&seed, &framing, &stream, &sent)) return;
        messages += sent.count;
        if (!agrees(&framing, &stream, cut_at_random(&seed), &sent)) return;
    }
    CHECK(messages > 5000);
}

static const struct unit_test tests[] = {
    {"[F46] gives the same messages whole, byte by byte and in random splits, and the same fault", random_splits},
    {"passes raw chunks on whole, cut at max", raw_chunks},
    {"starts afresh after sw_decoder_init in the middle of a message", restarts},
    {"refuses an empty raw message", refused_raw},
    {"finds the message in a frame of its own, by the size of that", margins},
    {"[F46] carries what it accepts, in any pieces and splits, and refuses only what it cannot", round_trip},
};

UNIT_MAIN(tests)
