#include "codec/resp_item.h"

#include <string.h>

enum { FORMAT_SIZE = 4 }; /* of a verbatim string: three bytes and a colon */

static bool refuse(struct sw_resp_fault *fault, size_t at, const char *expected) {
    *fault = (struct sw_resp_fault){at, expected, 0};
    return false;
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static size_t skip_digits(const char *line, size_t length, size_t at) {
    while (at < length && is_digit(line[at])) at++;
    return at;
}

static size_t skip_sign(const char *line, size_t length, size_t at) {
    return at < length && (line[at] == '-' || line[at] == '+') ? at + 1 : at;
}

/* Finds the line that the bytes begin with. *length is without its end, "\r\n". */
static bool find_line(const char *bytes, size_t size, size_t *length, struct sw_resp_fault *fault) {
    const char *end = memchr(bytes, '\r', size);
    *length = end != NULL ? (size_t)(end - bytes) : size;
    if (end == NULL) return refuse(fault, size, "\\r\\n");
    if (*length + 1 == size || end[1] != '\n') return refuse(fault, *length + 1, "\\n after \\r");
    return true;
}

/* --- the lines of the types; line[0] is the type, and `length` does not count the end --- */

/* Reads digits with a sign or without, up to the end of the line. */
static bool read_integer(const char *line, size_t length, int64_t *integer, struct sw_resp_fault *fault) {
    bool is_negative = length > 1 && line[1] == '-';
    const uint64_t most = (uint64_t)INT64_MAX + is_negative;
    size_t first = skip_sign(line, length, 1);
    uint64_t value = 0;
    for (size_t i = first; i < length; i++) {
        if (!is_digit(line[i])) return refuse(fault, i, "a digit");
        unsigned digit = (unsigned)(line[i] - '0');
        if (value > (most - digit) / 10) return refuse(fault, 1, "a number of 64 bits");
        value = 10 * value + digit;
    }
    if (first == length) return refuse(fault, first, "a digit");
    *integer = (int64_t)(is_negative ? -value : value);
    return true;
}

/* Reads a length; -1 only where null is possible. */
static bool read_length(const char *line, size_t length, bool may_be_null, int64_t *value,
                        struct sw_resp_fault *fault) {
    if (!read_integer(line, length, value, fault)) return false;
    if (line[1] == '+') return refuse(fault, 1, "a digit");
    if (*value < (may_be_null ? -1 : 0)) return refuse(fault, 1, may_be_null ? "a length, or -1" : "a length");
    return true;
}

static bool check_big(const char *line, size_t length, struct sw_resp_fault *fault) {
    size_t first = skip_sign(line, length, 1), end = skip_digits(line, length, first);
    return (end > first && end == length) || refuse(fault, end, "a digit");
}

static bool is_word(const char *line, size_t length, size_t at, const char *word) {
    return length - at == strlen(word) && memcmp(line + at, word, length - at) == 0;
}

/* inf, nan, or digits, fraction and exponent. */
static bool check_double(const char *line, size_t length, struct sw_resp_fault *fault) {
    size_t first = skip_sign(line, length, 1);
    if (is_word(line, length, first, "inf") || is_word(line, length, first, "nan")) return true;
    size_t end = skip_digits(line, length, first);
    if (end == first) return refuse(fault, first, "a digit, inf or nan");
    if (end < length && line[end] == '.') end = skip_digits(line, length, end + 1);
    if (end < length && (line[end] == 'e' || line[end] == 'E')) {
        size_t exponent = skip_sign(line, length, end + 1);
        end = skip_digits(line, length, exponent);
        if (end == exponent) return refuse(fault, end, "a digit");
    }
    return end == length || refuse(fault, end, "a digit or \\r\\n");
}

static bool read_boolean(const char *line, size_t length, int64_t *value, struct sw_resp_fault *fault) {
    *value = length > 1 && line[1] == 't';
    if (length == 2 && (*value || line[1] == 'f')) return true;
    return refuse(fault, length > 1 && (*value || line[1] == 'f') ? 2 : 1, "t or f, and \\r\\n");
}

static bool check_simple(const char *line, size_t length, struct sw_resp_fault *fault) {
    const char *newline = memchr(line, '\n', length);
    return newline == NULL || refuse(fault, (size_t)(newline - line), "a text without \\n, and \\r\\n");
}

/* --- what follows the line --- */

/* Reads so many bytes at `at`, and "\r\n". Returns the place behind them, or 0. */
static size_t read_bytes(const char *bytes, size_t size, size_t at, uint64_t length, struct sw_slice *text,
                         struct sw_resp_fault *fault) {
    size_t rest = size - at;
    if (length > rest) {
        *fault = (struct sw_resp_fault){at, "bytes of a string", length};
        return 0;
    }
    *text = (struct sw_slice){bytes + at, (size_t)length};
    at += (size_t)length;
    for (int i = 0; i < 2; i++, at++)
        if (at == size || bytes[at] != "\r\n"[i]) return refuse(fault, at, i == 0 ? "\\r\\n" : "\\n after \\r");
    return at;
}

static size_t read_string(const char *bytes, size_t size, size_t length, struct sw_resp_item *item,
                          struct sw_resp_fault *fault) {
    int64_t value;
    if (!read_length(bytes, length, item->type == SW_RESP_BULK, &value, fault)) return 0;
    if (value < 0) {
        item->type = SW_RESP_NULL;
        return length + 2;
    }
    return read_bytes(bytes, size, length + 2, (uint64_t)value, &item->text, fault);
}

static size_t read_verbatim(const char *bytes, size_t size, size_t length, struct sw_resp_item *item,
                            struct sw_resp_fault *fault) {
    size_t end = read_string(bytes, size, length, item, fault);
    if (end == 0) return 0;
    const char *text = item->text.data;
    if (item->text.size < FORMAT_SIZE || text[FORMAT_SIZE - 1] != ':')
        return refuse(fault, length + 2, "a format of three bytes and a colon");
    item->text = (struct sw_slice){text + FORMAT_SIZE, item->text.size - FORMAT_SIZE};
    return end;
}

static size_t read_aggregate(const char *bytes, size_t size, size_t length, struct sw_resp_item *item,
                             struct sw_resp_fault *fault) {
    int64_t value;
    if (!read_length(bytes, length, item->type == SW_RESP_ARRAY, &value, fault)) return 0;
    size_t end = length + 2;
    if (value < 0) {
        item->type = SW_RESP_NULL;
        return end;
    }
    bool has_keys = item->type == SW_RESP_MAP || item->type == SW_RESP_ATTRIBUTE;
    item->count = value > INT64_MAX / 2 ? INT64_MAX : (uint64_t)value << has_keys;
    if (item->count <= (size - end) / SW_RESP_ITEM_MIN) return end;
    *fault = (struct sw_resp_fault){end, "value(s)", item->count};
    return 0;
}

/* --- an item --- */

static const char types[] = "+-:$*_#,(!=%|~>";

/* Reads the item whose type is set, and whose line has this length. */
static size_t read_item(const char *bytes, size_t size, size_t length, struct sw_resp_item *item,
                        struct sw_resp_fault *fault) {
    bool is_right = true;
    item->text = (struct sw_slice){bytes + 1, length - 1};
    switch (item->type) {
    case SW_RESP_BULK:
    case SW_RESP_BULK_ERROR: return read_string(bytes, size, length, item, fault);
    case SW_RESP_VERBATIM: return read_verbatim(bytes, size, length, item, fault);
    case SW_RESP_ARRAY:
    case SW_RESP_MAP:
    case SW_RESP_ATTRIBUTE:
    case SW_RESP_SET:
    case SW_RESP_PUSH: return read_aggregate(bytes, size, length, item, fault);
    case SW_RESP_SIMPLE:
    case SW_RESP_ERROR: is_right = check_simple(bytes, length, fault); break;
    case SW_RESP_INTEGER: is_right = read_integer(bytes, length, &item->integer, fault); break;
    case SW_RESP_BOOLEAN: is_right = read_boolean(bytes, length, &item->integer, fault); break;
    case SW_RESP_DOUBLE: is_right = check_double(bytes, length, fault); break;
    case SW_RESP_BIG: is_right = check_big(bytes, length, fault); break;
    case SW_RESP_NULL: is_right = length == 1 || refuse(fault, 1, "\\r\\n"); break;
    }
    return is_right ? length + 2 : 0;
}

size_t sw_resp_read(const char *bytes, size_t size, struct sw_resp_item *item, struct sw_resp_fault *fault) {
    size_t length;
    if (size == 0 || memchr(types, bytes[0], sizeof types - 1) == NULL)
        return refuse(fault, 0, "a value, which begins with one of + - : $ * _ # , ( ! = % | ~ >");
    if (!find_line(bytes, size, &length, fault)) return 0;
    *item = (struct sw_resp_item){.type = (enum sw_resp_type)bytes[0]};
    return read_item(bytes, size, length, item, fault);
}
