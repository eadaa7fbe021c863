/* Connects to the addresses of one name as RFC 8305 ("Happy Eyeballs"), sections 4 and 5, has it: their families take
 * turns, the next address is tried SW_RACE_DELAY after the last one or as soon as that has failed, the first connection
 * wins, and the others are closed. So an address that never answers costs a quarter of a second, and not the attempt. If
 * the first connection turns out to be of no use, because its TLS handshake fails, the race goes on without that address.
 *
 * A unix socket is a race with one address. While its backlog is full, it is tried again.
 *
 * A race belongs to a dialer, which ends it when connect_timeout is over.
 */
#ifndef SW_LOOP_RACE_H
#define SW_LOOP_RACE_H

#include <ev.h>
#include <stdbool.h>

#include "base/address.h"
#include "base/error.h"
#include "channel/causes.h"
#include "loop/common.h"
#include "loop/resolver.h"
#include "loop/socket.h"

enum race_status {
    RACE_RUNNING,
    RACE_WON, /* the owner can take the socket */
    RACE_LOST /* sw_race_failure says why */
};

/* One address of the race. */
struct entrant {
    struct sw_address address;
    bool is_tried;         /* since the race began, or went on */
    double started_at;     /* sw_clock: when it was tried */
    float seconds;         /* until it failed */
    struct sw_error error; /* why it failed; err = SW_OK: it has not */
    int fd;                /* -1: it was not tried, or it failed */
    ev_io writer;
    struct race *race;
};

struct race {
    struct common *common;
    void (*on_change)(struct race *race); /* called after an event that has changed the status */
    void *owner;
    enum race_status status;
    unsigned count, next; /* number of addresses; index of the next one to try, unless it has failed */
    struct entrant *winner;
    bool is_ended;     /* by sw_race_reject, before its time */
    unsigned detailed; /* index of the address that `details` are of */
    char *details;     /* more exact words for its error, allocated; NULL: none */
    ev_timer timer;    /* to the next address, or to the next try of a unix socket whose backlog is full */
    struct entrant entrants[];
};

/* Begins a race to one address or more; the status may be WON or LOST at once. NULL: no memory. `from` (version 0: none) is
 * tried last: its server ended the connection before. */
struct race *sw_race_new(struct common *common, const struct sw_addresses *addresses, const struct sw_ip *from,
                         void (*on_change)(struct race *race), void *owner);

/* WON: gives the socket to the caller, and *address is its address. The others are closed. */
int sw_race_take(struct race *race, struct sw_ip *address);

/* The connection that was taken is of no use, for the given reason (`details`: more exact words for it; "": none). With
 * goes_on, the race goes on over the addresses that have not failed, and the status may be WON or LOST at once. Without, it
 * is LOST. */
void sw_race_reject(struct race *race, struct sw_error error, const char *details, bool goes_on);

/* Why no address has worked so far: the error that tells most, and *address is where it came from. An address that has not
 * answered counts as timed out. */
struct sw_error sw_race_failure(const struct race *race, struct sw_ip *address);

/* All addresses in the order of the race, each with its reason. One that has not answered counts as timed out, and those
 * whose turn had not come are SW_UNTRIED, or left out after sw_race_reject ended the race. NULL: no memory. */
struct sw_causes *sw_race_causes(const struct race *race);

/* Closes all sockets that were not taken, and frees the race. Takes NULL. */
void sw_race_free(struct race *race);

#endif
