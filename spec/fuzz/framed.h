/* What the targets of the codec share, one for each family of framings: a target draws a framing of its family, and
 * fuzz_framed tries it, by the first byte of what is left in one of two ways.
 *
 * Any stream, in any split: the messages are those that the naive reference finds in the whole stream, so they are the same
 * for any split, and never longer than max_message; and so is what is told of a bad frame. What is begun takes memory for
 * what came, not for what its length claims. The input: the split (how many steps, and each one), and the stream.
 *
 * Any message, in any pieces: what is accepted comes back whole from the decoder, what is refused could not have. To tell
 * which, the message is enclosed by hand, accepted or not, and decoded twice in a row. The input: how often the message
 * repeats its bytes, the size of its pieces, and the bytes.
 */
#ifndef SW_SPEC_FRAMED_H
#define SW_SPEC_FRAMED_H

#include <string.h>

#include "found.h"
#include "fuzz.h"
#include "loop/assembly.h"

/* A framing of this kind, as options can give it: max is at least 1. The caller sets the rest, and sw_framing_init. */
static inline struct sw_framing fuzz_framing(struct fuzz_input *input, enum sw_framing_kind kind) {
    struct sw_framing framing = {.kind = kind, .max = fuzz_size(input)};
    if (framing.max == 0) framing.max = 1;
    return framing;
}

enum { MESSAGES_ROOM = 160000 };

/* Messages without framing, one behind the other. A list of them is static: emptying it costs nothing. */
struct messages {
    size_t size, count;
    unsigned char bytes[MESSAGES_ROOM];
    uint32_t ends[MESSAGES_ROOM];
};

static inline void messages_init(struct messages *messages) { messages->size = messages->count = 0; }

static inline void messages_append(struct messages *messages, const unsigned char *bytes, size_t size) {
    MUST(size <= MESSAGES_ROOM - messages->size);
    if (size > 0) memcpy(messages->bytes + messages->size, bytes, size);
    messages->size += size;
}

static inline void messages_add(struct messages *messages, const unsigned char *bytes, size_t size) {
    messages_append(messages, bytes, size);
    MUST(messages->count < MESSAGES_ROOM);
    messages->ends[messages->count++] = (uint32_t)messages->size;
}

static inline bool messages_equal(const struct messages *a, const struct messages *b) {
    return a->size == b->size && a->count == b->count && memcmp(a->bytes, b->bytes, a->size) == 0 &&
           memcmp(a->ends, b->ends, a->count * sizeof *a->ends) == 0;
}

/* Appends what was assembled, and empties it. */
static inline void messages_take(struct messages *messages, struct sw_message_run *whole) {
    size_t before = messages->count;
    for (const struct sw_page *page = whole->pages.head; page != NULL; page = page->next) {
        uint32_t done = 0;
        for (uint32_t i = 0; i < page->ends; i++) {
            messages_add(messages, page->data + done, sw_page_end_at(page, i) - done);
            done = sw_page_end_at(page, i);
        }
        messages_append(messages, page->data + done, page->used - done); /* its message ends in a later page */
    }
    sw_pages_free(&whole->pages);
    MUST(messages->count - before == whole->count);
    *whole = (struct sw_message_run){.count = 0};
    MUST(messages->size == (messages->count > 0 ? messages->ends[messages->count - 1] : 0));
}

/* --- any stream --- */

/* How the stream is split: bytes of each read in turn; 0 stands for 1, and a look at the messages behind it. */
struct split {
    size_t count;
    unsigned char steps[16];
};

static inline struct split draw_split(struct fuzz_input *input) {
    struct split split = {.count = 1 + fuzz_byte(input) % sizeof split.steps};
    for (size_t i = 0; i < split.count; i++) split.steps[i] = (unsigned char)fuzz_byte(input);
    return split;
}

/* How a stream ended. */
struct outcome {
    struct messages messages;
    bool bad;
    bool is_open;            /* of the reference: bad or partial, it cannot tell which */
    struct sw_bad_frame why; /* of the decoder: what is bad */
    size_t partial;          /* unless bad: bytes of a message that has begun */
};

