/* A header that does not compile alone, for `make headers`: nothing here declares size_t. */
#ifndef SW_PLANTED_HEADER_H
#define SW_PLANTED_HEADER_H

size_t planted_size(void);

#endif
