/* The beginning of a frame that has ended a connection, and what is wrong with it.
 *
 * The assembly makes it when a read ends in the bytes in front of a message, which no page holds, or when a frame turns
 * out bad; else there is none. Once it is bad it never changes and is reference-counted: the assembly keeps it until
 * the next connection, and each report about the end has a reference of its own.
 */
#ifndef SW_CHANNEL_BAD_FRAME_H
#define SW_CHANNEL_BAD_FRAME_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"

enum { SW_BAD_FRAME_SHOWN = 40 };

struct sw_bad_frame {
    atomic_int refs;
    uint32_t size;                           /* of `bytes` */
    uint64_t skipped;                        /* bytes of the frame so far that stand in front of the message */
    uint64_t begun;                          /* bytes of the connection that came before the frame */
    struct sw_fault fault;                   /* kind SW_FAULT_NONE: it has not turned out bad */
    unsigned char bytes[SW_BAD_FRAME_SHOWN]; /* its first bytes */
};

/* With one reference; without bytes or a fault. NULL: no memory. */
struct sw_bad_frame *sw_bad_frame_new(void);

/* Adds bytes, as far as there is room. */
void sw_bad_frame_add(struct sw_bad_frame *frame, const void *bytes, size_t size);

/* Both take NULL. */
struct sw_bad_frame *sw_bad_frame_ref(struct sw_bad_frame *frame);
void sw_bad_frame_unref(struct sw_bad_frame *frame);

#endif
