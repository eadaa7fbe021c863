/* Turns the bytes of reads into whole messages in pages.
 *
 * Whole messages go into pages for the host. An unfinished message is kept in separate pages, so that the host never
 * gets a page that the loop still writes to. Without an unfinished message, the assembly holds no page.
 */
#ifndef SW_LOOP_ASSEMBLY_H
#define SW_LOOP_ASSEMBLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer/page.h"
#include "channel/bad_frame.h"
#include "channel/report.h"
#include "codec/codec.h"

struct sw_assembly {
    struct sw_decoder decoder;
    struct sw_pages partial;   /* the unfinished message, without what stands in front of it */
    uint64_t begun;            /* bytes of the connection before the unfinished frame */
    struct sw_bad_frame *head; /* what stands in front of the unfinished message, if that came in an earlier read; after
                                * SW_FRAME: what is wrong with the frame; NULL: neither, or no memory */
};

/* A run of whole messages, for the inbox. All zeros: none. */
struct sw_message_run {
    struct sw_pages pages;
    uint64_t count; /* number of messages */
    size_t bytes;   /* what they count against inbox_limit, with SW_MESSAGE_OVERHEAD for each */
};

/* Prepares for a new connection; drops an unfinished message and what was wrong with a frame. */
void sw_assembly_reset(struct sw_assembly *assembly);

/* The connection has ended: drops an unfinished message. */
void sw_assembly_end(struct sw_assembly *assembly);

/* What was wrong with the frame that has ended the connection, until sw_assembly_reset. NULL: no frame, or no memory. */
static inline struct sw_bad_frame *sw_assembly_bad_frame(const struct sw_assembly *assembly) {
    return assembly->head != NULL && assembly->head->fault.kind != SW_FAULT_NONE ? assembly->head : NULL;
}

/* Bytes of the unfinished message. */
size_t sw_assembly_partial_bytes(const struct sw_assembly *assembly);

/* How many bytes of pages to expect when a read brings `size` bytes: these bytes and an estimate of their boundaries.
 */
static inline size_t sw_assembly_expected(size_t size) { return size + size / 8; }

/* Adds the messages that end in these bytes to *whole. Uses large pages from *empty before it makes new ones.
 * SW_FRAME: the peer broke the framing; SW_SYSTEM: no memory. In both cases *whole has the messages before that
 * point, and after SW_FRAME sw_assembly_bad_frame tells more.
 */
enum sw_err sw_assembly_feed(struct sw_assembly *assembly, const struct sw_framing *framing, const unsigned char *bytes,
                             size_t size, struct sw_pages *empty, struct sw_message_run *whole);

/* A copy of the unfinished message, which the caller frees by free(). NULL: no memory. */
struct sw_partial *sw_assembly_copy_partial(const struct sw_assembly *assembly);

#endif
