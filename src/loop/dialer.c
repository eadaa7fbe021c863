#include "loop/dialer.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/options.h"
#include "base/rules.h"
#include "base/tunables.h"
#include "loop/greet.h"
#include "loop/handshake.h"
#include "loop/plain.h"
#include "loop/preamble.h"
#include "loop/race.h"
#include "loop/unix.h"

/* The stages, in the order in which the dialer carries them out. */
static const struct stage *const stages[] = {&sw_preamble_stage, &sw_handshake_stage, &sw_greeting_stage};
enum { STAGES = sizeof stages / sizeof stages[0] };

/* What the dialer needs only during an attempt. */
struct attempt {
    ev_timer timer;            /* RESOLVING: to the next check of the lookup; CONNECTING: to the end of the attempt */
    double started_at;         /* sw_clock: when the attempt began */
    float waited;              /* seconds of it in which its lookup had no turn */
    unsigned lookups_ahead;    /* RESOLVING: sw_dialer_lookups_ahead */
    struct sw_lookup *lookup;  /* RESOLVING; else NULL */
    struct race *race;         /* CONNECTING; else NULL */
    struct sw_causes *refused; /* addresses that the host's policy refuses; one reference; NULL: none */
    bool is_looked_up;         /* the address is not numeric */
    double resolved_at;        /* CONNECTING, READY: sw_clock when the addresses were known */
    double connected_at;       /* sw_clock when the TCP connection was made; 0: it was not */
    struct sw_transport transport; /* from then on */
    struct stage_run run;          /* the same */
    unsigned stage;                /* CONNECTING, connected: index of the one that is under way */
    ev_io io;                      /* what it waits for */
    struct sw_job job;             /* its next step */
    struct dialer *dialer;
    struct tls_session *session; /* the dialer's, meanwhile */
};

static const struct sw_server *server_of(const struct dialer *dialer) {
    return sw_servers_at(dialer->servers, dialer->index);
}

static void set_timer(struct dialer *dialer, double seconds) {
    sw_reactor_set_timer(dialer->common->reactor, &dialer->attempt->timer, seconds);
}

static double time_left(const struct dialer *dialer) {
    return dialer->attempt->started_at + dialer->attempt->waited + dialer->common->channel->options->connect_timeout -
           sw_clock();
}

/* --- the end of an attempt --- */

static void free_attempt(struct dialer *dialer) {
    ev_timer_stop(dialer->common->reactor->ev, &dialer->attempt->timer);
    ev_io_stop(dialer->common->reactor->ev, &dialer->attempt->io);
    sw_reactor_cancel_job(dialer->common->reactor, &dialer->attempt->job);
    free(dialer->attempt->run.tls);
    sw_race_free(dialer->attempt->race);
    sw_causes_unref(dialer->attempt->refused);
    struct tls_session *session = dialer->attempt->session;
    free(dialer->attempt);
    dialer->session = session;
    dialer->has_attempt = false;
}

/* Closes the connection, if there is one, and drops what the stages have made of it. */
static void drop_connection(struct attempt *attempt) {
    if (attempt->run.state != NULL) stages[attempt->stage]->cancel(&attempt->run);
    if (sw_transport_is_open(&attempt->transport)) attempt->transport.table->close(&attempt->transport);
    sw_greeting_unref(attempt->run.opening);
    free(attempt->run.tls);
    attempt->run = (struct stage_run){.channel = NULL};
    attempt->connected_at = 0;
}

void sw_dialer_cancel(struct dialer *dialer) {
    dialer->status = DIALER_IDLE;
    if (!dialer->has_attempt) return;
    struct attempt *attempt = dialer->attempt;
    if (attempt->lookup != NULL) sw_lookup_cancel(attempt->lookup);
    drop_connection(attempt);
    free_attempt(dialer);
}

/* Takes over the reference; NULL: none. */
static void set_causes(struct dialer *dialer, struct sw_causes *causes) {
    sw_causes_unref(dialer->causes);
    dialer->causes = causes;
}

static void fail(struct dialer *dialer, struct sw_error error) {
    sw_dialer_cancel(dialer);
    dialer->error = error;
    dialer->status = DIALER_FAILED;
}

struct sw_tls_info *sw_dialer_take_tls(struct dialer *dialer) {
    struct sw_tls_info *tls = dialer->attempt->run.tls;
    dialer->attempt->run.tls = NULL;
    return tls;
}

struct sw_greeting *sw_dialer_take(struct dialer *dialer, struct sw_transport *transport) {
    assert(dialer->status == DIALER_READY);
    struct sw_greeting *opening = dialer->attempt->run.opening;
    *transport = dialer->attempt->transport;
    free_attempt(dialer);
    dialer->status = DIALER_IDLE;
    return opening;
}

