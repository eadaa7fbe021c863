#include "loop/race.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/tunables.h"
#include "loop/reactor.h"

/* --- the order --- */

static bool is_from(const struct sw_address *address, const struct sw_ip *from) {
    struct sw_ip ip = sw_address_ip(address);
    return sw_ip_equal(&ip, from);
}

/* The index of the next address that has no place yet: of the other family than the last, if there is one (RFC 8305, 4).
 * Those `from` come when there is no other. */
static size_t choose(const struct sw_addresses *addresses, const bool *is_placed, const struct sw_ip *from, int last) {
    size_t best = addresses->count;
    int best_rank = 0;
    for (size_t i = 0; i < addresses->count; i++) {
        if (is_placed[i]) continue;
        bool is_other = addresses->list[i].any.sa_family != last;
        int rank = is_from(&addresses->list[i], from) ? 1 : is_other ? 3 : 2;
        if (rank <= best_rank) continue;
        best = i;
        best_rank = rank;
    }
    return best;
}

static void place(struct race *race, const struct sw_addresses *addresses, const struct sw_ip *from) {
    bool is_placed[SW_ADDRESSES_MAX] = {false};
    int last = AF_UNSPEC;
    for (unsigned i = 0; i < race->count; i++) {
        size_t index = choose(addresses, is_placed, from, last);
        is_placed[index] = true;
        struct entrant *entrant = &race->entrants[i];
        entrant->address = addresses->list[index];
        entrant->fd = -1;
        entrant->race = race;
        last = entrant->address.any.sa_family;
    }
}

/* --- running --- */

static void give_up(struct entrant *entrant, struct sw_error error) {
    struct race *race = entrant->race;
    ev_io_stop(race->common->reactor->ev, &entrant->writer);
    if (entrant->fd >= 0) sw_socket_close(entrant->fd);
    entrant->fd = -1;
    entrant->error = error;
    entrant->seconds = (float)(sw_clock() - entrant->started_at);
}

static void win(struct entrant *entrant) {
    struct race *race = entrant->race;
    ev_io_stop(race->common->reactor->ev, &entrant->writer);
    race->winner = entrant;
    race->status = RACE_WON;
}

/* Looks what has become of a socket. */
static void check(struct entrant *entrant) {
    int failed = sw_socket_connect_result(entrant->fd);
    if (failed < 0) return;
    if (failed > 0) {
        give_up(entrant, sw_error_system(failed, SW_STAGE_CONNECT));
    } else if (sw_socket_is_self(entrant->fd)) {
        sw_socket_set_abort(entrant->fd);
        give_up(entrant, sw_error_make(SW_SELF, SW_STAGE_CONNECT));
    } else {
        win(entrant);
    }
}

/* Begins to connect. False: it has failed at once. */
static bool start(struct entrant *entrant) {
    struct race *race = entrant->race;
    bool connected;
    entrant->error = sw_error_make(SW_OK, SW_STAGE_NONE);
    entrant->is_tried = true;
    entrant->started_at = sw_clock();
    struct sw_error error =
        sw_socket_connect(&entrant->address, race->common->channel->options, &entrant->fd, &connected);
    if (error.err != SW_OK) {
        give_up(entrant, error);
        return false;
    }
    ev_io_set(&entrant->writer, entrant->fd, EV_WRITE);
    ev_io_start(race->common->reactor->ev, &entrant->writer);
    sw_reactor_skip_sleep(race->common->reactor);
    if (connected) check(entrant);
    return entrant->fd >= 0;
}

static bool is_trying(const struct race *race) {
    for (unsigned i = 0; i < race->next; i++)
        if (race->entrants[i].fd >= 0) return true;
    return false;
}

/* True if the last address tried is a unix socket whose backlog is full: it is tried again later. */
static bool must_repeat(const struct race *race) {
    const struct entrant *last = &race->entrants[race->next - 1];
    return last->address.any.sa_family == AF_UNIX && last->error.err == SW_SYSTEM && last->error.sys == EAGAIN;
}

/* Tries the next address that does not fail at once. Those that have failed are passed over. */
static void advance(struct race *race) {
    ev_timer_stop(race->common->reactor->ev, &race->timer);
    while (race->status == RACE_RUNNING && race->next < race->count) {
        struct entrant *entrant = &race->entrants[race->next++];
        if (entrant->error.err == SW_OK && start(entrant)) break;
    }
    if (race->status != RACE_RUNNING) return;
    if (race->next < race->count)
        sw_reactor_set_timer(race->common->reactor, &race->timer, SW_RACE_DELAY);
    else if (must_repeat(race))
        sw_reactor_set_timer(race->common->reactor, &race->timer, SW_BACKLOG_RETRY);
    else if (!is_trying(race))
        race->status = RACE_LOST;
}

static void notify_owner(struct race *race) {
    if (race->status != RACE_RUNNING) race->on_change(race);
}

static void on_timer(struct ev_loop *ev, ev_timer *timer, int events) {
    (void)ev, (void)events;
    struct race *race = timer->data;
    if (must_repeat(race)) race->entrants[--race->next].error = sw_error_make(SW_OK, SW_STAGE_NONE);
    advance(race);
    notify_owner(race);
}