static inline void find_all(const struct sw_framing *framing, const unsigned char *stream, size_t size,
                            struct outcome *outcome) {
    size_t at = 0;
    outcome->bad = outcome->is_open = false;
    messages_init(&outcome->messages);
    while (at < size) {
        struct found found = found_first(framing, stream + at, size - at);
        outcome->bad = found.status == SW_FRAME_BAD;
        outcome->is_open = found.is_open;
        if (found.status != SW_FRAME_WHOLE) break;
        messages_add(&outcome->messages, found.payload, found.size);
        at += found.used;
    }
    outcome->partial = size - at;
}

/* The pages of a message that has begun hold what came of it, and little room for more. */
static inline void check_memory(const struct sw_assembly *assembly) {
    size_t allocated = 0;
    for (const struct sw_page *page = assembly->partial.head; page != NULL; page = page->next) allocated += page->size;
    MUST(allocated <= 3 * sw_assembly_partial_bytes(assembly) + 1024);
}

/* Bytes of the frame that has begun. */
static inline size_t begun(const struct sw_assembly *assembly, const struct sw_framing *framing) {
    bool is_in_message = sw_framing_keeps(framing);
    return sw_assembly_partial_bytes(assembly) + (is_in_message ? 0 : assembly->decoder.count);
}

static inline void copy_bad_frame(const struct sw_assembly *assembly, struct sw_bad_frame *why) {
    const struct sw_bad_frame *bad = sw_assembly_bad_frame(assembly);
    memset(why, 0, sizeof *why);
    if (bad == NULL) return;
    why->begun = bad->begun;
    why->fault = bad->fault;
    why->size = bad->size;
    memcpy(why->bytes, bad->bytes, bad->size);
}

static inline bool same_bad_frame(const struct sw_bad_frame *a, const struct sw_bad_frame *b) {
    return a->begun == b->begun && a->fault.kind == b->fault.kind && a->fault.at == b->fault.at &&
           a->fault.claimed == b->fault.claimed && a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
}

/* One read: its bytes stand alone on the heap, so that the address sanitizer sees a look beyond them. */
static inline enum sw_err feed(struct sw_assembly *assembly, const struct sw_framing *framing,
                               const unsigned char *bytes, size_t size, struct sw_message_run *whole) {
    MUST(size > 0);
    unsigned char *copy = malloc(size > 0 ? size : 1);
    MUST(copy != NULL);
    memcpy(copy, bytes, size);
    enum sw_err err = sw_assembly_feed(assembly, framing, copy, size, NULL, whole);
    free(copy);
    MUST(err == SW_OK || err == SW_FRAME);
    check_memory(assembly);
    return err;
}

static inline void decode(const struct sw_framing *framing, const struct split *split, const unsigned char *stream,
                          size_t size, struct outcome *outcome) {
    struct sw_assembly assembly = {0};
    struct sw_message_run whole = {.count = 0};
    sw_assembly_reset(&assembly);
    messages_init(&outcome->messages);
    outcome->bad = false;
    for (size_t at = 0, i = 0; at < size && !outcome->bad; i++) {
        size_t step = split->steps[i % split->count], part = step > 0 ? step : 1;
        if (part > size - at) part = size - at;
        outcome->bad = feed(&assembly, framing, stream + at, part, &whole) != SW_OK;
        at += part;
        if (step == 0) messages_take(&outcome->messages, &whole);
    }
    messages_take(&outcome->messages, &whole);
    outcome->partial = begun(&assembly, framing);
    copy_bad_frame(&assembly, &outcome->why);
    MUST(outcome->bad == (outcome->why.fault.kind != SW_FAULT_NONE));
    sw_assembly_reset(&assembly);
}

/* The message and, where it counts, too, what stands in front of it. */
static inline void check_lengths(const struct sw_framing *framing, const struct messages *messages) {
    for (size_t i = 0; i < messages->count; i++)
        MUST(messages->ends[i] - (i > 0 ? messages->ends[i - 1] : 0) <= framing->max);
}

