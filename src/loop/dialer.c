#include "loop/dialer.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/options.h"
#include "base/tunables.h"
#include "loop/greet.h"
#include "loop/plain.h"
#include "loop/socket.h"

/* The stages, in the order in which the dialer carries them out. */
static const struct stage *const stages[] = {&sw_greeting_stage};

/* What the dialer needs only during an attempt. */
struct attempt {
    ev_timer timer;
    ev_io writer;
    unsigned lookups_ahead;        /* RESOLVING: sw_dialer_lookups_ahead */
    int fd;                        /* CONNECTING: the socket; -1: none */
    struct sw_transport transport; /* READY */
    struct stage_result result;    /* READY */
    unsigned count, next;          /* CONNECTING: number of addresses; index of the one to try next */
    struct sw_address addresses[]; /* the addresses of the name */
};

static void set_timer(struct dialer *dialer, double seconds) {
    sw_reactor_set_timer(dialer->common->reactor, &dialer->attempt->timer, seconds);
}

static double time_left(const struct dialer *dialer) {
    return dialer->started_at + dialer->waited + dialer->common->channel->options->connect_timeout - sw_clock();
}

/* --- the end of an attempt --- */

static void close_socket(struct dialer *dialer) {
    struct attempt *attempt = dialer->attempt;
    ev_io_stop(dialer->common->reactor->ev, &attempt->writer);
    if (attempt->fd >= 0) sw_socket_close(attempt->fd);
    attempt->fd = -1;
}

static void stop_timer(struct dialer *dialer) { ev_timer_stop(dialer->common->reactor->ev, &dialer->attempt->timer); }

static void free_attempt(struct dialer *dialer) {
    free(dialer->attempt);
    dialer->attempt = NULL;
}

void sw_dialer_cancel(struct dialer *dialer) {
    struct attempt *attempt = dialer->attempt;
    dialer->status = DIALER_IDLE;
    if (dialer->lookup != NULL) sw_lookup_cancel(dialer->lookup);
    dialer->lookup = NULL;
    if (attempt == NULL) return;
    close_socket(dialer);
    if (sw_transport_is_open(&attempt->transport)) attempt->transport.table->close(&attempt->transport);
    sw_greeting_unref(attempt->result.preamble);
    stop_timer(dialer);
    free_attempt(dialer);
}

static void fail(struct dialer *dialer, struct sw_error error) {
    sw_dialer_cancel(dialer);
    dialer->error = error;
    dialer->status = DIALER_FAILED;
}

static void make_ready(struct dialer *dialer) {
    struct attempt *attempt = dialer->attempt;
    for (size_t i = 0; i < sizeof stages / sizeof stages[0]; i++)
        stages[i]->start(dialer->common->channel, &attempt->result);
    sw_plain_open(&attempt->transport, attempt->fd);
    attempt->fd = -1;
    ev_io_stop(dialer->common->reactor->ev, &attempt->writer);
    stop_timer(dialer);
    dialer->status = DIALER_READY;
}

void sw_dialer_take(struct dialer *dialer, struct sw_transport *transport, struct stage_result *result) {
    assert(dialer->status == DIALER_READY);
    *transport = dialer->attempt->transport;
    *result = dialer->attempt->result;
    free_attempt(dialer);
    dialer->status = DIALER_IDLE;
}

/* --- the beginning of an attempt --- */

static void on_answer(struct sw_lookup *lookup);
static void on_timer(struct ev_loop *ev, ev_timer *timer, int events);
static void on_writable(struct ev_loop *ev, ev_io *writer, int events);

/* Allocates the attempt with its addresses, and frees the one that waited for the lookup. False: no memory; the
 * attempt has failed. */
static bool make_attempt(struct dialer *dialer, const struct sw_addresses *addresses) {
    size_t size = addresses->count * sizeof addresses->list[0];
    struct attempt *attempt = calloc(1, sizeof *attempt + size);
    sw_dialer_cancel(dialer);
    if (attempt == NULL) {
        fail(dialer, sw_error_system(ENOMEM, SW_STAGE_CONNECT));
        return false;
    }
    ev_init(&attempt->timer, on_timer);
    ev_init(&attempt->writer, on_writable);
    attempt->timer.data = attempt->writer.data = dialer;
    attempt->fd = -1;
    attempt->count = (unsigned)addresses->count;
    memcpy(attempt->addresses, addresses->list, size);
    dialer->attempt = attempt;
    return true;
}

/* --- connecting: the addresses in order --- */

static void try_next(struct dialer *dialer);

static void address_failed(struct dialer *dialer, struct sw_error error) {
    close_socket(dialer);
    dialer->error = error;
    try_next(dialer);
}

static void check_socket(struct dialer *dialer) {
    int fd = dialer->attempt->fd, failed = sw_socket_connect_result(fd);
    if (failed < 0) return;
    if (failed > 0) {
        address_failed(dialer, sw_error_system(failed, SW_STAGE_CONNECT));
    } else if (sw_socket_is_self(fd)) {
        sw_socket_set_abort(fd);
        address_failed(dialer, sw_error_make(SW_SELF, SW_STAGE_CONNECT));
    } else {
        make_ready(dialer);
    }
}

