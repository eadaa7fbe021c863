/* A message for one connection only: sent in its place among the others, never again, and without an id.
 *
 * What only makes sense on the connection that it is for (an acknowledgement, a ping, the answer to a request) must not be
 * replayed on the next one. The host makes it, the loop takes it and frees it: when it is handed to the kernel whole, or
 * when its connection ends first.
 */
#ifndef SW_CHANNEL_ONCE_H
#define SW_CHANNEL_ONCE_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct sw_once {
    struct sw_once *next; /* in the ring */
    uint64_t after;       /* goes out behind the message with this id */
    size_t size;          /* framing included */
    size_t sent;          /* loop: bytes handed over */
    unsigned char bytes[];
};

/* Of the bytes in the pieces, which count is `size`. NULL: no memory. */
struct sw_once *sw_once_new(const struct sw_slice *pieces, size_t count, size_t size);

/* What it counts against queue_limit: its memory. */
static inline size_t sw_once_cost(const struct sw_once *once) { return sizeof *once + 16 + once->size; }

/* Those that wait form a ring, known by the last one, whose `next` is the first; NULL: none waits. */

static inline struct sw_once *sw_once_first(const struct sw_once *last) { return last != NULL ? last->next : NULL; }

/* Puts one, or another ring, behind the last. The ring's pointer becomes the new last one. */
void sw_once_add(struct sw_once **last, struct sw_once *once);
void sw_once_join(struct sw_once **last, struct sw_once *more);

/* Takes the first one off, which there must be, and frees it. */
void sw_once_drop(struct sw_once **last);

#endif
