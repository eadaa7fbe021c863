/* The receive queue: messages and reports that the host has taken from the channels, until they are delivered or
 * dropped. They are in struct client (host/context.h explains why). A client is in a list while it has some, so that
 * poll and events() find it.
 */
#ifndef SW_HOST_RECEIVEQ_H
#define SW_HOST_RECEIVEQ_H

#include <stdbool.h>
#include <stdint.h>

#include "channel/report.h"
#include "host/context.h"
#include "host/ends.h"
#include "host/luacompat.h"
#include "host/unread.h"

/* Takes messages and reports for all clients, and ends pins that the loop has returned. */
void sw_receiveq_take_all(lua_State *L, struct context *context);

/* Takes those of one client that came before what a snapshot of it has shown, though the loop may not have told of them
 * yet. */
void sw_receiveq_take_early(struct client *client);

/* Does the same as sw_receiveq_take_all at the end of the Lua state, where pins need not be ended. */
void sw_receiveq_take_last(struct context *context);

/* The number of messages that can be delivered now. */
static inline uint64_t sw_receiveq_count_messages(const struct client *client) {
    return client->taken - client->consumed;
}

/* Those of them that read has not begun: without the unread bytes, which count as one. */
static inline uint64_t sw_receiveq_count_whole(const struct client *client) {
    return sw_receiveq_count_messages(client) - (sw_client_has_unread(client) ? 1 : 0);
}

/* Those that come before the next end of a connection. */
static inline uint64_t sw_receiveq_count_before_end(const struct client *client) {
    const struct sw_report *end = sw_ends_first(client);
    return (end != NULL ? end->after : client->taken) - client->consumed;
}

/* The number of events that poll would consume for this client. */
uint64_t sw_receiveq_count_events(const struct client *client);

/* The first report. NULL: there is none; or, with in_order, messages that came before it are not yet delivered. */
struct sw_report *sw_receiveq_report(const struct client *client, bool in_order);

/* Pushes the next message, which must exist, and consumes it. False: a finalizer has consumed it meanwhile, and nothing
 * was pushed. */
bool sw_receiveq_take_message(lua_State *L, struct client *client);

/* Moves the next message to the unread bytes, where its room in the inbox is given back. The client must have some
 * (sw_unread_make). */
enum sw_pulled {
    SW_PULLED,
    SW_PULLED_NONE,      /* there is none before the next end of a connection */
    SW_PULLED_NO_MEMORY, /* it stays where it is */
};
enum sw_pulled sw_receiveq_pull(struct client *client);

/* Pushes unread bytes, and does not consume them. False: a finalizer has consumed some meanwhile, and the pushed string
 * is not valid. */
bool sw_receiveq_push_unread(lua_State *L, const struct client *client, size_t from, size_t size);

/* Consumes unread bytes, of which there are more. */
static inline void sw_receiveq_consume_some(struct client *client, size_t size) {
    sw_unread_pass_some(client->unread, size);
    client->serial++;
}

/* Consumes unread bytes. sw_receiveq_schedule must follow if none is left. */
void sw_receiveq_consume_unread(struct client *client, size_t size);

/* Consumes the first report, or its first range of lost messages. */
void sw_receiveq_consume_report(struct client *client);
void sw_receiveq_consume_loss(struct client *client);

/* Notes that receive need not report an end any more: it has done so, or the client has connected since. */
void sw_receiveq_clear_end(struct client *client);

/* Does so, and passes the ends that have nothing unread before them. */
void sw_receiveq_pass_ends(struct client *client);

/* receive or read tells the first end: the unread bytes in front of it are consumed, and a framing that was set for its
 * connection is over. */
void sw_receiveq_tell_end(struct client *client);

/* Notes whether the unread bytes are too few for what the script reads: until more comes, there is nothing to take
 * then. */
void sw_receiveq_set_short(struct client *client, bool is_short);

/* Posts the credit for what was delivered to the channel. */
void sw_receiveq_post_credit(struct client *client);

/* Drop all messages, or all messages and reports. */
void sw_receiveq_drop_messages(struct client *client);
void sw_receiveq_drop(struct client *client);

/* Puts the client into the right list, and updates its readiness, after its messages or reports have changed. recount
 * is for changed handlers. */
void sw_receiveq_schedule(struct client *client);
void sw_receiveq_recount(struct client *client);

/* Counts a delivered event: after SW_EVENTS_PER_TURN of them, moves the client to the end of its list. */
void sw_receiveq_count_turn(struct client *client);

/* True: a client has something for the functions that the script uses (enum sw_readiness). */
bool sw_receiveq_has_wanted(const struct context *context);

/* Notes which of poll and events() the script uses. */
void sw_receiveq_set_consumer(struct context *context, enum sw_consumer consumer);

/* Makes the notifier readable while the script has something to take, else unreadable. Each function that takes
 * something calls this at its end. If a Lua error ends the function before that, the notifier stays readable. */
void sw_receiveq_notify(const struct context *context);

#endif
