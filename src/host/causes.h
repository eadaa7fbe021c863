/* The causes of a failed attempt (channel/causes.h) as scripts see them: in an event's sentence and in its detail.
 */
#ifndef SW_HOST_CAUSES_H
#define SW_HOST_CAUSES_H

#include "channel/causes.h"
#include "host/luacompat.h"

/* A copy for a caller that needs them after their report may have been freed. */
struct sw_causes_copy {
    unsigned count;
    unsigned detailed;            /* the index of the cause that `details` are of */
    char details[SW_DETAILS_MAX]; /* "": none */
    struct sw_cause list[SW_CAUSES_MAX];
};

/* Copies the causes; NULL: none. */
void sw_causes_copy(const struct sw_causes *causes, struct sw_causes_copy *copy);

/* The details of that error of that address; NULL: none. */
const char *sw_cause_details(const struct sw_causes_copy *causes, const struct sw_ip *address);

/* Writes or returns what is to be said of one of them: buf, or the details. */
const char *sw_cause_text(const struct sw_causes_copy *causes, unsigned index, char *buf, size_t size);

/* Pushes and returns "ADDRESS: REASON; ADDRESS: REASON". */
const char *sw_push_reasons(lua_State *L, const struct sw_causes_copy *causes);

/* Pushes the list { { address =, port =, code =, message =, seconds = }, ... }. */
void sw_push_causes(lua_State *L, const struct sw_causes_copy *causes, int port);

#endif
