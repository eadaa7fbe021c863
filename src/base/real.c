#include "base/real.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *sw_real_point(char *buf, size_t size) {
    char text[32];
    (void)snprintf(text, sizeof text, "%.1f", 0.5);
    (void)snprintf(buf, size, "%.*s", (int)strlen(text) - 2, text + 1); /* what is between 0 and 5 */
    return buf;
}

/* Puts a dot in place of the locale's decimal point. */
static void put_dot(char *text) {
    char point[16];
    char *found = strstr(text, sw_real_point(point, sizeof point));
    if (found == NULL) return;
    size_t width = strlen(point);
    *found = '.';
    memmove(found + 1, found + width, strlen(found + width) + 1);
}

size_t sw_real_write(double value, char text[SW_REAL_SIZE]) {
    if (isnan(value)) return (size_t)snprintf(text, SW_REAL_SIZE, "nan");
    if (isinf(value)) return (size_t)snprintf(text, SW_REAL_SIZE, value < 0 ? "-inf" : "inf");
    if (fabs(value) < 0x1p63 && floor(value) == value) return (size_t)snprintf(text, SW_REAL_SIZE, "%.0f", value);
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(text, SW_REAL_SIZE, "%.*g", digits, value);
        if (strtod(text, NULL) == value) break;
    }
    put_dot(text);
    return strlen(text);
}
