/* Any bytes as items of RESP: what is read lies within them, and a fault too; no item is larger than what is there, and
 * no beginning of an item is one.
 */
#include <stdlib.h>
#include <string.h>

#include "codec/resp_item.h"
#include "fuzz.h"

const char *const fuzz_claim = "reads only what is in a RESP item, and believes no length";

static void check_item(const char *bytes, size_t size, const struct sw_resp_item *item, size_t end) {
    const char *text = item->text.data;
    MUST(end >= SW_RESP_ITEM_MIN && end <= size && memcmp(bytes + end - 2, "\r\n", 2) == 0);
    MUST(text == NULL || (text > bytes && text + item->text.size + 2 <= bytes + end));
    MUST(item->count <= (size - end) / SW_RESP_ITEM_MIN);
    MUST(item->type == SW_RESP_NULL || item->type == (enum sw_resp_type)bytes[0]);
}

static void check_fault(const struct sw_resp_fault *fault, size_t size) {
    MUST(fault->at <= size && fault->expected != NULL && fault->expected[0] != '\0');
}

/* The beginning stands alone on the heap, so that the address sanitizer sees a look beyond it. */
static void check_beginning(const char *bytes, size_t size) {
    struct sw_resp_item item;
    struct sw_resp_fault fault = {0};
    char *alone = malloc(size > 0 ? size : 1);
    MUST(alone != NULL);
    memcpy(alone, bytes, size);
    MUST(sw_resp_read(alone, size, &item, &fault) == 0);
    check_fault(&fault, size);
    free(alone);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    const char *text = (const char *)bytes;
    struct sw_resp_item item;
    struct sw_resp_fault fault = {0};
    for (size_t end; size > 0; text += end, size -= end) {
        end = sw_resp_read(text, size, &item, &fault);
        if (end == 0) {
            check_fault(&fault, size);
            return 0;
        }
        check_item(text, size, &item, end);
        for (size_t cut = 0; cut < end && cut < 100; cut++) check_beginning(text, cut);
        check_beginning(text, end - 1);
    }
    return 0;
}
