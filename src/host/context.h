/* The host side of one Lua state: its clients and what came in for them.
 *
 * Scripts hold a client by a handle, a userdata that is born empty. The client itself is a block of its own, so that
 * Lua's collector never frees what a list here or a method on the C stack still uses. When a handle is collected, or its
 * `__gc` is called by hand, the client is closed and retired: it leaves all lists but that of the retired, and the handle
 * is empty. The handle alone refers to a second userdata, the keeper. When Lua collects the keeper, nothing refers to the
 * handle any more, no stack either, and the keeper's finalizer frees the block. Where Lua frees a userdata without having
 * called its finalizer (it does so when there is no stack for the call), the block stays until the Lua state ends.
 *
 * What the loop delivers is taken from channels in poll, receive, wait and events(), and lives here, in the client,
 * until it is delivered: never in a C frame, because a handler may raise, yield, poll again or close the client at any
 * moment. The rule that makes this safe: read the next event, push its values, see that nothing took the event
 * meanwhile (pushing may collect garbage, and a finalizer may poll), consume the event, call the handler. `serial`
 * counts what was consumed and is what "meanwhile" looks at.
 */
#ifndef SW_HOST_CONTEXT_H
#define SW_HOST_CONTEXT_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/processors.h"
#include "buffer/cursor.h"
#include "channel/host_end.h"
#include "channel/report.h"
#include "channel/reports.h"
#include "host/policy.h"
#include "host/userdata.h"

/* The userdata of a client: its handle or, of another kind, its keeper. */
struct handle {
    const struct sw_kind *kind;
    struct client *client; /* NULL: not made yet, or retired (of a keeper: freed) */
};

struct client {
    struct context *context;
    struct sw_channel *channel;     /* one reference */
    struct client *previous, *next; /* in host->clients or host->retired */
    struct clients *list;           /* host->runnable, host->unread, or NULL: there is nothing */
    struct client *list_previous, *list_next;
    uint16_t handlers; /* bit 1 << event: a handler is set; without one, messages stay for receive and events */
    uint8_t holds;     /* bit 1 << enum sw_holding: counted in host->holding */
    uint8_t turn;      /* events delivered since others had their turn: a few */
    bool discards;     /* messages are dropped: those that the loop put before it knew */
    bool is_pulled;    /* receive was called, and no message handler set since */
    bool has_saver;    /* host/saver.h */
    bool has_end;      /* neither receive nor poll has told how the connection ended, other than by our close */
    bool is_closed;    /* close() was called: only losses and close are still delivered */
    bool is_over;      /* the close event was delivered, or nobody is left to hear it */
    bool is_moved;     /* set_server came after the last connect: only the loop knows which server it is busy with */
    uint64_t serial;   /* events consumed */

    struct sw_server *server; /* as the script set it, one reference; the loop has its own */

    /* Taken and not delivered. */
    struct sw_cursor messages;
    uint64_t taken, passed; /* messages taken, messages delivered or dropped: in all */
    struct sw_reports reports;
    unsigned report_count;       /* of the events they stand for: losses are told apart */
    unsigned heard_count;        /* of the reports for which a handler is set */
    uint64_t ends_taken;         /* reports of an end */
    struct sw_credit uncredited; /* what the channel has not been told of */
};

static inline bool sw_client_hears(const struct client *client, enum sw_event event) {
    return client->handlers & 1u << event;
}

struct clients {
    struct client *head, *tail;
};

/* What a client can hold that ends a sidewire.wait, if the script takes it in the way that this is for. */
enum sw_holding {
    SW_HOLDS_ANYTHING,  /* events() takes everything */
    SW_HOLDS_HEARD,     /* poll takes what has a handler */
    SW_HOLDS_PULLED,    /* receive takes messages and the end of a client that is pulled */
    SW_HOLDS_UNCLAIMED, /* anything, and receive was never called: while it is not known how the script takes things */
};
enum { SW_HOLDINGS = SW_HOLDS_UNCLAIMED + 1 };

/* How the script took things last. */
enum sw_taking { SW_TAKES_UNKNOWN, SW_TAKES_BY_POLL, SW_TAKES_BY_EVENTS };

struct context {
    const struct sw_kind *kind;
    struct sw_engine *engine; /* NULL: the Lua state ends, nothing works any more */
    bool is_left;             /* the same in the child of a fork, where the engine is the parent's: host/forked.h */
    struct client *clients, *retired;
    struct sw_unfinished *unfinished; /* what iterators of client:unfinished() have left */
    struct clients runnable;          /* with something for poll */
    struct clients unread;            /* with messages that only receive and events() take */
    unsigned holding[SW_HOLDINGS];    /* how many clients hold such */
    enum sw_taking taking;
    unsigned depth; /* polls that are active, or were when an error left them */
    bool has_on_error;
    struct client *watched; /* the client that the innermost wait is for, while is_waiting; may be NULL */
    bool is_waiting;        /* the loop wakes this thread; a wait that an error left has not taken that back */
    uint64_t waits;         /* counts whenever is_waiting ends */
    struct sw_policy policy;
    double max_linger;          /* the longest that any client was ever given */
    double max_spin;            /* the same; 0: or there is only one processor */
    struct sw_options *options; /* of the newest client, which the next may share; one reference or NULL */
    struct sw_server *server;   /* the same */
};

static inline void sw_context_note_linger(struct context *context, double linger) {
    if (linger > context->max_linger) context->max_linger = linger;
}

static inline void sw_context_note_spin(struct context *context, double spin) {
    if (spin > context->max_spin && sw_processors() > 1) context->max_spin = spin;
}

/* User values of the context userdata. */
enum {
    CONTEXT_CLIENTS = 1, /* weak: light userdata (struct client *) -> its handle or, once it is retired, its keeper */
    CONTEXT_ANCHORS,     /* client -> true, while the engine must keep it alive */
    CONTEXT_ON_ERROR,    /* function */
    CONTEXT_THREADS,     /* weak: coroutine that polled -> true */
    CONTEXT_PINS,        /* number -> string that the loop reads: see host/pin.h */
    CONTEXT_SAVERS,      /* weak: client -> function, see host/saver.h */
    CONTEXT_SENTINEL,    /* userdata: see sidewire.c */
    CONTEXT_CLIENT_META, /* the metatables of handles and keepers; not upvalues, which the debug library can replace */
    CONTEXT_KEEPER_META,
    CONTEXT_FUNCTIONS, /* what the module has, out of the reach of scripts */
    CONTEXT_MODULE,    /* the table that scripts get */
    CONTEXT_VALUES = CONTEXT_MODULE,
};

/* The only upvalue of every function of the module: the context userdata. */
enum { UPVALUE_CONTEXT = 1 };

/* User values of a handle: the client's handlers, at event + 1, and its keeper. */
enum {
    CLIENT_KEEPER = SW_EVENTS + 1,
    CLIENT_VALUES = CLIENT_KEEPER,
};

extern const struct sw_kind sw_client_kind, sw_keeper_kind, sw_context_kind;

/* The context userdata, an upvalue of the running function; raises if the debug library has put something else there. */
int sw_upvalue_replaced(lua_State *L);
static inline struct context *sw_context(lua_State *L) {
    struct context *context = sw_to_kind(L, lua_upvalueindex(UPVALUE_CONTEXT), &sw_context_kind, sizeof *context);
    if (context == NULL) sw_upvalue_replaced(L);
    return context;
}

/* Pushes a user value of it; returns the value's type. */
int sw_push_context_value(lua_State *L, int value);

#endif
