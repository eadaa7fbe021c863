/* From the bytes of a read to whole messages in pages.
 *
 * Whole messages go into pages that the host will take; what has begun and not ended waits in pages of its own, so that
 * the host never gets a page that still grows. An idle connection holds none.
 */
#ifndef SW_LOOP_ASSEMBLY_H
#define SW_LOOP_ASSEMBLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer/page.h"
#include "codec/codec.h"

struct sw_assembly {
    struct sw_decoder decoder;
    struct sw_pages partial; /* the message that has begun */
    size_t partial_bytes;
};

/* Whole messages, as the inbox takes them. All zeros: none. */
struct sw_message_run {
    struct sw_pages pages;
    uint64_t count; /* messages */
    size_t bytes;   /* that they count against inbox_limit */
};

/* Starts, or starts anew for a new connection; drops what there was. */
void sw_assembly_reset(struct sw_assembly *assembly);

/* Bytes that a page is made for when a read brings `size` bytes: these, and boundaries. */
static inline size_t sw_assembly_expected(size_t size) { return size + size / 8; }

/* Splits the bytes, and adds the messages that end among them to *whole. Large pages are taken from *empty first.
 * SW_FRAME: the peer broke the framing; SW_SYSTEM: no memory. In both cases the messages before that point are in *whole.
 */
enum sw_err sw_assembly_feed(struct sw_assembly *assembly, const struct sw_framing *framing, const unsigned char *bytes,
                             size_t size, struct sw_pages *empty, struct sw_message_run *whole);

/* Bytes received of an unfinished message, its length prefix included. */
size_t sw_assembly_partial(const struct sw_assembly *assembly);

#endif
