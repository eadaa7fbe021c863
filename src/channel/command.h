/* What the host tells the loop about one client, apart from messages to send: commands, which are plain data.
 *
 * There are two kinds. Of some each one counts, and so does their order: these form a list, made by the host thread,
 * taken and freed by the loop thread. Each carries its number, which comes back with the states that the loop posts, so
 * that a state from before the command is never mistaken for its outcome. Of others only the newest value matters: each
 * of these has a slot in the channel. To post it overwrites the value, so it needs no memory and cannot fail, however
 * often it is done before the loop looks.
 */
#ifndef SW_CHANNEL_COMMAND_H
#define SW_CHANNEL_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/backoff.h"
#include "base/server.h"

/* --- in a list --- */

enum sw_verb {
    SW_CONNECT,    /* to `server`, now, and again by `policy` */
    SW_SERVER,     /* the next attempt goes to `server` */
    SW_SHUT_DOWN,  /* send up to `fence`, then our FIN; receiving goes on */
    SW_DISCONNECT, /* flush up to `fence` for at most `linger` seconds, end the connection, stay idle */
    SW_CLOSE,      /* the same, then nothing ever again */
};

struct sw_command {
    struct sw_command *next;
    enum sw_verb verb;
    bool embedded;            /* lives in its channel: not to be freed */
    uint64_t number;          /* counts the client's commands, from 1 */
    uint64_t fence;           /* last id accepted before the command */
    struct sw_server *server; /* connect, server: one reference */
    union {
        struct sw_reconnect policy; /* connect: the one of that moment */
        double linger;              /* disconnect, close */
    };
};

/* Frees a list, embedded ones excepted. */
void sw_commands_free(struct sw_command *command);

/* --- in slots --- */

enum sw_slot {
    SW_SLOT_CONFIRMED = 1, /* messages need no replay any more */
    SW_SLOT_CREDIT = 2,    /* the inbox may have room again */
    SW_SLOT_INTEREST = 4,  /* messages are wanted from now on, or are not */
    SW_SLOT_RECONNECT = 8, /* another reconnect policy */
    SW_SLOT_COPY = 16,     /* the host wants a copy of all unfinished messages */
    SW_SLOT_PAGES = 32,    /* the host wants empty pages to fill */
    SW_SLOT_ONCE = 64,     /* there are messages for this connection only */
};

/* What the script listens to. */
struct sw_interest {
    bool messages; /* false: they are thrown away */
    bool log, acked;
};

/* The values are the newest ones whether they were posted or not. */
struct sw_slots {
    unsigned posted; /* bits of enum sw_slot: posted since the loop took them last */
    bool has_credit; /* credit: the inbox has room for what reading brings ... */
    bool can_report; /* ... and for what dialling does */
    struct sw_interest interest;
    unsigned pages;     /* how many to prefault for the host */
    uint64_t confirmed; /* newest id that the script confirmed */
    struct sw_reconnect reconnect;
    uint64_t reconnect_after; /* number of the newest command when it was posted: it applies after that one, and before
                                 the next */
};

#endif
