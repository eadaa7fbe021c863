/* Commands from the host to the loop about one client: everything it posts except messages. They are plain data.
 *
 * Some commands matter one by one and in order: they are in a list. The host thread makes them, the loop thread takes
 * and frees them. Each has a number. When the loop posts a state, it also gives the number of the newest command that
 * it has taken. So a state from before a command is never mistaken for the command's result.
 *
 * For other commands only the newest value matters: each has a slot in the channel. To post one overwrites the value,
 * so it needs no memory and cannot fail.
 */
#ifndef SW_CHANNEL_COMMAND_H
#define SW_CHANNEL_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/backoff.h"
#include "base/server.h"

/* --- in a list --- */

enum sw_verb {
    SW_CONNECT,    /* connect to one of `servers` now; reconnect by `policy` */
    SW_SERVER,     /* use `servers` for the next attempt */
    SW_SHUT_DOWN,  /* send messages up to `fence`, then our FIN; receiving goes on */
    SW_DISCONNECT, /* flush messages up to `fence` for at most `linger` seconds, end the connection, stay idle */
    SW_CLOSE,      /* the same, but forever; no command follows */
};

struct sw_command {
    struct sw_command *next;
    enum sw_verb verb;
    bool embedded;              /* it is the channel's close_command, which must not be freed */
    uint64_t number;            /* the client's commands are numbered from 1 */
    uint64_t fence;             /* last message id accepted before the command */
    struct sw_servers *servers; /* connect, server: one reference */
    union {
        struct sw_reconnect policy; /* connect: the policy when connect was called */
        double linger;              /* disconnect, close: seconds */
    };
};

/* Frees the commands of a list, except embedded ones. */
void sw_commands_free(struct sw_command *command);

/* --- in slots --- */

enum sw_slot {
    SW_SLOT_CONFIRMED = 1,   /* the script confirmed messages */
    SW_SLOT_CREDIT = 2,      /* the inbox has room again */
    SW_SLOT_INTEREST = 4,    /* sw_interest.messages changed */
    SW_SLOT_RECONNECT = 8,   /* the reconnect policy changed */
    SW_SLOT_COPY = 16,       /* the host wants a copy of all unfinished messages */
    SW_SLOT_PAGES = 32,      /* the host wants prefaulted pages */
    SW_SLOT_ONCE = 64,       /* there are messages of send_once */
    SW_SLOT_BAD_FRAME = 128, /* the host cannot decode what a connection has brought */
};

/* What the script wants to be told. */
struct sw_interest {
    bool messages;   /* false: received messages are dropped */
    bool log, acked; /* a handler for these events is set; without it the loop makes no such reports */
};

/* The values are always the newest ones, whether their bit in `posted` is set or not. */
struct sw_slots {
    unsigned posted; /* bits of enum sw_slot: posted since the loop last took them */
    bool has_credit; /* credit: the loop may read */
    bool can_report; /* credit: the loop may start attempts: the inbox has room for their reports */
    struct sw_interest interest;
    uint8_t pages;      /* how many pages to prefault for the host: at most SW_PREFAULT_TURN */
    uint32_t bad_frame; /* number of the connection that is to end */
    uint64_t confirmed; /* newest id that the script confirmed */
    struct sw_reconnect reconnect;
    uint64_t reconnect_after; /* number of the newest command when `reconnect` was posted: the policy applies after that
                                 command and before the next one */
};

#endif
