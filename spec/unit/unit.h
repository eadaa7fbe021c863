/* A unit test program in one header: checks, and a main over a table of named tests.
 *
 *     static void adds(void) { CHECK_EQ(1 + 1, 2); }
 *     static const struct unit_test tests[] = {{"adds small numbers", adds}};
 *     UNIT_MAIN(tests)
 *
 * A failed check marks its test, of which only the first failure is printed, and lets it go on: a check's
 * value says whether it held, for tests that cannot.
 */
#ifndef SW_SPEC_UNIT_H
#define SW_SPEC_UNIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct unit_test {
    const char *name; /* the behaviour, with the tag of its row in the list of faults, like "[F45]" */
    void (*run)(void);
};

/* The test being run. */
static struct {
    const char *name;
    bool failed;
} unit_current;

static inline bool unit_check(bool held, const char *file, int line, const char *expr, const char *detail) {
    if (held) return true;
    if (!unit_current.failed) printf("FAILED %s %s:%d: %s%s\n", unit_current.name, file, line, expr, detail);
    unit_current.failed = true;
    return false;
}

static inline bool unit_equal_numbers(intmax_t got, intmax_t want, const char *file, int line, const char *expr) {
    char detail[80];
    snprintf(detail, sizeof detail, " (got %jd, want %jd)", got, want);
    return unit_check(got == want, file, line, expr, detail);
}

static inline bool unit_equal_reals(double got, double want, const char *file, int line, const char *expr) {
    char detail[80];
    snprintf(detail, sizeof detail, " (got %.17g, want %.17g)", got, want);
    return unit_check(got == want, file, line, expr, detail);
}

/* Shows a text in quotes on one line, odd bytes as escapes, cut to the buffer. */
static inline const char *unit_quote(const char *text, char *buf, size_t size) {
    if (text == NULL) return "NULL";
    size_t used = (size_t)snprintf(buf, size, "\"");
    for (; *text != '\0' && used + 6 < size; text++) {
        unsigned char c = (unsigned char)*text;
        used += (size_t)snprintf(buf + used, size - used, c < 0x20 || c >= 0x7f ? "\\x%02x" : "%c", c);
    }
    snprintf(buf + used, size - used, "\"");
    return buf;
}

static inline bool unit_equal_texts(const char *got, const char *want, const char *file, int line, const char *expr) {
    char got_shown[200], want_shown[200], detail[500];
    bool equal = got != NULL && want != NULL ? strcmp(got, want) == 0 : got == want;
    snprintf(detail, sizeof detail, " (got %s, want %s)", unit_quote(got, got_shown, sizeof got_shown),
             unit_quote(want, want_shown, sizeof want_shown));
    return unit_check(equal, file, line, expr, detail);
}

#define CHECK(cond) unit_check((cond), __FILE__, __LINE__, #cond, "")

/* Texts (either may be NULL), doubles or integers, by the type of `got`. */
#define CHECK_EQ(got, want) \
    _Generic((got),                      \
        char *: unit_equal_texts,        \
        const char *: unit_equal_texts,  \
        double: unit_equal_reals,        \
        default: unit_equal_numbers)((got), (want), __FILE__, __LINE__, #got " == " #want)

/* A seed for tests with random input, never 0, printed so that `SEED=n program` repeats the run. */
static inline uint64_t unit_seed(void) {
    const char *given = getenv("SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    if (seed == 0) seed = 1;
    printf("# SEED=%ju %s\n", (uintmax_t)seed, unit_current.name);
    return seed;
}

static inline int unit_run(const struct unit_test *tests, size_t count) {
    int passed = 0, failed = 0;
    for (size_t i = 0; i < count; i++) {
        unit_current.name = tests[i].name;
        unit_current.failed = false;
        tests[i].run();
        if (!unit_current.failed) printf("ok %s\n", tests[i].name);
        *(unit_current.failed ? &failed : &passed) += 1;
        fflush(stdout); /* what is known stays known when the next test crashes */
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#define UNIT_MAIN(tests) \
    int main(void) { return unit_run(tests, sizeof(tests) / sizeof(tests)[0]); }

#endif
