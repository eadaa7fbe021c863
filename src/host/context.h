/* The structs of the host thread: the context of one Lua state, and its clients.
 *
 * A script has a handle for each client, a userdata that points to the client. The client is a block of memory of its
 * own, so that Lua's collector never frees a client that a list or a method on the C stack still uses. It ends in two
 * steps:
 *
 *     1. The handle is collected, or a script calls its `__gc`. Then the client is closed and retired: it is only in
 *        the list `retired`, and its handle is empty. The handle now refers to a second userdata, the keeper.
 *     2. Lua collects the keeper, to which only the handle referred. So nothing refers to the handle any more, not even
 *        a stack, and the keeper's finalizer frees the client.
 *
 * If Lua cannot call a finalizer, because there is no stack for the call, the client stays until the Lua state ends.
 *
 * poll, receive, wait and events() take messages and reports from the channels into the client, where they stay until
 * they are delivered. They are never only in C variables, because a handler may raise, yield, poll again or close the
 * client. Delivery has five steps: read the next event; push its values; check that nothing has consumed the event
 * meanwhile; consume it; call the handler. The check is needed because pushing may run the collector, and a finalizer
 * may poll. It compares `serial`, which counts the consumed events.
 */
#ifndef SW_HOST_CONTEXT_H
#define SW_HOST_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/processors.h"
#include "buffer/cursor.h"
#include "channel/host_end.h"
#include "channel/report.h"
#include "channel/reports.h"
#include "host/luacompat.h"
#include "host/policy.h"
#include "host/userdata.h"

/* The userdata of a client: its handle or its keeper. */
struct handle {
    const struct sw_kind *kind;
    struct client *client; /* NULL: not yet made, or retired; of a keeper: freed */
};

struct client {
    struct context *context;
    struct sw_channel *channel;     /* one reference */
    struct client *previous, *next; /* in context->clients or context->retired */
    struct clients *list;           /* context->runnable or context->unread; NULL: there is nothing to deliver */
    struct client *list_previous, *list_next;
    uint16_t handlers;   /* bit 1 << event: a handler is set; without one, messages wait for receive and events() */
    uint8_t readiness;   /* bit 1 << enum sw_readiness: the client counts in context->ready_counts */
    uint8_t turn;        /* events delivered since the client was put at the end of its list */
    bool discards;       /* the script wants no messages: the host drops those that the loop has already put */
    bool uses_receive;   /* receive or read was called after a message handler was last set */
    bool has_saver;      /* host/saver.h */
    bool has_untold_end; /* a connection ended, not by close(), and neither receive, read nor poll has reported it */
    bool is_closed;      /* close() was called: only lost and close events are still delivered */
    bool is_shut;        /* shutdown() was called after the last connect */
    bool is_over;        /* the close event was delivered, or the client was retired */
    bool has_new_server; /* set_server was called after the last connect, so the loop may still use another server */
    uint16_t untold;     /* ends of connections that neither receive nor read has told (host/ends.h) */
    uint16_t ends_taken; /* counts reports taken that say that the client has stopped connecting; wraps around */
    uint64_t serial;     /* number of events consumed */
    uint32_t seen;       /* number of the connection that send_once uses: the last one that the script knows; 0: none */
    uint32_t once;       /* messages accepted by send_once */

    struct sw_servers *servers; /* as the script has set them, one reference; the loop has its own */

    /* Messages and reports that were taken from the channel and are not delivered. */
    struct sw_cursor messages;
    uint64_t taken, consumed; /* messages taken; messages delivered or dropped; over the client's life */
    struct sw_unread *unread; /* bytes that read has moved out of `messages`; NULL: none ever (host/unread.h) */
    struct sw_reports reports;
    struct sw_report *held;      /* disconnect reports that poll has delivered, and receive has not told: host/ends.h */
    unsigned report_count;       /* events in `reports`: each range of lost messages is an event of its own */
    unsigned handled_count;      /* reports for which a handler is set */
    struct sw_credit uncredited; /* delivered, but not yet posted to the channel */
};

static inline bool sw_client_has_handler(const struct client *client, enum sw_event event) {
    return client->handlers & 1u << event;
}

struct clients {
    struct client *head, *tail;
};

/* For which function a client has something. sidewire.wait ends when a client has something for a function that the
 * script uses. */
enum sw_readiness {
    SW_READY_FOR_EVENTS,  /* events(): any message or report */
    SW_READY_FOR_POLL,    /* poll: a message or report with a handler, or many reports without one */
    SW_READY_FOR_RECEIVE, /* receive, read: a message or the end of a connection of a client that uses_receive */
    SW_READY_UNCLAIMED,   /* any message or report of a client without uses_receive */
};
enum { SW_READINESS_COUNT = SW_READY_UNCLAIMED + 1 };

