/* Writes whole numbers in decimal. snprintf takes several times as long, and the "%I" of lua_pushfstring is missing in Lua
 * 5.1 and 5.2. */
#ifndef SW_BASE_DECIMAL_H
#define SW_BASE_DECIMAL_H

#include <stdint.h>

#include "base/slice.h"

enum { SW_DECIMAL_SIZE = 21 }; /* bytes of the longest one, -9223372036854775808, with its zero byte */

/* Writes the integer at the end of the buffer, with a zero byte behind it. Returns the digits, with a minus if the integer
 * is negative. */
static inline struct sw_slice sw_decimal(int64_t integer, char buffer[SW_DECIMAL_SIZE]) {
    char *end = buffer + SW_DECIMAL_SIZE - 1, *first = end;
    uint64_t rest = integer < 0 ? -(uint64_t)integer : (uint64_t)integer;
    *end = '\0';
    do *--first = (char)('0' + rest % 10);
    while ((rest /= 10) != 0);
    if (integer < 0) *--first = '-';
    return (struct sw_slice){first, (size_t)(end - first)};
}

/* The integer as a C string, which is valid until the end of the block. */
#define SW_DECIMAL(integer) ((const char *)sw_decimal((int64_t)(integer), (char[SW_DECIMAL_SIZE]){0}).data)

#endif
