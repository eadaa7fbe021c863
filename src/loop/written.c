#include "loop/written.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

void sw_written_init(struct sw_written *list) {
    list->list = &list->embedded;
    list->count = 0;
    list->capacity = 1;
    list->acked_written = list->acked_carried = 0;
}

void sw_written_fini(struct sw_written *list) {
    if (list->list != &list->embedded) free(list->list);
    sw_written_init(list);
}

/* True if the sum of two entries says as much as both of them: each byte carries a byte, or none carries any. */
static bool can_merge(const struct sw_run *a, const struct sw_run *b) {
    bool as_they_are = a->written == a->carried && b->written == b->carried;
    return as_they_are || (a->carried == 0 && b->carried == 0);
}

static bool make_room(struct sw_written *list) {
    if (list->count < list->capacity) return true;
    unsigned capacity = list->capacity * 2;
    struct sw_run *block = malloc(capacity * sizeof *block);
    if (block == NULL) return false;
    memcpy(block, list->list, list->count * sizeof *block);
    if (list->list != &list->embedded) free(list->list);
    list->list = block;
    list->capacity = capacity;
    return true;
}

void sw_written_add(struct sw_written *list, uint64_t written, uint64_t carried) {
    const struct sw_run next = {written, carried};
    if (list->count > 0) {
        struct sw_run *last = &list->list[list->count - 1];
        /* Without memory, the last two become one entry that counts only as a whole: later than it could, never too
         * early. */
        if (can_merge(last, &next) || !make_room(list)) {
            last->written += written;
            last->carried += carried;
            return;
        }
    }
    list->list[list->count++] = next;
}

uint64_t sw_written_acked(struct sw_written *list, uint64_t written) {
    unsigned whole = 0;
    if (written < list->acked_written) return list->acked_carried; /* the kernel could not tell: see sw_socket_acked */
    for (; whole < list->count; whole++) {
        const struct sw_run *run = &list->list[whole];
        if (written - list->acked_written < run->written) break;
        list->acked_written += run->written;
        list->acked_carried += run->carried;
    }
    list->count -= whole;
    memmove(list->list, list->list + whole, list->count * sizeof *list->list);
    if (list->count == 0 || list->list->written != list->list->carried) return list->acked_carried;
    return list->acked_carried + (written - list->acked_written);
}
