/* Any sequence of steps of the send queue, next to a list of messages that counts again each time: ids, bytes, their
 * order, and the fate of every message when a connection ends.
 *
 * The input: the retain mode, the newest id, and then a step, what it needs, the next step, and so on.
 */
#include <string.h>

#include "fuzz.h"
#include "loop/sendq.h"

const char *const fuzz_claim = "the send queue accounts for every message as a plain list does, in any order of steps";

enum { MESSAGES = 500 };

/* The messages by id, and how far the current connection has come. */
static struct {
    enum sw_retain mode;
    size_t size[MESSAGES + 1];
    bool loose[MESSAGES + 1];
    bool skipped[MESSAGES + 2]; /* confirmed before the connection's turn to send it */
    uint64_t first_id, last_id;
    uint64_t begin;         /* first message of the connection */
    uint64_t handed, acked; /* its bytes that the kernel, and the peer's TCP, have */
    uint64_t reached;       /* newest message that any connection was given, or that was given up */
    uint64_t confirmed;     /* newest that the script confirmed ... */
    uint64_t carried_out;   /* ... and newest before which nothing is kept for that */
    uint64_t lost;
} list;

static unsigned char byte_of(uint64_t id, size_t at) { return (unsigned char)(id * 31 + at * 7); }

static size_t size_here(uint64_t id) { return list.skipped[id] ? 0 : list.size[id]; }

/* The connection's bytes in front of a message. */
static uint64_t bytes_before(uint64_t id) {
    uint64_t bytes = 0;
    for (uint64_t i = list.begin; i < id; i++) bytes += size_here(i);
    return bytes;
}

/* Those of all messages up to one. */
static uint64_t bytes_up_to(uint64_t id) {
    uint64_t bytes = 0;
    for (uint64_t i = list.first_id; i <= id; i++) bytes += list.size[i];
    return bytes;
}

/* The last message that ends within so many bytes of the connection. */
static uint64_t whole_within(uint64_t bytes) {
    uint64_t id = list.begin;
    while (id <= list.last_id && bytes >= size_here(id)) bytes -= size_here(id++);
    return id - 1;
}

static uint64_t least(uint64_t a, uint64_t b) { return a < b ? a : b; }
static uint64_t most(uint64_t a, uint64_t b) { return a > b ? a : b; }
static uint64_t handed_id(void) { return whole_within(list.handed); }
static uint64_t acked_id(void) { return most(whole_within(list.acked), list.carried_out); }
static uint64_t kept_id(void) { return list.mode == SW_RETAIN_UNCONFIRMED ? list.carried_out : acked_id(); }
static bool is_cut(void) { return list.handed > bytes_before(handed_id() + 1); }
static bool is_mid_unframed(void) { return is_cut() && list.loose[handed_id() + 1]; }

/* Of the messages that were not begun, or all: where the script may have ended the connection. */
static uint64_t draw_fence(struct fuzz_input *input) {
    unsigned byte = fuzz_byte(input);
    return byte % 2 == 0 ? UINT64_MAX : handed_id() + is_cut() + byte / 2;
}

/* --- steps --- */

static struct sw_page *add_page(struct sw_pages *chain, size_t bytes) {
    struct sw_page *page = sw_page_new(bytes);
    MUST(page != NULL);
    sw_pages_add(chain, page);
    return page;
}

/* One message: a new page in front of its byte `turn`, and wherever the last is full. */
static void add_message(struct sw_pages *chain, size_t size, size_t turn, bool loose) {
    uint64_t id = ++list.last_id;
    list.size[id] = size;
    list.loose[id] = loose;
    for (size_t at = 0; at < size; at++) {
        unsigned char byte = byte_of(id, at);
        if (chain->tail == NULL || at == turn || sw_page_room(chain->tail) == 0)
            add_page(chain, turn % 4 == 0 ? SW_PAGE_ROOM : size);
        sw_page_put(chain->tail, &byte, 1);
    }
    if (turn == size || !sw_page_can_end(chain->tail)) add_page(chain, 0); /* its end stands alone */
    sw_page_end_message(chain->tail, loose ? SW_END_UNFRAMED : 0);
}