static void on_writable(struct ev_loop *ev, ev_io *writer, int events) {
    (void)ev;
    struct entrant *entrant = writer->data;
    struct race *race = entrant->race;
    if (events & EV_ERROR)
        give_up(entrant, sw_error_system(EIO, SW_STAGE_CONNECT));
    else
        check(entrant);
    if (entrant->fd < 0) advance(race);
    notify_owner(race);
}

/* --- functions for the owner --- */

struct race *sw_race_new(struct common *common, const struct sw_addresses *addresses, const struct sw_ip *from,
                         void (*on_change)(struct race *race), void *owner) {
    struct race *race = calloc(1, sizeof *race + addresses->count * sizeof race->entrants[0]);
    if (race == NULL) return NULL;
    race->common = common;
    race->on_change = on_change;
    race->owner = owner;
    race->count = (unsigned)addresses->count;
    place(race, addresses, from);
    ev_init(&race->timer, on_timer);
    race->timer.data = race;
    for (unsigned i = 0; i < race->count; i++) {
        ev_init(&race->entrants[i].writer, on_writable);
        race->entrants[i].writer.data = &race->entrants[i];
    }
    advance(race);
    return race;
}

/* Closes all sockets that were not taken. */
static void stop(struct race *race) {
    ev_timer_stop(race->common->reactor->ev, &race->timer);
    for (unsigned i = 0; i < race->count; i++) {
        struct entrant *entrant = &race->entrants[i];
        ev_io_stop(race->common->reactor->ev, &entrant->writer);
        if (entrant->fd >= 0) sw_socket_close(entrant->fd);
        entrant->fd = -1;
    }
}

int sw_race_take(struct race *race, struct sw_ip *address) {
    int fd = race->winner->fd;
    race->winner->fd = -1;
    stop(race);
    for (unsigned i = 0; i < race->count; i++)
        if (race->entrants[i].error.err == SW_OK) race->entrants[i].is_tried = &race->entrants[i] == race->winner;
    *address = sw_address_ip(&race->winner->address);
    return fd;
}

/* The first ones are kept, or those of the error that ends the race, which needs its words most. */
static void set_details(struct race *race, const char *details) {
    free(race->details);
    race->details = strdup(details); /* NULL: without memory the error has its general words */
    race->detailed = (unsigned)(race->winner - race->entrants);
}

void sw_race_reject(struct race *race, struct sw_error error, const char *details, bool goes_on) {
    give_up(race->winner, error);
    if (details[0] != '\0' && (race->details == NULL || !goes_on)) set_details(race, details);
    race->is_ended = !goes_on;
    race->status = goes_on ? RACE_RUNNING : RACE_LOST;
    race->next = 0;
    advance(race);
}

/* What an error tells a person, by the number: that this machine lacks something, or that a server does not speak TLS as it
 * should; that there is a machine but no server; that nothing answers; that there is no way there. */
static int weight(const struct sw_error *error) {
    switch (error->err) {
    case SW_SYSTEM: break;
    case SW_BINDADDRESS:
    case SW_BINDPORT:
    case SW_BINDDENIED:
    case SW_BINDPAIR:
    case SW_TLS:
    case SW_TLSCUT: return 5;
    default: return 4;
    }
    switch (error->sys) {
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
    case EADDRNOTAVAIL: return 5;
    case ECONNREFUSED:
    case ECONNRESET: return 4;
    case ETIMEDOUT: return 3;
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ENETDOWN:
    case EAFNOSUPPORT: return 1;
    default: return 2;
    }
}

static struct sw_error error_of(const struct race *race, unsigned index) {
    if (race->entrants[index].error.err != SW_OK) return race->entrants[index].error;
    return race->entrants[index].is_tried ? sw_error_system(ETIMEDOUT, SW_STAGE_CONNECT)
                                          : sw_error_make(SW_UNTRIED, SW_STAGE_CONNECT);
}

static float seconds_of(const struct race *race, unsigned index) {
    const struct entrant *entrant = &race->entrants[index];
    if (!entrant->is_tried) return 0;
    return entrant->fd >= 0 ? (float)(sw_clock() - entrant->started_at) : entrant->seconds;
}

struct sw_causes *sw_race_causes(const struct race *race) {
    struct sw_causes *causes =
        sw_causes_new_detailed(race->count, race->detailed, race->details != NULL ? race->details : "");
    if (causes == NULL) return NULL;
    causes->count = 0;
    for (unsigned i = 0; i < race->count; i++) {
        if (race->is_ended && !race->entrants[i].is_tried) continue;
        if (i == race->detailed) causes->detailed = causes->count;
        causes->list[causes->count++] = (struct sw_cause){
            .address = sw_address_ip(&race->entrants[i].address),
            .error = error_of(race, i),
            .seconds = seconds_of(race, i),
        };
    }
    return causes;
}

struct sw_error sw_race_failure(const struct race *race, struct sw_ip *address) {
    struct sw_error worst = sw_error_system(ETIMEDOUT, SW_STAGE_CONNECT);
    int most = 0;
    for (unsigned i = 0; i < race->count; i++) {
        if (!race->entrants[i].is_tried) continue;
        struct sw_error error = error_of(race, i);
        int told = weight(&error);
        if (told <= most) continue;
        most = told;
        worst = error;
        *address = sw_address_ip(&race->entrants[i].address);
    }
    return worst;
}

void sw_race_free(struct race *race) {
    if (race == NULL) return;
    stop(race);
    free(race->details);
    free(race);
}
