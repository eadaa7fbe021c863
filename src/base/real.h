/* Floats as decimal text, whatever the locale of the process: the C library writes and reads the decimal point that the
 * host's setlocale asks for, and protocols want a dot.
 */
#ifndef SW_BASE_REAL_H
#define SW_BASE_REAL_H

#include <stddef.h>

enum { SW_REAL_SIZE = 40 }; /* bytes of the longest text, with its zero byte */

/* Writes the shortest decimal number of 15 to 17 digits that reads back as the same float; inf, -inf or nan. A whole
 * number below 2^63 is written with all its digits, and without a point or an exponent. Returns the length. */
size_t sw_real_write(double value, char text[SW_REAL_SIZE]);

/* The decimal point of the locale: at most `size` bytes with the final zero. Returns buf. */
const char *sw_real_point(char *buf, size_t size);

#endif
