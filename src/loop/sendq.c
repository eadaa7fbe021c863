#include "loop/sendq.h"

void sw_sendq_init(struct sw_sendq *queue, enum sw_retain mode, uint64_t last_id, uint64_t finished) {
    memset(queue, 0, sizeof *queue);
    queue->mode = mode;
    queue->kept.id = queue->acked.id = queue->handed.id = queue->last_id = last_id;
    queue->base_id = queue->confirmed = queue->reached = last_id;
    queue->finished = finished;
}

void sw_sendq_fini(struct sw_sendq *queue) {
    sw_pages_free(&queue->pages);
    sw_pages_free(&queue->emptied);
    sw_pages_free(&queue->completed);
}

/* --- places --- */

/* How many messages of the page end at or before the offset. The first `from` are known to. A binary search. */
static uint32_t count_ends(const struct sw_page *page, uint32_t from, uint32_t offset) {
    uint32_t low = from, high = page->ends;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (sw_page_end_at(page, middle) <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Sets the place's index, and counts the messages that end between the old one and this. */
static void count_passed(struct sw_place *place, uint32_t index) {
    if (index == place->index) return;
    place->start = place->byte - place->offset + sw_page_end_at(place->page, index - 1);
    place->id += index - place->index;
    place->index = index;
}

static void move_in_page(struct sw_place *place, uint32_t offset) {
    place->byte += offset - place->offset;
    place->offset = offset;
    count_passed(place, count_ends(place->page, place->index, offset));
}

static void enter_page(struct sw_place *place, struct sw_page *page) {
    place->page = page;
    place->offset = place->index = 0;
}

/* Moves the place forward. With 0 bytes, only leaves the end of a page (see struct sw_place). */
static void advance(struct sw_place *place, uint64_t bytes) {
    while (place->page != NULL) {
        uint32_t left = place->page->used - place->offset;
        if (bytes < left || place->page->next == NULL) {
            assert(bytes <= left);
            move_in_page(place, place->offset + (uint32_t)bytes);
            return;
        }
        move_in_page(place, place->page->used);
        enter_page(place, place->page->next);
        bytes -= left;
    }
}

/* Moves the place forward to the end of message `id`, which must be in the queue. */
static void advance_to_id(struct sw_place *place, uint64_t id) {
    while (place->id < id) {
        assert(place->page != NULL);
        uint32_t ends = place->page->ends - place->index;
        if (id - place->id <= ends) {
            move_in_page(place, sw_page_end_at(place->page, place->index + (uint32_t)(id - place->id) - 1));
            break;
        }
        move_in_page(place, place->page->used);
        enter_page(place, place->page->next);
    }
    advance(place, 0);
}

/* --- the queue --- */

/* Puts a page that is not needed any more into `completed` or `emptied`, or frees it. */
static void drop_page(struct sw_sendq *queue, struct sw_page *page) {
    if (page->pin != 0) {
        sw_pages_add(&queue->completed, page);
        queue->pinned_pages--;
        return;
    }
    if (!sw_page_is_large(page)) {
        sw_page_free(page);
        return;
    }
    sw_page_clear(page);
    sw_pages_add(&queue->emptied, page);
}

struct sw_pages sw_sendq_take_completed(struct sw_sendq *queue) {
    struct sw_pages pinned = queue->completed;
    queue->completed = (struct sw_pages){NULL, NULL};
    return pinned;
}

static void drop_pages_before(struct sw_sendq *queue, const struct sw_page *page) {
    while (queue->pages.head != page) drop_page(queue, sw_pages_shift(&queue->pages));
}

/* Frees the pages before `kept`; if the queue is empty, all. */
static void free_pages(struct sw_sendq *queue) {
    if (queue->kept.byte != queue->end) {
        drop_pages_before(queue, queue->kept.page);
        return;
    }
    drop_pages_before(queue, NULL);
    enter_page(&queue->kept, NULL);
    enter_page(&queue->acked, NULL);
    enter_page(&queue->handed, NULL);
}

/* True if more than a quarter of the last page is free, and stays so until the script confirms. Then it is worth
 * moving messages there. A smaller free part is not: the limits allow for it. */
static bool stays_partly_empty(const struct sw_sendq *queue) {
    const struct sw_page *tail = queue->pages.tail;
    return queue->mode == SW_RETAIN_UNCONFIRMED && tail != NULL && sw_page_room(tail) > tail->size / 4;
}

void sw_sendq_put(struct sw_sendq *queue, struct sw_pages *pages) {
    for (const struct sw_page *page = pages->head; page != NULL; page = page->next) {
        queue->end += page->used;
        queue->last_id += page->ends;
        queue->pinned_pages += page->pin != 0;
    }
    /* If the host sends slowly, each message comes in a page of its own, and may stay here for long: puts several
     * into one page. */
    if (queue->pages.tail != NULL && pages->head != NULL && sw_page_absorb(queue->pages.tail, pages->head))
        drop_page(queue, sw_pages_shift(pages));
    if (stays_partly_empty(queue) && pages->head != NULL) sw_page_move_messages(queue->pages.tail, pages->head);
    sw_pages_join(&queue->pages, pages);
    if (queue->kept.page == NULL) { /* the queue was empty */
        enter_page(&queue->kept, queue->pages.head);
        enter_page(&queue->acked, queue->pages.head);
        enter_page(&queue->handed, queue->pages.head);
    }
    advance(&queue->kept, 0);
    advance(&queue->acked, 0);
    advance(&queue->handed, 0);
}

size_t sw_sendq_fill(const struct sw_sendq *queue, uint64_t fence, size_t limit, struct iovec *iov, size_t max) {
    uint64_t ended = queue->handed.id;
    uint32_t offset = queue->handed.offset, index = queue->handed.index;
    size_t count = 0, bytes = 0;
    for (struct sw_page *page = queue->handed.page; page != NULL && count < max && bytes < limit; page = page->next) {
        uint32_t stop = page->used;
        bool last = fence <= ended + (page->ends - index);
        if (last) stop = fence > ended ? sw_page_end_at(page, index + (uint32_t)(fence - ended) - 1) : offset;
        if (stop - offset > limit - bytes)
            stop = offset + (uint32_t)(limit - bytes); /* pinned bytes may exceed any limit */
        if (stop > offset) {
            iov[count++] = (struct iovec){(void *)(uintptr_t)(page->bytes + offset), stop - offset};
            bytes += stop - offset;
        }
        if (last) break;
        ended += page->ends - index;
        offset = index = 0;
    }
    return count;
}

/* Counts messages up to the place as finished, and frees their pages. */
static void finish_up_to(struct sw_sendq *queue, struct sw_place place) {
    queue->finished += place.id - queue->kept.id;
    queue->kept = place;
    free_pages(queue);
}

/* Counts messages up to `id` as finished, whether they were sent or not. */
static void skip_up_to(struct sw_sendq *queue, uint64_t id) {
    if (id <= queue->kept.id) return;
    struct sw_place place = queue->kept;
    advance_to_id(&place, id);
    if (queue->acked.byte < place.byte) queue->acked = place;
    if (queue->handed.byte < place.byte) {
        queue->connection_start += place.byte - queue->handed.byte;
        queue->handed = place;
    }
    finish_up_to(queue, place);
}

/* Skips the confirmed messages. If one of them is partly sent, skips only those before it. */
static void skip_confirmed(struct sw_sendq *queue) {
    bool wait = sw_sendq_is_mid_message(queue) && queue->confirmed > queue->handed.id;
    skip_up_to(queue, wait ? queue->handed.id : queue->confirmed);
}

void sw_sendq_confirm(struct sw_sendq *queue, uint64_t id) {
    assert(id <= queue->reached);
    if (id <= queue->confirmed) return;
    queue->confirmed = id;
    skip_confirmed(queue);
}

void sw_sendq_handed(struct sw_sendq *queue, size_t bytes) {
    advance(&queue->handed, bytes);
    if (queue->reached < queue->handed.id) queue->reached = queue->handed.id;
    skip_confirmed(queue);
}

void sw_sendq_acked(struct sw_sendq *queue, uint64_t bytes) {
    uint64_t acked = queue->connection_start + bytes;
    if (acked > queue->handed.byte) acked = queue->handed.byte;
    if (acked <= queue->acked.byte) return;
    struct sw_place there = queue->acked;
    advance(&there, acked - there.byte);
    if (there.id == queue->acked.id) return;
    advance_to_id(&queue->acked, there.id);
    if (queue->mode != SW_RETAIN_UNCONFIRMED) finish_up_to(queue, queue->acked);
}

/* Messages before this place do not count against queue_limit any more. */
static const struct sw_place *release_place(const struct sw_sendq *queue) {
    switch (queue->mode) {
    case SW_RETAIN_NONE:
    case SW_RETAIN_UNSENT: return &queue->handed;
    case SW_RETAIN_UNACKED: return &queue->acked;
    case SW_RETAIN_UNCONFIRMED: break;
    }
    return &queue->kept;
}

uint64_t sw_sendq_released(const struct sw_sendq *queue) {
    const struct sw_place *place = release_place(queue);
    return place->start + (place->id - queue->base_id) * SW_MESSAGE_OVERHEAD;
}

bool sw_sendq_copy(const struct sw_sendq *queue, const struct sw_pin_guard *guard, struct sw_pages *copy) {
    return sw_pages_copy(queue->kept.page, queue->kept.offset, queue->kept.index, guard, copy);
}

/* --- the end of a connection --- */

/* True if a message with SW_END_UNFRAMED is handed over in part. */
static bool is_mid_unframed(const struct sw_sendq *queue) {
    if (!sw_sendq_is_mid_message(queue)) return false;
    const struct sw_page *page = queue->handed.page;
    uint32_t index = queue->handed.index;
    assert(page != NULL);         /* it has the rest of the message */
    while (index == page->ends) { /* the message ends in a later page */
        page = page->next;
        index = 0;
    }
    return sw_page_is_unframed_at(page, index);
}

/* The ids from `first` to `last`, if there are any. */
static struct sw_loss range(uint64_t first, uint64_t last) {
    return first <= last ? (struct sw_loss){first, last} : (struct sw_loss){0, 0};
}

/* Gives up all messages before `keep`. Those that a kernel was given as a whole may have been received; so may an
 * unframed one that it was given in part (mid_unframed). */
static struct sw_loss_summary give_up_before(struct sw_sendq *queue, uint64_t keep, bool mid_unframed) {
    if (mid_unframed && queue->reached == queue->handed.id) queue->reached++;
    uint64_t last = keep - 1, last_unknown = last < queue->reached ? last : queue->reached;
    struct sw_loss_summary losses = {
        .unknown = range(queue->kept.id + 1, last_unknown),
        .unsent = range(queue->reached + 1, last),
        .not_handed = last_unknown > queue->handed.id ? last_unknown - queue->handed.id : 0,
        .in_flight = queue->handed.id - queue->acked.id,
    };
    if (last > queue->kept.id) advance_to_id(&queue->kept, last);
    if (queue->reached < queue->kept.id) queue->reached = queue->kept.id;
    free_pages(queue);
    queue->acked = queue->handed = queue->kept;
    queue->connection_start = queue->handed.byte;
    return losses;
}

struct sw_loss_summary sw_sendq_rewind(struct sw_sendq *queue, uint64_t fence) {
    bool mid_unframed = is_mid_unframed(queue);
    uint64_t keep = sw_first_to_keep(queue->mode, queue->handed.id, queue->acked.id, queue->kept.id);
    if (queue->mode == SW_RETAIN_UNSENT && mid_unframed) keep++;
    uint64_t last = fence < queue->last_id ? fence : queue->last_id;
    if (keep > last + 1) keep = last + 1;
    struct sw_loss_summary losses = give_up_before(queue, keep, mid_unframed);
    skip_confirmed(queue); /* now no message is partly sent */
    return losses;
}

struct sw_loss_summary sw_sendq_abandon(struct sw_sendq *queue) {
    skip_up_to(queue, queue->confirmed); /* also one that is partly sent: its rest is not sent any more */
    return give_up_before(queue, queue->last_id + 1, is_mid_unframed(queue));
}
