/* Any stream and any message behind headers: framed.h says what is shown. The input: max, and the rest. */
#include "framed.h"

const char *const fuzz_claim =
    "[F45] [F46] decodes any stream as the reference does, and carries what it accepts: headers";

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct fuzz_input input = {bytes, size};
    struct sw_framing framing = fuzz_framing(&input, SW_FRAMING_HEADERS);
    sw_framing_init(&framing);
    return fuzz_framed(&framing, &input);
}
