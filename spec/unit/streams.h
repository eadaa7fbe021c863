/* Streams of bytes for tests of the codec: made, split in every way, decoded, and compared with what the naive
 * reference (found.h) finds in the whole stream. The messages must be the same, and so must be what ends a bad stream.
 */
#ifndef SW_SPEC_STREAMS_H
#define SW_SPEC_STREAMS_H

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
    bool partial;          /* unless bad: bytes are left over */
    bool is_open;          /* of the reference: bad or partial, it cannot tell which */
    struct sw_fault fault; /* of the decoder: what is bad */
};

/* In the middle of a message: bytes were seen that belong to no whole one. */
static inline bool is_partial(const struct sw_decoder *decoder) {
    return decoder->length > 0 || decoder->value > 0 || decoder->count > 0 || decoder->state > 0;
}

/* --- making framings and streams --- */

static inline struct sw_framing make_framing(enum sw_framing_kind kind, uint32_t size, uint32_t max) {
    struct sw_framing framing = {.kind = kind, .size = size, .max = max};
    sw_framing_init(&framing);
    return framing;
}

static inline struct sw_framing make_delimiter(const void *delimiter, size_t size, uint32_t max) {
    struct sw_framing framing = {.kind = SW_FRAMING_DELIMITER, .size = (uint32_t)size, .max = max};
    memcpy(framing.delimiter, delimiter, size);
    memset(framing.failure, 0xee, sizeof framing.failure);
    sw_framing_init(&framing);
    return framing;
}

static inline struct sw_framing make_counted(enum sw_length length, uint32_t max) {
    struct sw_framing framing = {.kind = SW_FRAMING_COUNTED, .length = length, .max = max};
    sw_framing_init(&framing);
    return framing;
}

/* The message is the whole frame. */
static inline struct sw_framing make_kept(enum sw_length length, uint32_t offset, int32_t adjustment, uint32_t max) {
    struct sw_framing framing = {.kind = SW_FRAMING_COUNTED, .length = length, .max = max};
    framing.offset = offset;
    framing.adjustment = adjustment;
    framing.keeps = true;
    sw_framing_init(&framing);
    return framing;
}

/* What does not fit is left out. */
static inline void append(struct stream *stream, const void *bytes, size_t size) {
    if (size == 0 || size > STREAM_MAX - stream->size) return;
    memcpy(stream->bytes + stream->size, bytes, size);
    stream->size += size;
}

static inline struct stream make_stream(const char *text) {
    struct stream stream = {.size = 0};
    append(&stream, text, strlen(text));
    return stream;
}

/* --- outcomes --- */

static inline void add_message(struct outcome *outcome, const unsigned char *bytes, size_t size) {
    uint32_t length = (uint32_t)size;
    memcpy(outcome->messages + outcome->size, &length, sizeof length);
    if (size > 0) memcpy(outcome->messages + outcome->size + sizeof length, bytes, size);
    outcome->size += sizeof length + size;
    outcome->count++;
}

static inline bool same_messages(const struct outcome *a, const struct outcome *b) {
    return a->count == b->count && a->size == b->size && memcmp(a->messages, b->messages, a->size) == 0;
}

/* Is it what the reference gives? */
static inline bool same_outcome(const struct outcome *got, const struct outcome *want) {
    if (!same_messages(got, want)) return false;
    if (want->is_open) return got->bad || got->partial;
    return got->bad == want->bad && (got->bad || got->partial == want->partial);
}

/* Of two splits. */
static inline bool same_fault(const struct outcome *a, const struct outcome *b) {
    return a->bad == b->bad && a->partial == b->partial && a->fault.kind == b->fault.kind &&
           a->fault.at == b->fault.at && a->fault.claimed == b->fault.claimed;
}

/* --- the whole stream by the reference --- */

