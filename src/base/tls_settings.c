#include "base/tls_settings.h"

#include <stdlib.h>
#include <string.h>

struct sw_tls_values sw_tls_defaults(void) {
    return (struct sw_tls_values){.verify = true, .min_version = SW_TLS_1_2};
}

bool sw_tls_is_pem(struct sw_slice text) {
    static const char begin[] = "-----BEGIN ";
    const size_t size = sizeof begin - 1;
    const char *bytes = text.data;
    for (size_t at = 0; at + size <= text.size; at++)
        if (memcmp(bytes + at, begin, size) == 0) return true;
    return false;
}

/* --- pins --- */

/* The value of a digit of base64 (RFC 4648, 4), or -1. */
static int digit(char c) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *found = c != '\0' ? strchr(digits, c) : NULL;
    return found != NULL ? (int)(found - digits) : -1;
}

bool sw_tls_read_pin(struct sw_slice text, unsigned char digest[SW_TLS_PIN_SIZE]) {
    static const char scheme[] = "sha256//";
    enum { DIGITS = 43, PADDED = 44 }; /* of 32 bytes: four digits for three bytes */
    const size_t lead = sizeof scheme - 1;
    const char *bytes = text.data;
    if (text.size != lead + PADDED || memcmp(bytes, scheme, lead) != 0 || bytes[text.size - 1] != '=') return false;
    unsigned bits = 0, count = 0;
    size_t out = 0;
    for (size_t i = 0; i < DIGITS; i++) {
        int value = digit(bytes[lead + i]);
        if (value < 0) return false;
        bits = bits << 6 | (unsigned)value;
        count += 6;
        if (count < 8) continue;
        count -= 8;
        digest[out++] = (unsigned char)(bits >> count);
        bits &= (1u << count) - 1;
    }
    return out == SW_TLS_PIN_SIZE && bits == 0;
}

/* --- sharing --- */

static bool same_text(struct sw_slice a, struct sw_slice b) {
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static bool are_equal(const struct sw_tls_values *a, const struct sw_tls_values *b) {
#define AND_SAME(name) &&same_text(a->name, b->name)
    return a->verify == b->verify && a->min_version == b->min_version && a->pin_count == b->pin_count &&
           memcmp(a->pins, b->pins, a->pin_count * sizeof a->pins[0]) == 0 SW_TLS_TEXTS(AND_SAME);
#undef AND_SAME
}

static size_t texts_size(const struct sw_tls_values *values) {
    size_t size = 0;
#define ADD_SIZE(name) size += values->name.size + 1;
    SW_TLS_TEXTS(ADD_SIZE)
#undef ADD_SIZE
    return size;
}

/* Copies the text, with a zero behind it, and moves *room behind that. */
static void keep_text(char **room, struct sw_slice *text) {
    if (text->size > 0) memcpy(*room, text->data, text->size);
    (*room)[text->size] = '\0';
    text->data = *room;
    *room += text->size + 1;
}

struct sw_tls_settings *sw_tls_share(struct sw_tls_settings **last, const struct sw_tls_values *wanted) {
    if (*last != NULL && are_equal(&(*last)->values, wanted)) return sw_tls_ref(*last);
    struct sw_tls_settings *settings = calloc(1, sizeof *settings + texts_size(wanted));
    if (settings == NULL) return NULL;
    atomic_init(&settings->refs, 1);
    settings->values = *wanted;
    char *room = settings->texts;
#define KEEP(name) keep_text(&room, &settings->values.name);
    SW_TLS_TEXTS(KEEP)
#undef KEEP
    sw_tls_unref(*last);
    *last = sw_tls_ref(settings);
    return settings;
}

struct sw_tls_settings *sw_tls_ref(struct sw_tls_settings *settings) {
    if (settings != NULL) atomic_fetch_add_explicit(&settings->refs, 1, memory_order_relaxed);
    return settings;
}

/* Overwrites memory that is freed next. A compiler may leave out a memset of such memory. */
static void forget(void *memory, size_t size) {
    volatile unsigned char *byte = memory;
    for (size_t i = 0; i < size; i++) byte[i] = 0;
}

void sw_tls_unref(struct sw_tls_settings *settings) {
    if (settings == NULL || atomic_fetch_sub_explicit(&settings->refs, 1, memory_order_acq_rel) > 1) return;
    if (settings->built != NULL) settings->free_built(settings->built);
    forget(settings->texts, texts_size(&settings->values));
    free(settings);
}
