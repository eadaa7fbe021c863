/* What was written to the socket of one connection, and which bytes of the send queue it carried.
 *
 * The kernel tells how many bytes of the connection the peer's TCP has acknowledged; this list turns that into bytes
 * of the queue, so that `acked` is right for every transport and for everything else that is written (a greeting, the
 * records of an encrypting transport). Each entry is a stretch of written bytes:
 *
 *      written | carried
 *     ---------+---------
 *          120 |       0   a greeting: carries no message
 *        40000 |   40000   messages as they are: each byte carries a byte
 *        16413 |   16384   a record: carries its bytes when the last of it has arrived
 */
#ifndef SW_LOOP_WRITTEN_H
#define SW_LOOP_WRITTEN_H

#include <stddef.h>
#include <stdint.h>

struct sw_stretch {
    uint64_t written, carried; /* bytes */
};

struct sw_written {
    struct sw_stretch embedded; /* messages: all that a plain connection without a greeting needs */
    struct sw_stretch *list;    /* oldest first: `own`, or a larger block */
    unsigned count, capacity;
    uint64_t acked_written, acked_carried; /* of the stretches that are acknowledged whole, and no more in the list */
};

/* Empty, for a new connection. */
void sw_written_init(struct sw_written *list);
void sw_written_fini(struct sw_written *list);

/* So many bytes were written next, which carry so many of the queue. */
void sw_written_add(struct sw_written *list, uint64_t written, uint64_t carried);

/* The first `written` bytes of the connection are acknowledged: how many bytes of the queue that is. */
uint64_t sw_written_acked(struct sw_written *list, uint64_t written);

#endif