/* --- the stages --- */

_Static_assert((int)SW_READ_BUFFER >= (int)SW_TLS_SCRATCH, "the buffer for reads serves TLS, too");

static void resume_stage(struct stage_run *run) {
    struct attempt *attempt = SW_HOLDER(run, struct attempt, run);
    sw_reactor_add_job(attempt->dialer->common->reactor, &attempt->job);
}

/* Begins the stages on the connection that the race has won. */
static enum stage_status begin_stages(struct dialer *dialer) {
    struct attempt *attempt = dialer->attempt;
    int fd = sw_race_take(attempt->race, &dialer->address);
    if (server_of(dialer)->scheme == SW_SCHEME_UNIX)
        sw_unix_open(&attempt->transport, fd);
    else
        sw_plain_open(&attempt->transport, fd);
    attempt->connected_at = sw_clock();
    attempt->run = (struct stage_run){
        .channel = dialer->common->channel,
        .server = server_of(dialer),
        .transport = &attempt->transport,
        .session = &attempt->session,
        .scratch = dialer->common->reactor->buffer,
        .resume = resume_stage,
    };
    attempt->stage = 0;
    return stages[0]->start(&attempt->run);
}

/* Acts on what a stage has said, and begins those that follow. Returns what the last one has said. */
static enum stage_status go_through(struct dialer *dialer, enum stage_status status) {
    struct attempt *attempt = dialer->attempt;
    while (status == STAGE_DONE && ++attempt->stage < STAGES) status = stages[attempt->stage]->start(&attempt->run);
    if (status == STAGE_DONE) dialer->status = DIALER_READY;
    if (status != STAGE_WAITS) return status;
    dialer->status = DIALER_STAGES;
    if (attempt->run.events == 0) return status;
    ev_io_set(&attempt->io, attempt->transport.fd, attempt->run.events);
    ev_io_start(dialer->common->reactor->ev, &attempt->io);
    return status;
}

/* The race is lost, or connect_timeout is over. */
static void end_race(struct dialer *dialer, struct sw_error error) {
    set_causes(dialer, sw_causes_join(sw_race_causes(dialer->attempt->race), dialer->attempt->refused));
    fail(dialer, error);
}

static void lose_race(struct dialer *dialer) {
    end_race(dialer, sw_race_failure(dialer->attempt->race, &dialer->address));
}

/* A stage has failed: drops the connection. Returns true if the race has won another one. If it goes on, its callback tells
 * how it ends. The next attempt tries this address last. */
static bool drop_address(struct dialer *dialer) {
    struct attempt *attempt = dialer->attempt;
    const struct sw_tls_failure failure = attempt->run.failure;
    bool goes_on = attempt->run.is_of_address;
    drop_connection(attempt);
    dialer->avoids_address = true;
    dialer->status = DIALER_CONNECTING;
    sw_race_reject(attempt->race, failure.error, failure.details, goes_on);
    if (!goes_on)
        end_race(dialer, failure.error);
    else if (attempt->race->status == RACE_LOST)
        lose_race(dialer);
    return dialer->status == DIALER_CONNECTING && attempt->race->status == RACE_WON;
}

static void proceed(struct dialer *dialer, enum stage_status status) {
    while (go_through(dialer, status) == STAGE_FAILED && drop_address(dialer)) status = begin_stages(dialer);
}

static void time_out_stage(struct dialer *dialer) {
    struct stage_run *run = &dialer->attempt->run;
    proceed(dialer, sw_stage_fail(run, sw_error_system(ETIMEDOUT, SW_STAGE_TLS))); /* the one stage that waits */
}

static void on_stage_job(struct sw_job *job) {
    struct attempt *attempt = SW_HOLDER(job, struct attempt, job);
    struct dialer *dialer = attempt->dialer;
    proceed(dialer, stages[attempt->stage]->go_on(&attempt->run));
    if (dialer->status != DIALER_STAGES) dialer->on_change(dialer);
}

static void on_stage_io(struct ev_loop *ev, ev_io *io, int events) {
    struct attempt *attempt = io->data;
    (void)events; /* after EV_ERROR the next step finds what is wrong, or the attempt times out */
    ev_io_stop(ev, io);
    resume_stage(&attempt->run);
}

static void check_race(struct dialer *dialer) {
    switch (dialer->attempt->race->status) {
    case RACE_RUNNING: break;
    case RACE_WON: proceed(dialer, begin_stages(dialer)); break;
    case RACE_LOST: lose_race(dialer); break;
    }
}

static void on_race(struct race *race) {
    struct dialer *dialer = race->owner;
    check_race(dialer);
    dialer->on_change(dialer);
}

