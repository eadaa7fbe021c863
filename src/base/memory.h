/* The one place that allocates: every block of the module comes from here, and goes back by free(). */
#ifndef SW_BASE_MEMORY_H
#define SW_BASE_MEMORY_H

#include <stdlib.h>

/* A block, or NULL. */
static inline void *sw_allocate(size_t size) { return malloc(size); }

/* The same, all zeros. */
static inline void *sw_allocate_zeroed(size_t size) { return calloc(1, size); }

/* The block with another size, moved if need be; NULL leaves it as it was. */
static inline void *sw_resize(void *block, size_t size) { return realloc(block, size); }

#endif
