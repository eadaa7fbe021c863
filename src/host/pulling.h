/* What receive and read have in common: they pull what came in, up to the end of a connection, and tell that end once.
 */
#ifndef SW_HOST_PULLING_H
#define SW_HOST_PULLING_H

#include <stdbool.h>

#include "channel/snapshot.h"
#include "host/context.h"
#include "host/luacompat.h"

struct sw_puller {
    /* Takes what is asked for from what has come, up to the next end of a connection. Returns 0: there is too little;
     * else the number of values that it has pushed. The client's handle is at index 1. */
    int (*take)(lua_State *L, struct client *client, void *subject);
    /* Nothing more comes before the end of the connection: pushes nil, message, code for it (sw_pull_push_end) or more,
     * and consumes the unread bytes. Returns 0: a finalizer has changed something meanwhile; else the number of
     * values. */
    int (*end)(lua_State *L, struct client *client, void *subject);
    /* As in struct sw_goal. */
    void (*push_timeout)(lua_State *L, const struct client *client, const struct sw_snapshot *snapshot, void *subject);
    void *subject;
};

/* Raises if the client has a message handler. Notes that the script pulls. */
void sw_pull_begin(lua_State *L, struct client *client, const char *where);

/* Pulls, and waits until the time-out at index; without one, it does not wait. Returns the number of values pushed. */
int sw_pull(lua_State *L, struct client *client, const char *where, int timeout, const struct sw_puller *puller);

/* For `end`: pushes nil, message, code for the first end, and returns 3. */
int sw_pull_push_end(lua_State *L, const struct client *client);

/* Before and after what may leave the client without messages: keeps its handle alive, or no longer. The first call may
 * raise for lack of memory, so it comes before anything is consumed; the second one needs no memory then. The first
 * returns false when a finalizer has changed something meanwhile: what was found before it is to be looked for again. */
bool sw_pull_before_last(lua_State *L, const struct client *client);
void sw_pull_after_last(lua_State *L, struct client *client);

#endif
