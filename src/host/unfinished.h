/* The copies that iterators of client:unfinished() go through, as far as the end of the Lua state deals with them: the
 * host owns them, since Lua may free an iterator without having called its finalizer.
 */
#ifndef SW_HOST_UNFINISHED_H
#define SW_HOST_UNFINISHED_H

#include "host/context.h"

/* Frees the copies of all iterators, while the Lua state ends. */
void sw_unfinished_free(struct context *context);

#endif
