/* Memory that stays until the process ends.
 *
 * A Lua state can end while something of it is still in use: a function of the module runs (src/sidewire.c), or the
 * finalizer of a handle is still to come (host/handle.c). What these may use is not freed then. It is noted here, where
 * leak detectors find it.
 */
#ifndef SW_BASE_KEPT_H
#define SW_BASE_KEPT_H

/* Any thread. NULL: does nothing. Without memory for the note, leak detectors report the block. */
void sw_keep(void *block);

#endif