static void wait_for_socket(struct dialer *dialer) {
    struct attempt *attempt = dialer->attempt;
    ev_io_set(&attempt->writer, attempt->fd, EV_WRITE);
    ev_io_start(dialer->common->reactor->ev, &attempt->writer);
    sw_reactor_skip_sleep(dialer->common->reactor);
    /* Each address that is left gets an equal share of the time that is left, so that one address that never answers
     * does not use all of it. */
    size_t left = attempt->count - attempt->next + 1;
    set_timer(dialer, time_left(dialer) / (double)left);
}

static void try_next(struct dialer *dialer) {
    struct attempt *attempt = dialer->attempt;
    while (attempt->next < attempt->count) {
        const struct sw_address *address = &attempt->addresses[attempt->next++];
        bool connected;
        dialer->address = sw_address_ip(address);
        int failed = sw_socket_connect(address, dialer->common->channel->options, &attempt->fd, &connected);
        if (failed != 0) {
            dialer->error = sw_error_system(failed, SW_STAGE_CONNECT);
            continue;
        }
        wait_for_socket(dialer);
        if (connected) check_socket(dialer);
        return;
    }
    fail(dialer, dialer->error);
}

static void connect_to(struct dialer *dialer, const struct sw_addresses *addresses) {
    if (!make_attempt(dialer, addresses)) return;
    dialer->status = DIALER_CONNECTING;
    try_next(dialer);
}

/* --- resolving --- */

static void use_answer(struct dialer *dialer, const struct sw_answer *answer) {
    if (answer->error.err != SW_OK) {
        fail(dialer, answer->error);
        return;
    }
    struct sw_addresses addresses = answer->addresses;
    sw_addresses_set_port(&addresses, dialer->server->port);
    connect_to(dialer, &addresses);
}

/* The time before the lookup has its turn does not count against connect_timeout. */
static void note_turn(struct dialer *dialer, const struct sw_turn *turn) {
    dialer->waited = turn->has_come ? (float)fmax(turn->since - dialer->lookup->asked_at, 0) : 0;
}

/* The lookup has no answer yet. It may wait for its turn as long as it may then take. */
static void check_lookup(struct dialer *dialer) {
    struct sw_turn turn = sw_lookup_turn(dialer->lookup);
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
    dialer->lookup = sw_lookup_start(dialer->common->channel->engine, dialer->server->hostname, on_answer, dialer);
    if (dialer->lookup == NULL)
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
    dialer->lookup = NULL; /* it is freed after this call */
    use_answer(dialer, lookup->answer);
    dialer->on_change(dialer);
}

static void handle_timeout(struct dialer *dialer) {
    if (dialer->status == DIALER_CONNECTING)
        address_failed(dialer, sw_error_system(ETIMEDOUT, SW_STAGE_CONNECT));
    else
        check_lookup(dialer);
}

static void on_timer(struct ev_loop *ev, ev_timer *timer, int events) {
    (void)ev, (void)events;
    struct dialer *dialer = timer->data;
    enum dialer_status before = dialer->status;
    unsigned ahead = sw_dialer_lookups_ahead(dialer);
    handle_timeout(dialer);
    if (dialer->status != before || sw_dialer_lookups_ahead(dialer) != ahead) dialer->on_change(dialer);
}

static void on_writable(struct ev_loop *ev, ev_io *writer, int events) {
    (void)ev;
    struct dialer *dialer = writer->data;
    if (events & EV_ERROR)
        address_failed(dialer, sw_error_system(EIO, SW_STAGE_CONNECT));
    else
        check_socket(dialer);
    if (dialer->status != DIALER_CONNECTING) dialer->on_change(dialer);
}

/* --- functions for the owner --- */

void sw_dialer_init(struct dialer *dialer, struct common *common, void (*on_change)(struct dialer *dialer)) {
    memset(dialer, 0, sizeof *dialer);
    dialer->common = common;
    dialer->on_change = on_change;
}

void sw_dialer_fini(struct dialer *dialer) {
    assert(dialer->attempt == NULL);
    sw_server_unref(dialer->server);
}

void sw_dialer_set_server(struct dialer *dialer, struct sw_server *server) {
    sw_server_set(&dialer->server, server);
    dialer->address = (struct sw_ip){.version = 0};
    dialer->port = server->port;
}

void sw_dialer_start(struct dialer *dialer) {
    struct sw_addresses addresses;
    struct sw_error error;
    dialer->started_at = sw_clock();
    dialer->waited = 0;
    if (sw_resolve_numeric(dialer->server->hostname, &addresses, &error)) {
        sw_addresses_set_port(&addresses, dialer->server->port);
        if (error.err == SW_OK)
            connect_to(dialer, &addresses);
        else
            fail(dialer, error);
        return;
    }
    addresses.count = 0; /* the lookup finds them */
    if (!make_attempt(dialer, &addresses)) return;
    dialer->status = DIALER_RESOLVING;
    look_up(dialer);
}