static void put(struct sw_sendq *queue, struct fuzz_input *input) {
    struct sw_pages chain = {NULL, NULL};
    for (unsigned count = fuzz_byte(input) % 8; count > 0 && list.last_id < MESSAGES; count--) {
        unsigned size = 1 + fuzz_byte(input), turn = fuzz_byte(input);
        add_message(&chain, size, turn, size % 3 == 0);
    }
    sw_sendq_put(queue, &chain);
    MUST(chain.head == NULL);
}

/* Compares with the connection's bytes from list.handed on; returns how many there are. */
static size_t check_bytes(const struct iovec *iov, size_t count) {
    uint64_t id = handed_id() + 1;
    size_t at = (size_t)(list.handed - bytes_before(id)), bytes = 0;
    for (size_t i = 0; i < count; i++) {
        const unsigned char *part = iov[i].iov_base;
        for (size_t k = 0; k < iov[i].iov_len; k++, bytes++) {
            MUST(id <= list.last_id && part[k] == byte_of(id, at));
            if (++at < list.size[id]) continue;
            at = 0;
            while (list.skipped[++id]) continue;
        }
    }
    return bytes;
}

/* What is half sent goes on to its end first; what is to be sent again is not. */
static void skip_confirmed(void) {
    uint64_t handed = handed_id(), until = is_cut() ? least(list.confirmed, handed) : list.confirmed;
    for (uint64_t id = handed + 1; id <= until; id++) list.skipped[id] = true;
    list.carried_out = most(list.carried_out, until);
}

static void hand(struct sw_sendq *queue, struct fuzz_input *input) {
    struct iovec iov[8];
    uint64_t fence = draw_fence(input);
    size_t max = 1 + fuzz_byte(input) % 8, limit = 1 + 4 * fuzz_byte(input);
    size_t count = sw_sendq_fill(queue, fence, limit, iov, max), bytes = check_bytes(iov, count);
    uint64_t left = bytes_before(least(fence, list.last_id) + 1) - list.handed;
    MUST(count <= max && bytes <= left);
    MUST(bytes == left || count == max || bytes == limit);
    size_t taken = (size_t)least(bytes, 4 * fuzz_byte(input));
    sw_sendq_handed(queue, taken);
    list.handed += taken;
    list.reached = most(list.reached, handed_id());
    skip_confirmed();
}

/* Also less than before, and more than was handed over. */
static void ack(struct sw_sendq *queue, struct fuzz_input *input) {
    uint64_t bytes = list.handed - least(list.handed, fuzz_size(input)) + fuzz_byte(input) % 2;
    sw_sendq_acked(queue, bytes);
    list.acked = most(list.acked, least(bytes, list.handed));
}

/* Also what was confirmed before. */
static void confirm(struct sw_sendq *queue, struct fuzz_input *input) {
    uint64_t id = list.reached - least(list.reached, fuzz_byte(input) % 16);
    if (list.mode != SW_RETAIN_UNCONFIRMED) return;
    sw_sendq_confirm(queue, id);
    list.confirmed = most(list.confirmed, id);
    skip_confirmed();
}

static void check_loss(struct sw_loss loss, uint64_t first, uint64_t last) {
    MUST(first <= last ? loss.first == first && loss.last == last : loss.first == 0 && loss.last == 0);
}

/* The connection has ended, and what stands before `keep` was given up. */
static void check_end(const struct sw_loss_summary *losses, uint64_t keep) {
    uint64_t last = keep - 1, kept = kept_id();
    if (is_mid_unframed()) list.reached = most(list.reached, handed_id() + 1);
    check_loss(losses->unknown, kept + 1, least(last, list.reached));
    check_loss(losses->unsent, list.reached + 1, last);
    MUST(losses->not_handed == most(least(last, list.reached), handed_id()) - handed_id());
    MUST(losses->in_flight == handed_id() - acked_id());
    list.lost += most(last, kept) - kept;
    list.reached = most(list.reached, last);
    memset(list.skipped, 0, sizeof list.skipped);
    list.begin = keep;
    list.handed = list.acked = 0;
    list.carried_out = last;
    skip_confirmed();
}

static uint64_t first_to_keep(void) {
    switch (list.mode) {
    case SW_RETAIN_NONE: return list.last_id + 1;
    case SW_RETAIN_UNSENT: return handed_id() + is_mid_unframed() + 1;
    case SW_RETAIN_UNACKED: return acked_id() + 1;
    case SW_RETAIN_UNCONFIRMED: break;
    }
    return kept_id() + 1;
}