/* Which of poll and events() the script called last. */
enum sw_consumer { SW_CONSUMER_UNKNOWN, SW_CONSUMER_POLL, SW_CONSUMER_EVENTS };

struct context {
    const struct sw_kind *kind;
    struct sw_engine *engine;
    bool has_ended; /* every function returns ECLOSED: the module's part of the Lua state has ended. The engine is NULL
                     * then, or stays for functions that have not returned yet (sw_host_close), or is the parent's in a
                     * forked child that never got one of its own (host/forked.h) */
    struct client *clients, *retired;
    struct sw_unfinished *unfinished;          /* copies of messages for the iterators of client:unfinished() */
    struct clients runnable;                   /* clients with events for poll */
    struct clients unread;                     /* clients with messages, but no event for poll */
    unsigned ready_counts[SW_READINESS_COUNT]; /* number of clients for each enum sw_readiness */
    enum sw_consumer consumer;
    unsigned poll_depth; /* active calls of poll; may include some that an error has ended */
    uint64_t polled;     /* events that polls have consumed */
    bool has_on_error;
    bool has_main_thread;   /* CONTEXT_THREADS has Lua's main thread */
    struct client *watched; /* while is_waiting: the client of the innermost wait; NULL: sidewire.wait */
    bool is_waiting;        /* the loop wakes this thread; stays true if an error ends a wait */
    uint64_t waits;         /* number of waits that have ended */
    struct sw_policy policy;
    double max_linger;           /* seconds: the longest linger that any client ever had */
    double max_spin;             /* seconds: the longest spin that any client ever had; 0 with only one processor */
    struct sw_options *options;  /* of the newest client; the next one may share them. One reference, or NULL */
    struct sw_servers *servers;  /* of the newest client; the next one may share them. One reference, or NULL */
    struct sw_tls_settings *tls; /* the same */
};

static inline void sw_context_note_linger(struct context *context, double linger) {
    if (linger > context->max_linger) context->max_linger = linger;
}

static inline void sw_context_note_spin(struct context *context, double spin) {
    if (spin > context->max_spin && sw_processors() > 1) context->max_spin = spin;
}

/* User values of the context userdata. */
enum {
    CONTEXT_CLIENTS = 1, /* weak values: struct client * as light userdata -> its handle or, once retired, its keeper */
    CONTEXT_ANCHORS,     /* handle -> true, for handles that must not be collected */
    CONTEXT_ON_ERROR,    /* function, or nil */
    CONTEXT_THREADS,     /* weak keys: coroutine or main thread that has called poll -> true */
    CONTEXT_PINS,        /* number -> pinned string: see host/pin.h */
    CONTEXT_SAVERS,      /* weak keys: handle -> function, see host/saver.h */
    CONTEXT_SENTINEL,    /* userdata: see sidewire.c */
    CONTEXT_CLIENT_META, /* metatable of handles; an upvalue could be replaced with the debug library */
    CONTEXT_KEEPER_META, /* metatable of keepers */
    CONTEXT_NOTIFIER,    /* the object of sidewire.notifier(), or nil */
    CONTEXT_RESP,        /* metatables of RESP values, see host/resp.h */
    CONTEXT_FUNCTIONS,   /* the module's functions by name, in a table that scripts cannot reach */
    CONTEXT_MODULE,      /* the module's table, which scripts get */
    CONTEXT_VALUES = CONTEXT_MODULE,
};

/* The only upvalue of every function of the module: the context userdata. */
enum { UPVALUE_CONTEXT = 1 };

/* User values of a handle: the handler of each event at event + 1, and then the keeper. */
enum {
    CLIENT_KEEPER = SW_EVENTS + 1,
    CLIENT_VALUES = CLIENT_KEEPER,
};

extern const struct sw_kind sw_client_kind, sw_keeper_kind, sw_context_kind;

/* The context, from the upvalue of the running function; NULL if a script has replaced the upvalue by the debug library.
 * For finalizers, which must not raise: before Lua 5.4 their errors end whatever has begun the collection, and LuaJIT
 * crashes where compiled code has. */
static inline struct context *sw_find_context(lua_State *L) {
    return sw_to_kind(L, lua_upvalueindex(UPVALUE_CONTEXT), &sw_context_kind, sizeof(struct context));
}

/* The same for other functions: raises if the upvalue was replaced. */
int sw_upvalue_replaced(lua_State *L);
static inline struct context *sw_context(lua_State *L) {
    struct context *context = sw_find_context(L);
    if (context == NULL) sw_upvalue_replaced(L);
    return context;
}

/* Pushes a user value of the context userdata. Returns the value's Lua type. */
int sw_push_context_value(lua_State *L, int value);

#endif