/* Raw messages are the reads, cut at max: only their bytes do not depend on the split. */
static inline void check_raw(const struct outcome *got, const unsigned char *stream, size_t size) {
    MUST(!got->bad && got->partial == 0);
    MUST(got->messages.size == size && memcmp(got->messages.bytes, stream, size) == 0);
}

static inline void check_framed(const struct sw_framing *framing, const struct outcome *got,
                                const unsigned char *stream, size_t size) {
    static const struct split unsplit = {.count = 1, .steps = {255}};
    static struct outcome want, whole;
    find_all(framing, stream, size, &want);
    decode(framing, &unsplit, stream, size, &whole);
    MUST(messages_equal(&got->messages, &want.messages));
    MUST(got->bad == want.bad || want.is_open);
    MUST(got->bad || got->partial == want.partial);
    MUST(got->bad == whole.bad && same_bad_frame(&got->why, &whole.why));
}

static inline void fuzz_decode(const struct sw_framing *framing, struct fuzz_input *input) {
    static struct outcome got;
    struct split split = draw_split(input);
    if (input->size == 0) return;
    decode(framing, &split, input->bytes, input->size, &got);
    check_lengths(framing, &got.messages);
    if (framing->kind == SW_FRAMING_RAW)
        check_raw(&got, input->bytes, input->size);
    else
        check_framed(framing, &got, input->bytes, input->size);
}

/* --- any message --- */

/* Longer than 16 bits can say where that matters; elsewhere it would only take time. */
enum { MESSAGE_MAX = 70000, MESSAGE_MAX_UNCOUNTED = 600 };

struct message {
    unsigned char bytes[MESSAGE_MAX];
    size_t size;
    struct sw_slice pieces[MESSAGE_MAX];
    size_t count;
};

static inline void draw_message(struct fuzz_input *input, size_t longest, struct message *message) {
    size_t times = fuzz_size(input), piece = fuzz_byte(input);
    message->size = message->count = 0;
    for (size_t i = 0; i < times && input->size > 0 && input->size <= longest - message->size; i++) {
        memcpy(message->bytes + message->size, input->bytes, input->size);
        message->size += input->size;
    }
    for (size_t at = 0; at < message->size;) {
        size_t size = message->size - at;
        if (piece > 0 && piece < size) size = piece;
        message->pieces[message->count++] = (struct sw_slice){message->bytes + at, size};
        at += size;
    }
}

/* A length in `width` bytes: what of it has no place there is left out. */
static inline void write_length(struct sw_envelope *envelope, uint64_t length, size_t width, bool big) {
    for (size_t i = 0; i < width; i++, length /= 256)
        envelope->prefix[big ? width - 1 - i : i] = (unsigned char)(length % 256);
    envelope->prefix_size = width;
}

static inline void write_varint(struct sw_envelope *envelope, uint64_t length) {
    do {
        unsigned char more = length >= 128 ? 128 : 0;
        envelope->prefix[envelope->prefix_size++] = (unsigned char)(more + length % 128);
        length /= 128;
    } while (length > 0);
}

static inline void write_text(struct sw_envelope *envelope, const char *format, size_t length) {
    char text[SW_PREFIX_MAX + 1];
    envelope->prefix_size = (size_t)snprintf(text, sizeof text, format, length);
    memcpy(envelope->prefix, text, envelope->prefix_size);
}

