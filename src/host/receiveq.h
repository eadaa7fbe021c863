/* What came in for clients, from the moment it is taken from their channels until it is delivered or dropped. The host
 * side keeps it in the client (host/context.h says why), which stands on a list while it has something, so that poll and
 * events() find it.
 */
#ifndef SW_HOST_RECEIVEQ_H
#define SW_HOST_RECEIVEQ_H

#include <lua.h>
#include <stdbool.h>
#include <stdint.h>

#include "channel/report.h"
#include "host/context.h"

/* Takes what the loop left for all clients of the host, and ends the pins that came back. There is no such thing for
 * one client: its channel would stay in the engine's list, and be put there once more. */
void sw_receiveq_take_all(lua_State *L, struct context *context);

/* The same while the Lua state closes, which ends all pins. */
void sw_receiveq_take_last(struct context *context);

/* Messages that can be read now. */
static inline uint64_t sw_receiveq_messages(const struct client *client) { return client->taken - client->passed; }

/* Events that poll would go through for this client. */
uint64_t sw_receiveq_work(const struct client *client);

/* The next report, if its turn has come among the messages or the order does not matter; else NULL. */
struct sw_report *sw_receiveq_report(const struct client *client, bool in_order);

/* Pushes the next message, which must be there, and consumes it. False, with nothing pushed: a finalizer took it
 * meanwhile. */
bool sw_receiveq_take_message(lua_State *L, struct client *client);

/* Consumes the next report, or one of the losses that it tells first. */
void sw_receiveq_pass_report(struct client *client);
void sw_receiveq_pass_loss(struct client *client);

/* Receive has told how the connection ended, or found another one since. */
void sw_receiveq_pass_end(struct client *client);

/* Tells the channel what was delivered. */
void sw_receiveq_post_credit(struct client *client);

/* Drops everything. */
void sw_receiveq_drop_messages(struct client *client);
void sw_receiveq_drop(struct client *client);

/* Looks what the client has now, or hears now: puts it on the right list, and has its host know what it holds. */
void sw_receiveq_schedule(struct client *client);
void sw_receiveq_recount(struct client *client);

/* An event of the client was delivered: after 32 in a row it moves to the end of its list. */
void sw_receiveq_count_turn(struct client *client);

/* Is there anything that the script's way of taking things takes? */
bool sw_receiveq_ends_wait(const struct context *context);

#endif
