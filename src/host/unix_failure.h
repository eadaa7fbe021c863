/* What a failure to connect to a unix socket means, and what to do: the system's texts do not tell. */
#ifndef SW_HOST_UNIX_FAILURE_H
#define SW_HOST_UNIX_FAILURE_H

#include "base/error.h"

/* Of a failure at SW_STAGE_CONNECT; `name` is a path, or "@name". NULL: the error's own text says all. */
const char *sw_unix_failure(const struct sw_error *error, const char *name);

#endif
