/* What stands in front of allocations: the module's, and those of libev, which allocates through the module. */
#include <stdlib.h>

#include "channel/thread.h"
#include "rules.h"

__typeof__(malloc) __wrap_malloc, __real_malloc;
__typeof__(calloc) __wrap_calloc, __real_calloc;
__typeof__(realloc) __wrap_realloc, __real_realloc;

void *__wrap_malloc(size_t size) { return rules_refuse(CALL_MALLOC) ? NULL : __real_malloc(size); }

void *__wrap_calloc(size_t count, size_t size) { return rules_refuse(CALL_MALLOC) ? NULL : __real_calloc(count, size); }

/* The module resizes for libev alone. On the host's threads that is for a loop of the host's own, which must not fail:
 * libev would end the process. */
void *__wrap_realloc(void *block, size_t size) {
    return sw_thread_is_ours() && rules_refuse(CALL_MALLOC) ? NULL : __real_realloc(block, size);
}
