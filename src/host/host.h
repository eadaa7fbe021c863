/* The host side of one Lua state: its clients and what came in for them.
 *
 * A client is a userdata that is born empty and owns its channel from then on. What the loop delivers is taken from
 * channels in poll, receive, wait and events(), and lives here, in the client, until it is delivered: never in a C
 * frame, because a handler may raise, yield, poll again or close the client at any moment. The rule that makes this
 * safe: read the next record, push its values, see that nothing took the record meanwhile (pushing may collect garbage,
 * and a finalizer may poll), consume the record, call the handler. `serial` counts what was consumed and is what
 * "meanwhile" looks at.
 */
#ifndef SW_HOST_HOST_H
#define SW_HOST_HOST_H

#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>

#include "base/cursor.h"
#include "channel/engine.h"
#include "channel/host_end.h"

struct client {
    const void *mark; /* says that this is a client, until its memory is freed */
    struct host *host;
    struct sw_channel *channel;     /* one reference; NULL before the client is complete, and after collection */
    struct client *previous, *next; /* in host->clients */
    struct client *run_previous, *run_next; /* in host->runnable, if is_runnable */
    bool is_runnable;
    bool has_message_handler; /* else messages stay for receive and events */
    bool discards;            /* or are dropped: those that the loop put before it knew */
    unsigned handlers;        /* how many are set */
    bool is_closed;           /* close() was called: only losses and close are still delivered */
    bool is_over;             /* the close event was delivered */
    unsigned turn;            /* records delivered since others had their turn */
    uint64_t serial;          /* records consumed */

    struct sw_server *server; /* as the script set it, one reference (NULL with the channel); the loop has its own */
    bool is_moved; /* set_server came after the last connect: only the loop knows which server it is busy with */
    struct sw_reconnect reconnect, last_reconnect; /* in force; the last that was not `false` */

    /* Taken and not delivered. */
    struct sw_cursor messages;
    uint64_t taken, passed; /* messages taken, messages delivered or dropped: in all */
    struct sw_report *reports, **reports_tail;
    uint64_t report_count; /* of the events they stand for: losses are told apart */
    size_t unsettled;      /* delivered bytes that the channel has not been told of */
};

struct host {
    struct sw_engine *engine; /* NULL: the Lua state ends, nothing works any more */
    struct client *clients;
    struct {
        struct client *head, *tail;
    } runnable;     /* clients with something for poll */
    unsigned depth; /* polls that are active, or were when an error left them */
    bool has_on_error;
    double max_linger;          /* the longest that any client was ever given */
    struct sw_options *options; /* of the newest client, which the next may share; one reference or NULL */
};

static inline void sw_host_note_linger(struct host *host, double linger) {
    if (linger > host->max_linger) host->max_linger = linger;
}

/* User values of the host userdata. */
enum {
    HOST_CLIENTS = 1, /* weak: light userdata (struct client *) -> client */
    HOST_ANCHORS,     /* client -> true, while the engine must keep it alive */
    HOST_ON_ERROR,    /* function */
    HOST_THREADS,     /* weak: coroutine that polled -> true */
    HOST_LOANS,       /* number -> string that the loop reads: see host/loan.h */
    HOST_VALUES = HOST_LOANS,
};

/* Upvalues of every function of the module. */
enum {
    UPVALUE_HOST = 1,
    UPVALUE_CLIENT_META,
    UPVALUES = UPVALUE_CLIENT_META,
};

/* User values of a client: its handlers, at event + 1. */
enum { CLIENT_VALUES = SW_EVENTS };

#define CLIENT_TYPE "sidewire.client"

static inline struct host *sw_host(lua_State *L) { return lua_touserdata(L, lua_upvalueindex(UPVALUE_HOST)); }

/* The client at index; raises for anything else, and for one without a channel. NULL where sw_host_refuses, with what
 * that pushed. */
struct client *sw_check_usable(lua_State *L, int index);

/* Functions of the module, and methods of clients: each file brings its own. */
extern const luaL_Reg sw_client_functions[], sw_client_methods[], sw_client_metamethods[];
extern const luaL_Reg sw_command_methods[], sw_send_methods[], sw_inspect_methods[];
extern const luaL_Reg sw_poll_functions[], sw_poll_methods[], sw_events_functions[];
extern const luaL_Reg sw_wait_functions[], sw_wait_methods[];
extern const luaL_Reg sw_unfinished_methods[];
extern const luaL_Reg sw_module_functions[];

/* --- module.c --- */

/* The Lua state ends: stops the loop, lets the engine and whatever clients there still are go. */
void sw_host_close(struct host *host);

/* True, with three values pushed (nil, message, code), where nothing works any more: in the child of a fork (EFORKED),
 * and in finalizers that run after the module's own (ECLOSED). */
bool sw_host_refuses(lua_State *L, const struct host *host);

/* --- client.c --- */

/* Pushes the client; the host userdata is an upvalue. False: it is being collected, and only its finalizer has not run
 * yet (that of another object has); nobody can be told what came in for it, so that is dropped, and nothing is pushed.
 */
bool sw_push_client(lua_State *L, struct client *client);

/* Keeps the client at index alive for as long as the contract says, and no longer. */
void sw_client_anchor(lua_State *L, int index);

/* The state at this moment. */
enum sw_state sw_client_state(const struct client *client);

/* Closes it, if it is not; the loop may flush for `linger` seconds. */
void sw_client_close(struct client *client, double linger);

/* Closes it and lets its channel go: what is left is an empty userdata. */
void sw_client_release(struct client *client);

/* --- inflow.c --- */

/* Takes what the loop left for all clients of the host, and ends the loans that came back. There is no such thing for
 * one client: its channel would stay in the engine's ready list, and be put there once more. */
void sw_inflow_collect(lua_State *L, struct host *host);

/* The same while the Lua state closes, which ends all loans. */
void sw_inflow_collect_last(struct host *host);

/* Messages that can be read now. */
static inline uint64_t sw_inflow_messages(const struct client *client) { return client->taken - client->passed; }

/* Records that poll would go through for this client. */
uint64_t sw_inflow_work(const struct client *client);

/* The next report, if its turn has come among the messages or the order does not matter; else NULL. */
struct sw_report *sw_inflow_report(const struct client *client, bool in_order);

/* Pushes the next message, which must be there, and consumes it. False, with nothing pushed: a finalizer took it
 * meanwhile. */
bool sw_inflow_take_message(lua_State *L, struct client *client);

/* Consumes the next report. */
void sw_inflow_pass_report(struct client *client);

/* Tells the channel what was delivered. */
void sw_inflow_settle(struct client *client);

/* Drops everything. */
void sw_inflow_drop_messages(struct client *client);
void sw_inflow_drop(struct client *client);

/* Puts the client on, or takes it off, the list of those with work for poll. */
void sw_inflow_schedule(struct client *client);
void sw_inflow_unschedule(struct client *client);

/* A record of the client was delivered: after 32 in a row it moves to the end of that list. */
void sw_inflow_count_turn(struct client *client);

#endif
