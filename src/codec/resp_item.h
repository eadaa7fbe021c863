/* Reads one item of RESP2 or RESP3, the protocol of Redis: a string, a number, or the head of an array, after which its
 * values follow as items of their own. So this part knows the grammar of a single item, and needs neither memory nor
 * recursion; its caller puts the items together (host/resp_decode.c).
 *
 * It is a pure function over bytes. A length that the bytes only claim is refused, because the item is not there.
 */
#ifndef SW_CODEC_RESP_ITEM_H
#define SW_CODEC_RESP_ITEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

/* Each type by its first byte. */
enum sw_resp_type {
    SW_RESP_SIMPLE = '+',
    SW_RESP_ERROR = '-',
    SW_RESP_INTEGER = ':',
    SW_RESP_BULK = '$',
    SW_RESP_ARRAY = '*',
    SW_RESP_NULL = '_', /* also the null string and the null array of RESP2, "$-1" and "*-1" */
    SW_RESP_BOOLEAN = '#',
    SW_RESP_DOUBLE = ',',
    SW_RESP_BIG = '(',
    SW_RESP_BULK_ERROR = '!',
    SW_RESP_VERBATIM = '=',
    SW_RESP_MAP = '%',
    SW_RESP_ATTRIBUTE = '|',
    SW_RESP_SET = '~',
    SW_RESP_PUSH = '>',
};

enum { SW_RESP_ITEM_MIN = 3 }; /* bytes of the shortest item, "_\r\n" */

struct sw_resp_item {
    enum sw_resp_type type;
    struct sw_slice text; /* strings and errors; a verbatim string is without its format; the digits of numbers */
    int64_t integer;      /* an integer; a boolean: 0 or 1 */
    uint64_t count; /* items that follow: the values of an array, set or push; keys and values of a map, attribute */
};

/* Why there is no such item. */
struct sw_resp_fault {
    size_t at;            /* where in the bytes */
    const char *expected; /* what should be there, in words */
    uint64_t needed;      /* so many of that are needed; 0: `expected` says it all */
};

/* Reads the item that the bytes begin with. Returns its size, without the items that follow; 0: there is none, and
 * *fault says why. item->text points into the bytes. */
size_t sw_resp_read(const char *bytes, size_t size, struct sw_resp_item *item, struct sw_resp_fault *fault);

#endif
