/* What the host tells the loop about one client, apart from messages to send: plain data, in order.
 *
 * Made by the host thread, taken and freed by the loop thread. Each carries its number, which comes back with the
 * states that the loop reports, so that a state from before the command is never mistaken for its outcome.
 */
#ifndef SW_CHANNEL_COMMAND_H
#define SW_CHANNEL_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/backoff.h"
#include "base/server.h"

enum sw_verb {
    SW_CONNECT,    /* to `server`, now, and again by `policy` */
    SW_SERVER,     /* the next attempt goes to `server` */
    SW_RECONNECT,  /* from now on by `policy` */
    SW_DISCONNECT, /* flush up to `fence` for at most `linger` seconds, end the connection, stay idle */
    SW_CLOSE,      /* the same, then nothing ever again */
};

struct sw_command {
    struct sw_command *next;
    enum sw_verb verb;
    bool embedded;   /* lives in its channel: not to be freed */
    uint64_t number; /* counts the client's commands */
    uint64_t fence;  /* last id accepted before the command */
    double linger;
    struct sw_server *server;   /* connect, server: one reference */
    struct sw_reconnect policy; /* connect, reconnect */
};

/* Frees a list, embedded ones excepted. */
void sw_commands_free(struct sw_command *command);

#endif
