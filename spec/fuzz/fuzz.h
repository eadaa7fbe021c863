/* What the fuzz targets share. A target is one file, fuzz_NAME.c: it makes of an input's bytes what it wants to try,
 * and aborts when something does not hold. libFuzzer invents inputs (`make fuzz`); replay.c gives every build of
 * `make test` those that are kept in spec/fuzz/corpus/NAME.
 *
 * What a long run has found is kept by
 *     build/fuzz/fuzz_NAME -merge=1 -use_counters=0 -max_len=100 spec/fuzz/corpus/NAME build/fuzz/grown/NAME
 * which adds the inputs that reach what none did; those with a name were written by hand.
 */
#ifndef SW_SPEC_FUZZ_H
#define SW_SPEC_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* What a target shows, with the tags of its rows in the list of faults. */
extern const char *const fuzz_claim;

/* libFuzzer's entry, by its name and signature; returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Not assert, which release builds leave out. */
#define MUST(cond) fuzz_must((cond), __FILE__, __LINE__, #cond)

static inline void fuzz_must(bool held, const char *file, int line, const char *expr) {
    if (held) return;
    fprintf(stderr, "wrong: %s:%d: %s\n", file, line, expr);
    abort();
}

/* The bytes of an input that are still to be used; behind its end there are zeros. */
struct fuzz_input {
    const uint8_t *bytes;
    size_t size;
};

static inline unsigned fuzz_byte(struct fuzz_input *input) {
    if (input->size == 0) return 0;
    input->size--;
    return *input->bytes++;
}

/* A size: mostly a byte's worth, now and then any of 32 bits. */
static inline uint32_t fuzz_size(struct fuzz_input *input) {
    uint32_t size = fuzz_byte(input);
    if (size < 250) return size;
    for (int i = 0; i < 4; i++) size = size << 8 | fuzz_byte(input);
    return size;
}

#endif
