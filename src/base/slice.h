/* A range of bytes that the caller owns. The called function does not keep it after it returns. */
#ifndef SW_BASE_SLICE_H
#define SW_BASE_SLICE_H

#include <stddef.h>

struct sw_slice {
    const void *data;
    size_t size;
};

#endif
