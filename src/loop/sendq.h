/* The send queue: what one client has to send, and what it must still account for.
 *
 * One chain of pages in stream order with three places in it:
 *
 *        kept               acked                handed               end
 *     -----|------------------|---------------------|-------------------|
 *          |  confirming is   |  in flight: the     |  queued           |
 *          |  the script's,   |  peer's TCP does    |  the next bytes   |
 *          |  and due         |  not have it yet    |  for the kernel   |
 *
 * `kept` and `acked` stand at boundaries: `acked` before the first message that the peer's TCP does not have whole,
 * `kept` before the first that is not finished. They are one place, except under SW_RETAIN_UNCONFIRMED, where a
 * message is finished when the script has confirmed it. Pages left of `kept` are freed. What the kernel has got stays
 * at least until it is acknowledged, in every mode: the kernel's own buffer bounds it (TCP_NOTSENT_LOWAT), and its
 * boundaries turn a byte count from SIOCOUTQ into fates of messages. The modes differ in where a new connection
 * starts (base/retain.h), which is always at a boundary, in when a message is finished, and in what counts against
 * queue_limit.
 */
#ifndef SW_LOOP_SENDQ_H
#define SW_LOOP_SENDQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/retain.h"
#include "buffer/page.h"

/* A place between two bytes; with an empty queue page is NULL. It leaves a page that it has come to the end of as
 * soon as there is a next one. */
struct sw_place {
    struct sw_page *page;
    uint32_t offset; /* in page */
    uint32_t index;  /* messages of this page that end at or before it */
    uint64_t id;     /* newest message that ends at or before it */
    uint64_t byte;   /* bytes before it since the queue was made */
    uint64_t start;  /* where that newest message ended; = byte when the place is a boundary */
};

struct sw_sendq {
    enum sw_retain mode;
    unsigned pinned_pages; /* pages of pinned bytes that are not done with */
    struct sw_pages pages;
    struct sw_pages emptied;   /* large pages, on their way to the pool */
    struct sw_pages completed; /* pages of pinned bytes that are done with */
    struct sw_place kept, acked, handed;
    uint64_t base_id;          /* the last before the queue was made */
    uint64_t last_id;          /* newest message that was put */
    uint64_t end;              /* bytes put since the queue was made */
    uint64_t connection_start; /* `handed.byte` when this connection began, and the bytes that were skipped since */
    uint64_t confirmed; /* newest message that the script confirmed; ahead of `kept` while that one is half sent */
    uint64_t reached;   /* newest that was given up, or given to any connection, whole or (a loose one) in part */
    uint64_t finished;  /* messages so far */
};

/* Empty, after message `last_id`, with `finished` messages so far. */
void sw_sendq_init(struct sw_sendq *queue, enum sw_retain mode, uint64_t last_id, uint64_t finished);
void sw_sendq_fini(struct sw_sendq *queue);

/* Takes the messages in: pages with whole messages, the ids following on. */
void sw_sendq_put(struct sw_sendq *queue, struct sw_pages *pages);

/* Fills iov with the next bytes to hand over, up to the end of message `fence` and at most `limit`; returns the
 * count.
 */
size_t sw_sendq_fill(const struct sw_sendq *queue, uint64_t fence, size_t limit, struct iovec *iov, size_t max);

/* The kernel took so many bytes. */
void sw_sendq_handed(struct sw_sendq *queue, size_t bytes);

/* The peer's TCP has this many of the bytes handed over on this connection: frees what it can. */
void sw_sendq_acked(struct sw_sendq *queue, uint64_t bytes);

/* The script needs no replay of messages up to `id`, which is at most `reached`. Those that wait to be sent again are
 * skipped; one that is half sent is sent to its end first. */
void sw_sendq_confirm(struct sw_sendq *queue, uint64_t id);

/* True in the middle of a message. */
static inline bool sw_sendq_is_mid_message(const struct sw_sendq *queue) {
    return queue->handed.byte != queue->handed.start;
}

/* Of all that was put, what counts against queue_limit no longer: bytes, and SW_MESSAGE_OVERHEAD for each message.
 * Never decreases. */
uint64_t sw_sendq_released(const struct sw_sendq *queue);

/* Copies every unfinished message, the first of which is kept.id + 1; pinned bytes under the guard. False: no memory,
 * or the pinned bytes are gone; *copy is empty. */
bool sw_sendq_copy(const struct sw_sendq *queue, const struct sw_pin_guard *guard, struct sw_pages *copy);

/* Moves out the pages of pinned bytes that are done with: their owner waits for them. */
struct sw_pages sw_sendq_take_completed(struct sw_sendq *queue);

/* What a connection's end means for its messages. */
struct sw_loss_summary {
    struct sw_loss unknown, unsent; /* given up, by fate */
    uint64_t not_handed;            /* of the unknown: this connection did not hand them over whole */
    uint64_t in_flight;             /* how many were handed over whole and not acknowledged */
};

/* The connection ended: gives up what the mode does not keep, goes back to the first byte of what the next connection
 * sends. What was accepted after `fence`, when the script had ended the connection, was never meant for it and is
 * kept in every mode. */
struct sw_loss_summary sw_sendq_rewind(struct sw_sendq *queue, uint64_t fence);

/* There will be no next connection: gives up everything but what the script has confirmed, which is finished. */
struct sw_loss_summary sw_sendq_abandon(struct sw_sendq *queue);

#endif