static inline void reference(const struct sw_framing *framing, const struct stream *stream, struct outcome *outcome) {
    *outcome = (struct outcome){.size = 0};
    size_t at = 0;
    while (at < stream->size) {
        struct found found = found_first(framing, stream->bytes + at, stream->size - at);
        outcome->bad = found.status == SW_FRAME_BAD;
        outcome->is_open = found.is_open;
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
    size_t frame; /* bytes of the frame so far */
    struct outcome *outcome;
};

/* Takes one frame; returns the bytes of input it used, at least one unless it is bad. */
static inline size_t take(struct reader *reader, const unsigned char *bytes, size_t size) {
    struct sw_frame frame = sw_decode(&reader->decoder, reader->framing, bytes, size);
    size_t used = frame.skip + frame.part;
    reader->outcome->bad = frame.status == SW_FRAME_BAD;
    if (reader->outcome->bad) {
        CHECK(frame.skip > 0 && frame.skip <= size && frame.part == 0);
        reader->outcome->fault = sw_decode_fault(&reader->decoder, reader->framing, &frame, reader->frame);
        CHECK(reader->outcome->fault.kind != SW_FAULT_NONE);
        return 0;
    }
    reader->frame += used;
    CHECK(used > 0 && used <= size);
    CHECK(frame.status == SW_FRAME_WHOLE || used == size);
    memcpy(reader->message + reader->size, bytes + frame.skip, frame.part);
    reader->size += frame.part;
    CHECK(reader->size <= (uint64_t)reader->framing->max + SW_DELIMITER_MAX); /* what a caller must hold */
    if (frame.status == SW_FRAME_PART) return used;
    CHECK(frame.trim <= reader->size);
    CHECK(!is_partial(&reader->decoder));
    add_message(reader->outcome, reader->message, reader->size - frame.trim);
    reader->size = reader->frame = 0;
    return used;
}

/* One read: its bytes stand alone on the heap, so that the address sanitizer sees a look beyond them. */
static inline void feed_read(struct reader *reader, const unsigned char *bytes, size_t size) {
    unsigned char *copy = malloc(size);
    if (copy == NULL) abort();
    memcpy(copy, bytes, size);
    for (size_t at = 0; at < size && !reader->outcome->bad;) at += take(reader, copy + at, size - at);
    free(copy);
}

/* Decodes the stream in reads, one of which ends behind every byte i that has cuts[i]. */
static inline void feed(const struct sw_framing *framing, const struct stream *stream, const bool *cuts,
                        struct outcome *outcome) {
    static struct reader reader;
    reader.framing = framing;
    reader.size = reader.frame = 0;
    reader.outcome = outcome;
    sw_decoder_init(&reader.decoder);
    outcome->size = outcome->count = 0;
    outcome->bad = false;
    outcome->fault = (struct sw_fault){.kind = SW_FAULT_NONE};
    size_t end;
    for (size_t at = 0; at < stream->size && !outcome->bad; at = end) {
        end = at + 1;
        while (end < stream->size && !cuts[end - 1]) end++;
        feed_read(&reader, stream->bytes + at, end - at);
    }
    outcome->partial = !outcome->bad && is_partial(&reader.decoder);
}

static inline const bool *cut_nowhere(void) {
    static const bool cuts[STREAM_MAX];
    return cuts;
}

static inline const bool *cut_everywhere(void) {
    static bool cuts[STREAM_MAX];
    memset(cuts, true, sizeof cuts);
    return cuts;
}

static inline const bool *cut_by_mask(unsigned mask) {
    static bool cuts[STREAM_MAX];
    for (unsigned i = 0; i < 32; i++) cuts[i] = mask >> i & 1;
    return cuts;
}

/* Uniform in 0 .. limit - 1. */
static inline size_t draw(uint64_t *seed, size_t limit) {
    assert(limit > 0);
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407); /* Knuth's MMIX */
    return (size_t)((*seed >> 33) % limit);
}

static inline const bool *cut_at_random(uint64_t *seed) {
    static bool cuts[STREAM_MAX];
    size_t mean = 1 + draw(seed, 40);
    for (size_t i = 0; i < STREAM_MAX; i++) cuts[i] = draw(seed, mean) == 0;
    return cuts;
}

/* `whole` is what comes of the stream without cuts, `want` is the reference's. */
static inline bool agrees_with(const struct sw_framing *framing, const struct stream *stream, const bool *cuts,
                               const struct outcome *want, const struct outcome *whole) {
    static struct outcome got;
    feed(framing, stream, cuts, &got);
    return CHECK(same_outcome(&got, want)) && CHECK(same_fault(&got, whole));
}

static inline bool agrees(const struct sw_framing *framing, const struct stream *stream, const bool *cuts,
                          const struct outcome *want) {
    static struct outcome whole;
    feed(framing, stream, cut_nowhere(), &whole);
    return agrees_with(framing, stream, cuts, want, &whole);
}

