/* The send queue of one client: messages that are to be sent, and messages that may have to be sent again.
 *
 * It is one chain of pages in the order of the stream, with three places in it:
 *
 *        kept               acked                handed               end
 *     -----|------------------|---------------------|-------------------|
 *          |  acknowledged,   |  in flight: handed  |  queued: the      |
 *          |  not confirmed   |  over, and not      |  next bytes for   |
 *          |  by the script   |  acknowledged       |  the kernel       |
 *
 * `kept` is always at a boundary: before the first message that is not finished. So is `acked`: before the first
 * message that the peer's TCP has not acknowledged as a whole. The two are the same place, except with
 * SW_RETAIN_UNCONFIRMED, where a message is finished when the script has confirmed it. Pages before `kept` are freed.
 *
 * In every mode, bytes stay in the queue until they are acknowledged. They are few, because TCP_NOTSENT_LOWAT limits
 * what the kernel takes. Their boundaries tell which messages were acknowledged when the kernel tells how many bytes
 * were (SIOCOUTQ).
 *
 * The modes (base/retain.h) differ in three points: which message a new connection starts with, always at its first
 * byte; when a message is finished; and which messages count against queue_limit.
 */
#ifndef SW_LOOP_SENDQ_H
#define SW_LOOP_SENDQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/retain.h"
#include "buffer/page.h"

/* A place between two bytes of the queue. A place at the end of a page moves to the start of the next page when there
 * is one. */
struct sw_place {
    struct sw_page *page; /* NULL: the queue is empty */
    uint32_t offset;      /* in `page`, in bytes */
    uint32_t index;       /* how many messages of this page end at or before the place */
    uint64_t id;          /* newest message that ends at or before the place */
    uint64_t byte;        /* bytes before the place, counted since the queue was made */
    uint64_t start;       /* where that message ended, counted likewise; equal to `byte` at a boundary */
};

struct sw_sendq {
    enum sw_retain mode;
    unsigned pinned_pages;     /* how many pages of `pages` refer to pinned bytes */
    struct sw_pages pages;     /* the queue */
    struct sw_pages emptied;   /* empty large pages, for the pool */
    struct sw_pages completed; /* pages of pinned bytes that were sent and finished, for the host */
    struct sw_place kept, acked, handed;
    uint64_t base_id;          /* the last message before the queue was made */
    uint64_t last_id;          /* newest message that was put into the queue */
    uint64_t end;              /* bytes put into the queue since it was made */
    uint64_t connection_start; /* where this connection's bytes begin; grows by skipped bytes */
    uint64_t confirmed;        /* newest message that was confirmed; after `kept` while it is partly sent */
    uint64_t reached;  /* newest message that was given up or ever handed over, as a whole or (unframed) in part */
    uint64_t finished; /* how many messages were finished so far */
};

/* Makes an empty queue. `last_id` and `finished` are the newest message and the number of finished ones from an
 * earlier queue. */
void sw_sendq_init(struct sw_sendq *queue, enum sw_retain mode, uint64_t last_id, uint64_t finished);
void sw_sendq_fini(struct sw_sendq *queue);

/* Adds pages with whole messages. Their ids follow last_id. */
void sw_sendq_put(struct sw_sendq *queue, struct sw_pages *pages);

/* Fills iov, which has `max` entries, with the next bytes to hand over: at most `limit` bytes, up to the end of
 * message `fence`. Returns the number of entries. */
size_t sw_sendq_fill(const struct sw_sendq *queue, uint64_t fence, size_t limit, struct iovec *iov, size_t max);

/* The kernel has taken the next `bytes` bytes. */
void sw_sendq_handed(struct sw_sendq *queue, size_t bytes);

/* The peer's TCP has acknowledged the first `bytes` bytes of this connection. Frees the pages that are not needed any
 * more. */
void sw_sendq_acked(struct sw_sendq *queue, uint64_t bytes);

/* The script has confirmed messages up to `id`, which is at most `reached`. Those that wait to be sent again are
 * skipped. If one of them is partly sent, the rest of it is sent first. */
void sw_sendq_confirm(struct sw_sendq *queue, uint64_t id);

/* True if a message is handed over in part. */
static inline bool sw_sendq_is_mid_message(const struct sw_sendq *queue) {
    return queue->handed.byte != queue->handed.start;
}

/* How many bytes, of all that were ever put into the queue, count against queue_limit no longer; with
 * SW_MESSAGE_OVERHEAD for each message. Never decreases. */
uint64_t sw_sendq_released(const struct sw_sendq *queue);

/* Copies all messages that are not finished; the first one is kept.id + 1. The guard is for pinned bytes. False: no
 * memory, or the pinned bytes were freed; *copy is empty then. */
bool sw_sendq_copy(const struct sw_sendq *queue, const struct sw_pin_guard *guard, struct sw_pages *copy);

/* Returns `completed` and empties it. The host needs these pages to unpin their bytes. */
struct sw_pages sw_sendq_take_completed(struct sw_sendq *queue);

/* What a connection's end means for its messages. */
struct sw_loss_summary {
    struct sw_loss unknown; /* messages that were given up, and were perhaps received */
    struct sw_loss unsent;  /* messages that were given up, and were certainly not received as a whole */
    uint64_t not_handed;    /* how many of `unknown` this connection did not hand over as a whole */
    uint64_t in_flight;     /* how many messages were handed over as a whole and not acknowledged */
};

/* The connection ended: gives up the messages that the mode does not keep, and moves `handed` back to the first byte
 * that the next connection sends. Messages after `fence` were accepted after the script had ended the connection:
 * every mode keeps them. */
struct sw_loss_summary sw_sendq_rewind(struct sw_sendq *queue, uint64_t fence);

/* No connection follows: gives up all messages that the script has not confirmed. The confirmed ones are finished. */
struct sw_loss_summary sw_sendq_abandon(struct sw_sendq *queue);

#endif
