/* The one place that allocates: every block of the module comes from here, and goes back by free().
 *
 * So a build for tests can let any allocation fail.
 */
#ifndef SW_BASE_MEMORY_H
#define SW_BASE_MEMORY_H

#include <stdlib.h>

#ifdef SW_FAULTS
#include "base/faults.h"
#define SW_MEMORY(block) (sw_faults_judge(SW_CALL_MALLOC, NULL) != 0 ? NULL : (block))
#else
#define SW_MEMORY(block) (block)
#endif

/* A block, or NULL. */
static inline void *sw_allocate(size_t size) { return SW_MEMORY(malloc(size)); }

/* The same, all zeros. */
static inline void *sw_allocate_zeroed(size_t size) { return SW_MEMORY(calloc(1, size)); }

/* The block with another size, moved if need be; NULL leaves it as it was. */
static inline void *sw_resize(void *block, size_t size) { return SW_MEMORY(realloc(block, size)); }

#endif