/* What would stand around the message if any were accepted. */
static inline struct sw_envelope enclose(const struct sw_framing *framing, size_t length) {
    struct sw_envelope envelope = {.prefix_size = 0};
    switch (framing->kind) {
    case SW_FRAMING_LINE:
    case SW_FRAMING_NETSTRING:
        envelope.suffix[0] = framing->kind == SW_FRAMING_LINE ? '\n' : ',';
        envelope.suffix_size = 1;
        if (framing->kind == SW_FRAMING_NETSTRING) write_text(&envelope, "%zu:", length);
        break;
    case SW_FRAMING_DELIMITER:
        memcpy(envelope.suffix, framing->delimiter, framing->size);
        envelope.suffix_size = framing->size;
        break;
    case SW_FRAMING_HEADERS: write_text(&envelope, "Content-Length: %zu\r\n\r\n", length); break;
    case SW_FRAMING_COUNTED: {
        uint64_t value = (uint64_t)length - (uint64_t)(int64_t)framing->adjustment;
        if (framing->keeps) break;
        if (framing->length == SW_LENGTH_VARINT)
            write_varint(&envelope, value);
        else
            write_length(&envelope, value, found_width(framing->length), found_is_big(framing->length));
        break;
    }
    case SW_FRAMING_RAW:
    case SW_FRAMING_FIXED:
    case SW_FRAMING_RESP: break;
    }
    return envelope;
}

static inline void check_envelope(const struct sw_envelope *got, const struct sw_envelope *want) {
    MUST(got->prefix_size == want->prefix_size && memcmp(got->prefix, want->prefix, want->prefix_size) == 0);
    MUST(got->suffix_size == want->suffix_size && memcmp(got->suffix, want->suffix, want->suffix_size) == 0);
}

static inline bool feed_some(struct sw_assembly *assembly, const struct sw_framing *framing, const unsigned char *bytes,
                             size_t size, struct sw_message_run *whole) {
    return size == 0 || sw_assembly_feed(assembly, framing, bytes, size, NULL, whole) == SW_OK;
}

/* Does the decoder make two messages of two, and nothing else? */
static inline bool comes_back(const struct sw_framing *framing, const struct message *message,
                              const struct sw_envelope *envelope) {
    static struct messages got, want;
    struct sw_assembly assembly = {0};
    struct sw_message_run whole = {.count = 0};
    bool fed = true;
    messages_init(&got);
    messages_init(&want);
    sw_assembly_reset(&assembly);
    for (int i = 0; i < 2 && fed; i++) {
        fed = feed_some(&assembly, framing, envelope->prefix, envelope->prefix_size, &whole) &&
              feed_some(&assembly, framing, message->bytes, message->size, &whole) &&
              feed_some(&assembly, framing, envelope->suffix, envelope->suffix_size, &whole);
        messages_add(&want, message->bytes, message->size);
    }
    messages_take(&got, &whole);
    bool same = fed && messages_equal(&got, &want) && begun(&assembly, framing) == 0;
    sw_assembly_reset(&assembly);
    return same;
}

static inline void fuzz_encode(struct sw_framing framing, struct fuzz_input *input) {
    static struct message message;
    uint32_t max = framing.max;
    draw_message(input, framing.kind == SW_FRAMING_COUNTED ? MESSAGE_MAX : MESSAGE_MAX_UNCOUNTED, &message);
    struct sw_envelope got, want = enclose(&framing, message.size);
    bool accepted = sw_encode(&framing, message.pieces, message.count, &got) == SW_OK;
    if (accepted) check_envelope(&got, &want);
    size_t before, behind, enclosed = want.prefix_size + message.size + want.suffix_size;
    if (accepted) {
        sw_framing_margins(&framing, enclosed, &before, &behind);
        MUST(before == want.prefix_size && behind == want.suffix_size);
    }
    framing.max = UINT32_MAX; /* the sender does not know the receiver's */
    MUST(comes_back(&framing, &message, &want) == accepted);
    framing.max = max;
    bool is_text = framing.kind == SW_FRAMING_NETSTRING || framing.kind == SW_FRAMING_HEADERS;
    size_t counted = message.size + (is_text ? want.prefix_size : 0);
    MUST(comes_back(&framing, &message, &want) == (accepted && counted <= max));
}

static inline int fuzz_framed(const struct sw_framing *framing, struct fuzz_input *input) {
    if (fuzz_byte(input) % 2 == 0)
        fuzz_decode(framing, input);
    else
        fuzz_encode(*framing, input);
    return 0;
}

#endif
