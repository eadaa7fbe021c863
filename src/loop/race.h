/* Connects to the addresses of one name as RFC 8305 ("Happy Eyeballs"), sections 4 and 5, has it: their families take
 * turns, the next address is tried SW_RACE_DELAY after the last one or as soon as that has failed, the first connection
 * wins, and the others are closed. So an address that never answers costs a quarter of a second, and not the attempt.
 *
 * A unix socket is a race with one address. While its backlog is full, it is tried again.
 *
 * A race belongs to a dialer, which ends it when connect_timeout is over.
 */
#ifndef SW_LOOP_RACE_H
#define SW_LOOP_RACE_H

#include <ev.h>

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
    double started_at;     /* sw_clock: when it was tried */
    float seconds;         /* until it failed */
    struct sw_error error; /* why it failed; err = SW_OK: it was not tried, or there is no answer yet */
    int fd;                /* -1: it was not tried, or it failed */
    ev_io writer;
    struct race *race;
};

struct race {
    struct common *common;
    void (*on_change)(struct race *race); /* called after an event that has changed the status */
    void *owner;
    enum race_status status;
    unsigned count, next; /* number of addresses; index of the next one to try */
    struct entrant *winner;
    ev_timer timer; /* to the next address, or to the next try of a unix socket whose backlog is full */
    struct entrant entrants[];
};

/* Begins a race to one address or more; the status may be WON or LOST at once. NULL: no memory. `from` (version 0: none) is
 * tried last: its server ended the connection before. */
struct race *sw_race_new(struct common *common, const struct sw_addresses *addresses, const struct sw_ip *from,
                         void (*on_change)(struct race *race), void *owner);

/* WON: gives the socket to the caller, and *address is its address. */
int sw_race_take(struct race *race, struct sw_ip *address);

/* Why no address has worked so far: the error that tells most, and *address is where it came from. An address that has not
 * answered counts as timed out. */
struct sw_error sw_race_failure(const struct race *race, struct sw_ip *address);

/* All addresses in the order of the race, each with its reason. One that has not answered counts as timed out, and those
 * whose turn had not come are SW_UNTRIED. NULL: no memory. */
struct sw_causes *sw_race_causes(const struct race *race);

/* Closes all sockets that were not taken, and frees the race. Takes NULL. */
void sw_race_free(struct race *race);

#endif
