/* Any message, in any framing and pieces: what is accepted comes back whole from the decoder, what is refused could not
 * have. To tell which, the message is enclosed by hand, accepted or not, and decoded twice in a row.
 *
 * The input: a framing, how often the message repeats its bytes, the size of its pieces, and the bytes.
 */
#include "framed.h"

const char *const fuzz_claim = "[F46] carries what it accepts, in any pieces, and refuses only what it cannot carry";

/* Longer than 16 bits can say where that matters; elsewhere it would only take time. */
enum { MESSAGE_MAX = 70000, MESSAGE_MAX_UNCOUNTED = 600 };

struct message {
    unsigned char bytes[MESSAGE_MAX];
    size_t size;
    struct sw_slice pieces[MESSAGE_MAX];
    size_t count;
};

static void draw_message(struct fuzz_input *input, size_t longest, struct message *message) {
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
static void write_length(unsigned char *prefix, size_t length, size_t width, bool big) {
    for (size_t i = 0; i < width; i++, length /= 256) prefix[big ? width - 1 - i : i] = (unsigned char)(length % 256);
}

/* What would stand around the message if any were accepted. */
static struct sw_envelope enclose(const struct sw_framing *framing, size_t length) {
    struct sw_envelope envelope = {.prefix_size = 0};
    switch (framing->kind) {
    case SW_FRAMING_LINE:
        envelope.suffix[0] = '\n';
        envelope.suffix_size = 1;
        break;
    case SW_FRAMING_DELIMITER:
        memcpy(envelope.suffix, framing->delimiter, framing->size);
        envelope.suffix_size = framing->size;
        break;
    case SW_FRAMING_RAW:
    case SW_FRAMING_FIXED: break;
    case SW_FRAMING_U8: envelope.prefix_size = 1; break;
    case SW_FRAMING_U16BE:
    case SW_FRAMING_U16LE: envelope.prefix_size = 2; break;
    case SW_FRAMING_U32BE:
    case SW_FRAMING_U32LE: envelope.prefix_size = 4; break;
    }
    bool big = framing->kind == SW_FRAMING_U16BE || framing->kind == SW_FRAMING_U32BE;
    write_length(envelope.prefix, length, envelope.prefix_size, big);
    return envelope;
}

static void check_envelope(const struct sw_envelope *got, const struct sw_envelope *want) {
    MUST(got->prefix_size == want->prefix_size && memcmp(got->prefix, want->prefix, want->prefix_size) == 0);
    MUST(got->suffix_size == want->suffix_size && memcmp(got->suffix, want->suffix, want->suffix_size) == 0);
}

static bool feed(struct sw_assembly *assembly, const struct sw_framing *framing, const unsigned char *bytes,
                 size_t size, struct sw_message_run *whole) {
    return size == 0 || sw_assembly_feed(assembly, framing, bytes, size, NULL, whole) == SW_OK;
}

/* Does the decoder make two messages of two, and nothing else? */
static bool comes_back(const struct sw_framing *framing, const struct message *message,
                       const struct sw_envelope *envelope) {
    static struct messages got, want;
    struct sw_assembly assembly = {0};
    struct sw_message_run whole = {.count = 0};
    bool fed = true;
    messages_init(&got);
    messages_init(&want);
    sw_assembly_reset(&assembly);
    for (int i = 0; i < 2 && fed; i++) {
        fed = feed(&assembly, framing, envelope->prefix, envelope->prefix_size, &whole) &&
              feed(&assembly, framing, message->bytes, message->size, &whole) &&
              feed(&assembly, framing, envelope->suffix, envelope->suffix_size, &whole);
        messages_add(&want, message->bytes, message->size);
    }
    messages_take(&got, &whole);
    bool same = fed && messages_equal(&got, &want) && assembly.partial_bytes + assembly.decoder.header == 0;
    sw_assembly_reset(&assembly);
    return same;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    static struct message message;
    struct fuzz_input input = {bytes, size};
    struct sw_framing framing = fuzz_framing(&input);
    uint32_t max = framing.max;
    draw_message(&input, sw_framing_prefix(framing.kind) > 0 ? MESSAGE_MAX : MESSAGE_MAX_UNCOUNTED, &message);
    struct sw_envelope got, want = enclose(&framing, message.size);
    bool accepted = sw_encode(&framing, message.pieces, message.count, &got) == SW_OK;
    if (accepted) check_envelope(&got, &want);
    framing.max = UINT32_MAX; /* the sender does not know the receiver's */
    MUST(comes_back(&framing, &message, &want) == accepted);
    framing.max = max;
    MUST(comes_back(&framing, &message, &want) == (accepted && message.size <= max));
    return 0;
}
