/* The number of processors for this process. With only one, busy polling is useless: it keeps the other thread from
 * running. */
#ifndef SW_BASE_PROCESSORS_H
#define SW_BASE_PROCESSORS_H

/* At least 1. On Linux, the processors that the calling thread may run on (sched_getaffinity(2)); elsewhere all. */
unsigned sw_processors(void);

#endif
