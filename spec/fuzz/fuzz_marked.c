/* Any stream and any message in lines, behind delimiters, of a fixed size, or raw: framed.h says what is shown. The
 * input: which of them, max, its parameters, and the rest. */
#include "framed.h"

const char *const fuzz_claim =
    "[F45] [F46] decodes any stream as the reference does, and carries what it accepts: marks and sizes";

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct fuzz_input input = {bytes, size};
    static const enum sw_framing_kind kinds[] = {SW_FRAMING_LINE, SW_FRAMING_DELIMITER, SW_FRAMING_FIXED,
                                                 SW_FRAMING_RAW};
    struct sw_framing framing = fuzz_framing(&input, kinds[fuzz_byte(&input) % 4]);
    if (framing.kind == SW_FRAMING_FIXED) framing.size = 1 + fuzz_byte(&input) % framing.max;
    if (framing.kind == SW_FRAMING_DELIMITER) {
        framing.size = 1 + fuzz_byte(&input) % SW_DELIMITER_MAX;
        for (uint32_t i = 0; i < framing.size; i++) framing.delimiter[i] = (unsigned char)fuzz_byte(&input);
    }
    sw_framing_init(&framing);
    return fuzz_framed(&framing, &input);
}
