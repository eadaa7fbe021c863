/* Which bytes of the send queue each written byte of a connection carried.
 *
 * The kernel tells how many bytes of the connection the peer's TCP has acknowledged. This list converts that number
 * to bytes of the send queue. The two differ where other bytes are written too: a greeting, the records of an
 * encrypting transport. Each entry is a run of written bytes:
 *
 *      written | carried
 *     ---------+---------
 *          120 |       0   a greeting: carries no message
 *        40000 |   40000   messages as they are: each written byte carries one byte
 *        16413 |   16384   a record: counts only when its last byte is acknowledged
 */
#ifndef SW_LOOP_WRITTEN_H
#define SW_LOOP_WRITTEN_H

#include <stddef.h>
#include <stdint.h>

/* One entry: bytes written to the socket, and bytes of the queue that they carried. */
struct sw_run {
    uint64_t written, carried;
};

struct sw_written {
    struct sw_run embedded; /* one entry without an allocation: enough for a plain connection without a greeting */
    struct sw_run *list;    /* the entries, oldest first: in `embedded` or in an allocated block */
    unsigned count, capacity;
    uint64_t acked_written, acked_carried; /* sums of the entries that were acknowledged and removed */
};

/* An empty list, for a new connection. */
void sw_written_init(struct sw_written *list);
void sw_written_fini(struct sw_written *list);

/* Adds the next `written` bytes, which carry the next `carried` bytes of the queue. */
void sw_written_add(struct sw_written *list, uint64_t written, uint64_t carried);

/* Returns how many bytes of the queue are acknowledged when the first `written` bytes of the connection are. Removes
 * the entries that are acknowledged whole. */
uint64_t sw_written_acked(struct sw_written *list, uint64_t written);

#endif
