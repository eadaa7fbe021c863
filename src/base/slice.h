/* A stretch of bytes that another part owns: borrowed, never stored beyond the call that got it. */
#ifndef SW_BASE_SLICE_H
#define SW_BASE_SLICE_H

#include <stddef.h>

struct sw_slice {
    const void *data;
    size_t size;
};

#endif
