/* Tables of options: a row says once what an option is called, what it holds, what holds when a script says nothing, and
 * what it may be. Structs, defaults, comparisons, checks and the texts of refusals are made from the rows.
 *
 * X(name, kind, default, least, most). A kind is a type and a unit; host/check.h reads each. The least value and the most
 * are written as messages show them.
 */
#ifndef SW_BASE_OPTION_KINDS_H
#define SW_BASE_OPTION_KINDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef double sw_kind_seconds;
typedef double sw_kind_microseconds; /* for scripts; kept as seconds */
typedef double sw_kind_factor;       /* any number */
typedef size_t sw_kind_size;         /* bytes, or things in memory; SW_SIZE_MAX as the most: no limit */
typedef uint32_t sw_kind_integer;    /* a whole number, not negative */
typedef bool sw_kind_flag;           /* the bounds say nothing */

/* More than any process can have. */
#define SW_SIZE_MAX ((size_t)PTRDIFF_MAX / 2)

#define SW_OPTION_FIELD(name, kind, standard, least, most) sw_kind_##kind name;
#define SW_OPTION_DEFAULT(name, kind, standard, least, most) .name = (standard),
#define SW_OPTION_NONE(name) /* for rows that are no single value */

#endif