/* Moves the addresses of a name that the host's policy refuses to attempt->refused. False: no memory. */
static bool keep_admitted(struct dialer *dialer, struct sw_addresses *addresses) {
    struct sw_causes *refused = NULL;
    size_t count = 0;
    for (size_t i = 0; i < addresses->count; i++) {
        struct sw_ip ip = sw_address_ip(&addresses->list[i]);
        struct sw_error error = sw_rules_judge_address(dialer->servers->rules, &ip, dialer->port);
        if (error.err == SW_OK) {
            addresses->list[count++] = addresses->list[i];
            continue;
        }
        if (refused == NULL) {
            refused = sw_causes_new((unsigned)addresses->count);
            if (refused == NULL) return false;
            refused->count = 0;
        }
        refused->list[refused->count++] = (struct sw_cause){.address = ip, .error = error};
    }
    addresses->count = count;
    dialer->attempt->refused = refused;
    return true;
}

/* Leaves out the addresses to which a socket that is bound as the options say cannot connect. */
static void keep_family(const struct sw_bind *bind, struct sw_addresses *addresses) {
    size_t count = 0;
    if (bind->address.version == 0) return;
    for (size_t i = 0; i < addresses->count; i++)
        if (sw_address_ip(&addresses->list[i]).version == bind->address.version)
            addresses->list[count++] = addresses->list[i];
    addresses->count = count;
}

/* The policy refuses every address of the name. */
static void refuse(struct dialer *dialer, struct sw_causes *refused) {
    dialer->address = refused->list[0].address;
    set_causes(dialer, sw_causes_ref(refused));
    fail(dialer, refused->list[0].error);
}

static void connect_to(struct dialer *dialer, struct sw_addresses *addresses) {
    static const struct sw_ip none;
    const struct sw_ip *last = dialer->avoids_address ? &dialer->address : &none;
    dialer->attempt->resolved_at = sw_clock();
    if (server_of(dialer)->scheme != SW_SCHEME_UNIX) keep_family(&dialer->common->channel->options->bind, addresses);
    if (addresses->count == 0) {
        set_causes(dialer, sw_causes_new(0));
        fail(dialer, sw_error_make(SW_BINDFAMILY, SW_STAGE_CONNECT));
        return;
    }
    sw_addresses_set_port(addresses, dialer->port);
    dialer->attempt->race = sw_race_new(dialer->common, addresses, last, on_race, dialer);
    if (dialer->attempt->race == NULL) {
        fail(dialer, sw_error_system(ENOMEM, SW_STAGE_CONNECT));
        return;
    }
    dialer->status = DIALER_CONNECTING;
    set_timer(dialer, time_left(dialer));
    check_race(dialer);
}

/* --- resolving --- */

static void use_answer(struct dialer *dialer, const struct sw_answer *answer) {
    struct sw_addresses addresses = answer->addresses;
    if (answer->error.err != SW_OK)
        fail(dialer, answer->error);
    else if (!keep_admitted(dialer, &addresses))
        fail(dialer, sw_error_system(ENOMEM, SW_STAGE_CONNECT));
    else if (addresses.count == 0 && dialer->attempt->refused != NULL)
        refuse(dialer, dialer->attempt->refused);
    else
        connect_to(dialer, &addresses);
}

static void on_answer(struct sw_lookup *lookup);

/* The time before the lookup has its turn does not count against connect_timeout. */
static void note_turn(struct dialer *dialer, const struct sw_turn *turn) {
    dialer->attempt->waited = turn->has_come ? (float)fmax(turn->since - dialer->attempt->lookup->asked_at, 0) : 0;
}

/* The lookup has no answer yet. It may wait for its turn as long as it may then take. */
static void check_lookup(struct dialer *dialer) {
    struct sw_turn turn = sw_lookup_turn(dialer->attempt->lookup);
    note_turn(dialer, &turn);
    double left = time_left(dialer);
    if (left <= 0) {
        fail(dialer, turn.has_come ? sw_error_system(ETIMEDOUT, SW_STAGE_RESOLVE) : sw_error_lookups(turn.under_way));
        return;
    }
    dialer->attempt->lookups_ahead = turn.has_come ? 0 : turn.under_way;
    set_timer(dialer, turn.has_come ? left : fmin(left, SW_TURN_CHECK));
}

static void look_up(struct dialer *dialer) {
    dialer->attempt->is_looked_up = true;
    dialer->attempt->lookup =
        sw_lookup_start(dialer->common->channel->engine, server_of(dialer)->hostname, on_answer, dialer);
    if (dialer->attempt->lookup == NULL)
        fail(dialer, sw_error_system(ENOMEM, SW_STAGE_RESOLVE));
    else
        check_lookup(dialer);
}