static void rewind_queue(struct sw_sendq *queue, struct fuzz_input *input) {
    uint64_t fence = draw_fence(input);
    uint64_t keep = least(first_to_keep(), least(fence, list.last_id) + 1);
    struct sw_loss_summary losses = sw_sendq_rewind(queue, fence);
    check_end(&losses, keep);
}

/* There is no next connection: what is half sent and confirmed is finished without its end. */
static void forget_half(void) {
    if (!is_cut() || list.confirmed <= handed_id()) return;
    list.handed = bytes_before(handed_id() + 1);
    list.acked = least(list.acked, list.handed);
    skip_confirmed();
}

static void abandon(struct sw_sendq *queue) {
    struct sw_loss_summary losses = sw_sendq_abandon(queue);
    forget_half();
    check_end(&losses, list.last_id + 1);
}

static void free_emptied(struct sw_sendq *queue) { sw_pages_free(&queue->emptied); }

/* Compares a part of message `id`, from *at on. */
static void check_part(uint64_t id, size_t *at, const unsigned char *bytes, size_t size) {
    MUST(size == 0 || (id <= list.last_id && *at + size <= list.size[id]));
    for (size_t k = 0; k < size; k++) MUST(bytes[k] == byte_of(id, *at + k));
    *at += size;
}

/* Everything that is unfinished, message by message. */
static void copy(const struct sw_sendq *queue) {
    struct sw_pages pages;
    uint64_t id = kept_id() + 1;
    size_t at = 0;
    MUST(sw_sendq_copy(queue, NULL, &pages));
    for (const struct sw_page *page = pages.head; page != NULL; page = page->next) {
        uint32_t done = 0;
        for (uint32_t i = 0; i < page->ends; i++, id++, at = 0) {
            uint32_t end = sw_page_end_at(page, i);
            MUST(end >= done && end <= page->used);
            check_part(id, &at, page->data + done, end - done);
            MUST(at == list.size[id] && sw_page_is_unframed_at(page, i) == list.loose[id]);
            done = end;
        }
        check_part(id, &at, page->data + done, page->used - done);
    }
    MUST(id == list.last_id + 1 && at == 0);
    sw_pages_free(&pages);
}

static void step(struct sw_sendq *queue, struct fuzz_input *input) {
    switch (fuzz_byte(input) % 8) {
    case 0: put(queue, input); break;
    case 1: hand(queue, input); break;
    case 2: ack(queue, input); break;
    case 3: rewind_queue(queue, input); break;
    case 4: abandon(queue); break;
    case 5: free_emptied(queue); break;
    case 6: confirm(queue, input); break;
    case 7: copy(queue); break;
    }
}

static uint64_t released_id(void) {
    switch (list.mode) {
    case SW_RETAIN_NONE:
    case SW_RETAIN_UNSENT: return handed_id();
    case SW_RETAIN_UNACKED: return acked_id();
    case SW_RETAIN_UNCONFIRMED: break;
    }
    return kept_id();
}

static void compare(const struct sw_sendq *queue) {
    MUST(queue->last_id == list.last_id && queue->reached == list.reached);
    MUST(queue->handed.id == handed_id() && queue->acked.id == acked_id() && queue->kept.id == kept_id());
    MUST(queue->finished == kept_id() + 1 - list.first_id - list.lost);
    MUST(queue->handed.byte - queue->connection_start == list.handed && sw_sendq_is_mid_message(queue) == is_cut());
    MUST(sw_sendq_released(queue) ==
         bytes_up_to(released_id()) + (released_id() + 1 - list.first_id) * SW_MESSAGE_OVERHEAD);
    MUST((queue->pages.head == NULL) == (kept_id() == list.last_id));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct fuzz_input input = {bytes, size};
    struct sw_sendq queue;
    memset(&list, 0, sizeof list);
    list.mode = (enum sw_retain)(fuzz_byte(&input) % (SW_RETAIN_UNCONFIRMED + 1));
    uint64_t before = fuzz_byte(&input) % 8; /* after so many earlier messages */
    list.first_id = list.begin = before + 1;
    list.last_id = list.reached = list.confirmed = list.carried_out = before;
    sw_sendq_init(&queue, list.mode, before, 0);
    while (input.size > 0) {
        step(&queue, &input);
        compare(&queue);
    }
    sw_sendq_fini(&queue);
    return 0;
}
