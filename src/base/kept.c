#include "base/kept.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

struct note {
    void *block;
    struct note *next;
};

void sw_keep(void *block) {
    static _Atomic(struct note *) notes;
    struct note *note = block != NULL ? malloc(sizeof *note) : NULL;
    if (note == NULL) return;
    *note = (struct note){block, atomic_load(&notes)};
    while (!atomic_compare_exchange_weak(&notes, &note->next, note)) continue;
}
