/* How many processors there are for this process. With one, a thread that looks out for another keeps that from running. */
#ifndef SW_BASE_PROCESSORS_H
#define SW_BASE_PROCESSORS_H

/* At least 1. Where the system tells it (Linux), those that the calling thread may run on; else all. */
unsigned sw_processors(void);

#endif
