/* Any stream and any message behind a binary length: framed.h says what is shown. The input: max, the length, and what
 * goes with it, and the rest. */
#include "framed.h"

const char *const fuzz_claim =
    "[F45] [F46] decodes any stream as the reference does, and carries what it accepts: binary lengths";

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct fuzz_input input = {bytes, size};
    struct sw_framing framing = fuzz_framing(&input, SW_FRAMING_COUNTED);
    framing.length = (enum sw_length)(fuzz_byte(&input) % (SW_LENGTH_VARINT + 1));
    unsigned more = fuzz_byte(&input);
    if (more & 1) framing.adjustment = (int32_t)(fuzz_byte(&input) % 16) - 8;
    if (more & 2) framing.adjustment = -(int32_t)(fuzz_size(&input) % SW_MESSAGE_MAX);
    if (more & 4) framing.offset = fuzz_byte(&input) % 8;
    framing.keeps = framing.offset > 0 || (more & 8) != 0;
    sw_framing_init(&framing);
    return fuzz_framed(&framing, &input);
}
