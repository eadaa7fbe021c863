/* The causes of a failed attempt: each address that was tried, or left out, with its own reason.
 *
 * The dialer makes the list when an attempt fails. It never changes and is reference-counted: the dialer keeps it until
 * the next attempt, and each report about the failure has a reference of its own.
 */
#ifndef SW_CHANNEL_CAUSES_H
#define SW_CHANNEL_CAUSES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/address.h"
#include "base/error.h"

enum { SW_CAUSES_MAX = 16 }; /* an attempt tries at most so many addresses */

struct sw_cause {
    struct sw_ip address;
    struct sw_error error;
    float seconds; /* that were spent on this address; 0: it was not tried */
};

struct sw_causes {
    atomic_int refs;
    unsigned count;      /* 0: no address could be tried */
    unsigned detailed;   /* the index of the cause that `details` are of */
    const char *details; /* more exact words for it, behind the list; NULL: none */
    struct sw_cause list[];
};

enum { SW_DETAILS_MAX = 400 }; /* bytes of details, with the zero at their end */

/* A list of `count` causes with one reference. The caller fills it. NULL: no memory. */
struct sw_causes *sw_causes_new(unsigned count);

/* The same with details of the cause with that index; "": none. */
struct sw_causes *sw_causes_new_detailed(unsigned count, unsigned index, const char *details);

/* Returns one list of both, in place of the reference to the first one; `more` remains the caller's. NULL: no memory, or no
 * first one. */
struct sw_causes *sw_causes_join(struct sw_causes *first, const struct sw_causes *more);

/* Is this error one of the causes? NULL: no. */
bool sw_causes_have(const struct sw_causes *causes, const struct sw_error *error);

/* Both take NULL. */
struct sw_causes *sw_causes_ref(struct sw_causes *causes);
void sw_causes_unref(struct sw_causes *causes);

/* Its size in bytes; 0 for NULL. */
static inline size_t sw_causes_size(const struct sw_causes *causes) {
    if (causes == NULL) return 0;
    return sizeof *causes + causes->count * sizeof causes->list[0] + (causes->details != NULL ? SW_DETAILS_MAX : 0);
}

#endif
