/* The ends of connections, as receive and read tell them: each in its place among the messages, and once.
 *
 * poll delivers the disconnect event when it likes, also before messages that the script has not pulled yet. But what
 * is pulled must never join two connections. So a disconnect report stays until receive or read has told it: in the
 * client's list of reports, or, once poll has delivered it, in the ring `held`. Of ends without a message between them
 * only the first is held. A client with a message handler has no ends to tell.
 */
#ifndef SW_HOST_ENDS_H
#define SW_HOST_ENDS_H

#include <stdbool.h>

#include "channel/report.h"
#include "host/context.h"

/* Notes a report that was taken from the channel. */
void sw_ends_note(struct client *client, struct sw_report *report);

/* Counts again, after reports were merged away. */
void sw_ends_recount(struct client *client);

/* The first end that is to be told. NULL: none. */
const struct sw_report *sw_ends_first_of(const struct client *client);
static inline const struct sw_report *sw_ends_first(const struct client *client) {
    return client->untold > 0 ? sw_ends_first_of(client) : NULL;
}

/* The first end, which must exist, is told, or need not be. */
void sw_ends_pass(struct client *client);

/* The same for an end that events() delivers in its place, or poll to a client with a message handler. */
void sw_ends_pass_in_order(struct client *client, struct sw_report *report);

/* None of the ends need be told, or none of those that poll has delivered. */
void sw_ends_forget_held(struct client *client);
void sw_ends_forget(struct client *client);

/* Frees a report that was delivered, unless its end is still to be told: then keeps it. */
void sw_ends_release(struct client *client, struct sw_report *report);

#endif