unsigned sw_dialer_lookups_ahead(const struct dialer *dialer) {
    return dialer->status == DIALER_RESOLVING ? dialer->attempt->lookups_ahead : 0;
}

/* --- events --- */

static void on_answer(struct sw_lookup *lookup) {
    struct dialer *dialer = lookup->owner;
    struct sw_turn turn = sw_lookup_turn(lookup);
    note_turn(dialer, &turn);
    dialer->attempt->lookup = NULL; /* it is freed after this call */
    use_answer(dialer, lookup->answer);
    dialer->on_change(dialer);
}

static void handle_timeout(struct dialer *dialer) {
    if (dialer->status == DIALER_RESOLVING)
        check_lookup(dialer);
    else if (dialer->attempt->connected_at == 0)
        lose_race(dialer);
    else
        time_out_stage(dialer);
}

static void on_timer(struct ev_loop *ev, ev_timer *timer, int events) {
    (void)ev, (void)events;
    struct dialer *dialer = timer->data;
    enum dialer_status before = dialer->status;
    unsigned ahead = sw_dialer_lookups_ahead(dialer);
    handle_timeout(dialer);
    if (dialer->status != before || sw_dialer_lookups_ahead(dialer) != ahead) dialer->on_change(dialer);
}

/* --- functions for the owner --- */

struct dialer_times sw_dialer_times(const struct dialer *dialer) {
    const struct attempt *attempt = dialer->attempt;
    double began = attempt->is_looked_up ? attempt->resolved_at : dialer->attempt->started_at;
    return (struct dialer_times){
        .all = sw_clock() - dialer->attempt->started_at,
        .dns = began - dialer->attempt->started_at,
        .turn = dialer->attempt->waited,
        .tcp = attempt->connected_at - began,
    };
}

void sw_dialer_init(struct dialer *dialer, struct common *common, void (*on_change)(struct dialer *dialer)) {
    memset(dialer, 0, sizeof *dialer);
    dialer->common = common;
    dialer->on_change = on_change;
}

void sw_dialer_fini(struct dialer *dialer) {
    assert(!dialer->has_attempt);
    set_causes(dialer, NULL);
    sw_tls_session_unref(dialer->session);
    sw_servers_unref(dialer->servers);
}

void sw_dialer_set_server(struct dialer *dialer, struct sw_servers *servers, unsigned index) {
    const struct sw_server *server = sw_servers_at(servers, index);
    bool is_same = dialer->servers != NULL && sw_server_equal(server_of(dialer), server);
    sw_servers_set(&dialer->servers, servers);
    dialer->index = (uint8_t)index;
    struct tls_session *session = dialer->has_attempt ? dialer->attempt->session : dialer->session;
    if (!is_same && session != NULL) sw_tls_session_forget(session);
    if (is_same && dialer->avoids_address) return;
    dialer->avoids_address = false;
    dialer->address = (struct sw_ip){.version = 0};
    dialer->port = server->port;
}

static bool make_attempt(struct dialer *dialer) {
    struct attempt *attempt = calloc(1, sizeof *attempt);
    if (attempt == NULL) {
        fail(dialer, sw_error_system(ENOMEM, SW_STAGE_CONNECT));
        return false;
    }
    attempt->session = dialer->session;
    dialer->attempt = attempt;
    dialer->has_attempt = true;
    ev_init(&dialer->attempt->timer, on_timer);
    ev_init(&dialer->attempt->io, on_stage_io);
    dialer->attempt->timer.data = dialer;
    dialer->attempt->io.data = dialer->attempt;
    dialer->attempt->job.run = on_stage_job;
    dialer->attempt->dialer = dialer;
    return true;
}

/* False: it is the name of a host. Else *addresses holds what the server names itself, or *error says what is wrong. */
static bool needs_no_lookup(const struct sw_server *server, struct sw_addresses *addresses, struct sw_error *error) {
    if (server->scheme != SW_SCHEME_UNIX) return sw_resolve_numeric(server->hostname, addresses, error);
    addresses->count = 1;
    sw_address_set_unix(&addresses->list[0], server->hostname);
    *error = sw_error_make(SW_OK, SW_STAGE_CONNECT);
    return true;
}

void sw_dialer_start(struct dialer *dialer) {
    struct sw_addresses addresses;
    struct sw_error error;
    sw_dialer_cancel(dialer);
    set_causes(dialer, NULL);
    if (!make_attempt(dialer)) return;
    dialer->attempt->started_at = sw_clock();
    if (!needs_no_lookup(server_of(dialer), &addresses, &error)) {
        dialer->status = DIALER_RESOLVING;
        look_up(dialer);
    } else if (error.err == SW_OK) {
        connect_to(dialer, &addresses);
    } else {
        fail(dialer, error);
    }
}