/* Every one of the 2^(size - 1) splits of a short stream. */
static inline bool agrees_for_all_splits(const struct sw_framing *framing, const struct stream *stream) {
    static struct outcome want, whole;
    reference(framing, stream, &want);
    feed(framing, stream, cut_nowhere(), &whole);
    unsigned masks = stream->size > 1 ? 1u << (stream->size - 1) : 1;
    for (unsigned mask = 0; mask < masks; mask++)
        if (!agrees_with(framing, stream, cut_by_mask(mask), &want, &whole)) return false;
    return true;
}

/* The stream whole and byte by byte, against the reference. */
static inline bool agrees_with_reference(const struct sw_framing *framing, const struct stream *stream) {
    static struct outcome want;
    reference(framing, stream, &want);
    return agrees(framing, stream, cut_nowhere(), &want) && agrees(framing, stream, cut_everywhere(), &want);
}

/* A sanitizer makes all of this many times slower, and finds its kind of bug with fewer streams. */
#if defined __SANITIZE_THREAD__ || defined __SANITIZE_ADDRESS__ || defined UNDER_VALGRIND
enum { LESS = 1 };
#else
enum { LESS = 0 };
#endif

/* All streams of up to `longest` bytes over the alphabet, in all splits. */
static inline bool try_short(const struct sw_framing *framing, const char *alphabet, size_t letters, size_t longest) {
    size_t streams = 1;
    for (size_t size = 1; size <= longest - LESS; size++) {
        streams *= letters;
        for (size_t number = 0; number < streams; number++) {
            struct stream stream;
            stream.size = size;
            size_t rest = number;
            for (size_t i = 0; i < size; i++, rest /= letters)
                stream.bytes[i] = (unsigned char)alphabet[rest % letters];
            if (!agrees_for_all_splits(framing, &stream)) return false;
        }
    }
    return true;
}

/* The same for maxima 0..most. */
static inline void try_all_short(struct sw_framing framing, const char *alphabet, size_t letters, size_t longest,
                                 uint32_t most) {
    for (framing.max = 0; framing.max <= most; framing.max++)
        if (!try_short(&framing, alphabet, letters, longest)) return;
}

/* --- by example --- */

/* The stream's messages, a "|" behind each, then "!" when it is bad or "~" when bytes are left over; whole and split at
 * every byte. Static storage. */
static inline const char *decode_stream(const struct sw_framing *framing, const struct stream *stream) {
    static struct outcome outcome;
    static char shown[6 * STREAM_MAX];
    agrees_with_reference(framing, stream);
    feed(framing, stream, cut_nowhere(), &outcome);
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

static inline const char *decode(struct sw_framing framing, const char *text) {
    struct stream stream = make_stream(text);
    return decode_stream(&framing, &stream);
}

/* What ends the stream: the fault, its place in the frame and what it claims. */
static inline bool has_fault(struct sw_framing framing, const void *bytes, size_t size, struct sw_fault want) {
    static struct outcome outcome;
    struct stream stream = {.size = 0};
    append(&stream, bytes, size);
    agrees_with_reference(&framing, &stream);
    feed(&framing, &stream, cut_nowhere(), &outcome);
    return CHECK_EQ(outcome.fault.kind, want.kind) && CHECK_EQ((intmax_t)outcome.fault.at, (intmax_t)want.at) &&
           (want.claimed == 0 || CHECK_EQ((intmax_t)outcome.fault.claimed, (intmax_t)want.claimed));
}

/* --- sending --- */

static inline enum sw_err encode(struct sw_framing framing, const char *text) {
    struct sw_envelope envelope;
    struct sw_slice piece = {text, strlen(text)};
    return sw_encode(&framing, &piece, 1, &envelope);
}

/* The same for bytes in two pieces, cut at each place: every cut must give the same. */
static inline enum sw_err encode_bytes(struct sw_framing framing, const void *bytes, size_t size,
                                       struct sw_envelope *envelope) {
    struct sw_slice all = {bytes, size};
    enum sw_err err = sw_encode(&framing, &all, 1, envelope);
    for (size_t cut = 0; cut <= size; cut++) {
        struct sw_envelope other;
        struct sw_slice pieces[] = {{bytes, cut}, {"", 0}, {(const char *)bytes + cut, size - cut}};
        CHECK_EQ(sw_encode(&framing, pieces, 3, &other), err);
        if (err == SW_FRAME) CHECK(other.fault.kind == envelope->fault.kind && other.fault.at == envelope->fault.at);
    }
    return err;
}

#endif
