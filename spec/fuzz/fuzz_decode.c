/* Any stream, in any framing and split: the messages are those that the naive reference finds in the whole stream, so
 * they are the same for any split, and never longer than max_message. What is begun takes memory for what came, not for
 * what its length claims.
 *
 * The input: a framing, the split (how many steps, and each one), and the stream.
 */
#include "found.h"
#include "framed.h"

const char *const fuzz_claim =
    "[F45] [F46] decodes any stream as the reference does, whatever the framing and the split";

/* How the stream is split: bytes of each read in turn; 0 stands for 1, and a look at the messages behind it. */
struct split {
    size_t count;
    unsigned char steps[16];
};

static struct split draw_split(struct fuzz_input *input) {
    struct split split = {.count = 1 + fuzz_byte(input) % sizeof split.steps};
    for (size_t i = 0; i < split.count; i++) split.steps[i] = (unsigned char)fuzz_byte(input);
    return split;
}

/* How a stream ended. */
struct outcome {
    struct messages messages;
    bool bad;
    size_t partial; /* unless bad: bytes of a message that has begun */
};

static void find_all(const struct sw_framing *framing, const unsigned char *stream, size_t size,
                     struct outcome *outcome) {
    size_t at = 0;
    outcome->bad = false;
    messages_init(&outcome->messages);
    while (at < size) {
        struct found found = found_first(framing, stream + at, size - at);
        outcome->bad = found.status == SW_FRAME_BAD;
        if (found.status != SW_FRAME_WHOLE) break;
        messages_add(&outcome->messages, found.payload, found.size);
        at += found.used;
    }
    outcome->partial = size - at;
}

/* The pages of a message that has begun hold what came of it, and little room for more. */
static void check_memory(const struct sw_assembly *assembly) {
    size_t allocated = 0;
    for (const struct sw_page *page = assembly->partial.head; page != NULL; page = page->next) allocated += page->size;
    MUST(allocated <= 3 * assembly->partial_bytes + 1024);
}

/* One read: its bytes stand alone on the heap, so that the address sanitizer sees a look beyond them. */
static enum sw_err feed(struct sw_assembly *assembly, const struct sw_framing *framing, const unsigned char *bytes,
                        size_t size, struct sw_message_run *whole) {
    MUST(size > 0);
    unsigned char *copy = malloc(size);
    MUST(copy != NULL);
    memcpy(copy, bytes, size);
    enum sw_err err = sw_assembly_feed(assembly, framing, copy, size, NULL, whole);
    free(copy);
    MUST(err == SW_OK || err == SW_FRAME);
    check_memory(assembly);
    return err;
}

static void decode(const struct sw_framing *framing, const struct split *split, const unsigned char *stream,
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
    outcome->partial = assembly.partial_bytes + assembly.decoder.header;
    sw_assembly_reset(&assembly);
}

static void check_lengths(const struct sw_framing *framing, const struct messages *messages) {
    for (size_t i = 0; i < messages->count; i++)
        MUST(messages->ends[i] - (i > 0 ? messages->ends[i - 1] : 0) <= framing->max);
}

/* Raw messages are the reads, cut at max: only their bytes do not depend on the split. */
static void check_raw(const struct outcome *got, const unsigned char *stream, size_t size) {
    MUST(!got->bad && got->partial == 0);
    MUST(got->messages.size == size && memcmp(got->messages.bytes, stream, size) == 0);
}

static void check_framed(const struct sw_framing *framing, const struct outcome *got, const unsigned char *stream,
                         size_t size) {
    static struct outcome want;
    find_all(framing, stream, size, &want);
    MUST(messages_equal(&got->messages, &want.messages));
    MUST(got->bad == want.bad);
    MUST(got->bad || got->partial == want.partial);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    static struct outcome got;
    struct fuzz_input input = {bytes, size};
    struct sw_framing framing = fuzz_framing(&input);
    struct split split = draw_split(&input);
    if (input.size == 0) return 0;
    decode(&framing, &split, input.bytes, input.size, &got);
    check_lengths(&framing, &got.messages);
    if (framing.kind == SW_FRAMING_RAW)
        check_raw(&got, input.bytes, input.size);
    else
        check_framed(&framing, &got, input.bytes, input.size);
    return 0;
}
