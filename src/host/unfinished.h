/* Frees the copies of messages that iterators of client:unfinished() use. The context owns these copies, because Lua
 * may free an iterator without its finalizer.
 */
#ifndef SW_HOST_UNFINISHED_H
#define SW_HOST_UNFINISHED_H

#include "host/context.h"

/* Frees the copies of all iterators at the end of the Lua state. */
void sw_unfinished_free(struct context *context);

#endif
