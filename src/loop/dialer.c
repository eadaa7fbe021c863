#include "loop/dialer.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/options.h"
#include "loop/greeting.h"
#include "loop/plain.h"
#include "loop/socket.h"

/* When other lookups of this process fill all places, look again so soon. */
static const double LOOKUP_RETRY = 0.02;

/* In the order in which they are carried out. */
static const struct stage *const stages[] = {&sw_greeting_stage};

static void set_timer(struct dialer *dialer, double seconds) {
    sw_reactor_set_timer(dialer->reactor, &dialer->timer, seconds);
}

static double time_left(const struct dialer *dialer) { return dialer->deadline - sw_clock(); }

/* --- the end of an attempt --- */

static void close_socket(struct dialer *dialer) {
    ev_io_stop(dialer->reactor->ev, &dialer->writer);
    if (dialer->fd >= 0) sw_socket_close(dialer->fd, &dialer->channel->fd);
    dialer->fd = -1;
}

/* Nothing of the attempt goes on but its lookup. */
static void end(struct dialer *dialer, enum dialer_status status) {
    dialer->status = status;
    ev_timer_stop(dialer->reactor->ev, &dialer->timer);
    ev_io_stop(dialer->reactor->ev, &dialer->writer);
    free(dialer->addresses);
    dialer->addresses = NULL;
}

static void fail(struct dialer *dialer, struct sw_error error) {
    close_socket(dialer);
    dialer->error = error;
    end(dialer, DIALER_FAILED);
}

static void make_ready(struct dialer *dialer) {
    dialer->yield = (struct stage_yield){.head = NULL};
    for (size_t i = 0; i < sizeof stages / sizeof stages[0]; i++) stages[i]->start(dialer->channel, &dialer->yield);
    sw_plain_open(&dialer->transport, dialer->fd, &dialer->channel->fd);
    dialer->fd = -1;
    end(dialer, DIALER_READY);
}

void sw_dialer_take(struct dialer *dialer, struct sw_transport *transport, struct stage_yield *yield) {
    assert(dialer->status == DIALER_READY);
    *transport = dialer->transport;
    *yield = dialer->yield;
    dialer->transport.table = NULL;
    dialer->yield.head = NULL;
    dialer->status = DIALER_IDLE;
}

void sw_dialer_cancel(struct dialer *dialer) {
    close_socket(dialer);
    if (sw_transport_is_open(&dialer->transport)) dialer->transport.table->close(&dialer->transport);
    sw_greeting_unref(dialer->yield.head);
    dialer->yield.head = NULL;
    end(dialer, DIALER_IDLE);
}

/* --- connecting: the addresses in order --- */

static void try_next(struct dialer *dialer);

static void address_failed(struct dialer *dialer, struct sw_error error) {
    close_socket(dialer);
    dialer->error = error;
    try_next(dialer);
}

static void look_at_socket(struct dialer *dialer) {
    int failed = sw_socket_outcome(dialer->fd);
    if (failed < 0) return;
    if (failed > 0) {
        address_failed(dialer, sw_error_system(failed, SW_STAGE_CONNECT));
    } else if (sw_socket_is_self(dialer->fd)) {
        sw_socket_set_abort(dialer->fd);
        address_failed(dialer, sw_error_make(SW_SELF, SW_STAGE_CONNECT));
    } else {
        make_ready(dialer);
    }
}

static void wait_for_socket(struct dialer *dialer) {
    ev_io_set(&dialer->writer, dialer->fd, EV_WRITE);
    ev_io_start(dialer->reactor->ev, &dialer->writer);
    sw_reactor_run_again(dialer->reactor);
    /* What is left of the attempt's time is shared among the addresses that are left, so that one black hole does not
     * take it all. */
    size_t left = dialer->addresses->count - dialer->next + 1;
    set_timer(dialer, time_left(dialer) / (double)left);
}

static void try_next(struct dialer *dialer) {
    while (dialer->next < dialer->addresses->count) {
        const struct sw_address *address = &dialer->addresses->list[dialer->next++];
        bool done;
        dialer->address = sw_address_ip(address);
        int failed = sw_socket_connect(address, dialer->channel->options, &dialer->channel->fd, &dialer->fd, &done);
        if (failed != 0) {
            dialer->error = sw_error_system(failed, SW_STAGE_CONNECT);
            continue;
        }
        wait_for_socket(dialer);
        if (done) look_at_socket(dialer);
        return;
    }
    fail(dialer, dialer->error);
}

static void connect_to(struct dialer *dialer, const struct sw_addresses *addresses) {
    dialer->addresses = malloc(sizeof *addresses);
    if (dialer->addresses == NULL) {
        fail(dialer, sw_error_system(ENOMEM, SW_STAGE_CONNECT));
        return;
    }
    *dialer->addresses = *addresses;
    dialer->next = 0;
    dialer->status = DIALER_CONNECTING;
    try_next(dialer);
}

/* --- resolving --- */

static void on_answer(struct sw_lookup *lookup);

static void look_up(struct dialer *dialer) {
    set_timer(dialer, time_left(dialer));
    if (dialer->lookup != NULL) return; /* of an earlier attempt: what it finds may do for this one */
    int failed = sw_resolver_start(dialer->channel->engine, dialer->server, on_answer, dialer, &dialer->lookup);
    if (failed == EAGAIN)
        set_timer(dialer, LOOKUP_RETRY);
    else if (failed != 0)
        fail(dialer, sw_error_system(failed, SW_STAGE_RESOLVE));
}

static void use_answer(struct dialer *dialer, const struct sw_lookup *lookup) {
    if (!sw_server_equal(lookup->server, dialer->server))
        look_up(dialer);
    else if (lookup->error.err != SW_OK)
        fail(dialer, lookup->error);
    else
        connect_to(dialer, &lookup->addresses);
}

/* --- events --- */

static void on_answer(struct sw_lookup *lookup) {
    struct dialer *dialer = lookup->owner;
    dialer->lookup = NULL;
    if (dialer->status != DIALER_RESOLVING) return;
    use_answer(dialer, lookup);
    if (dialer->status != DIALER_RESOLVING) dialer->on_change(dialer);
}

static void handle_timeout(struct dialer *dialer) {
    if (dialer->status == DIALER_CONNECTING)
        address_failed(dialer, sw_error_system(ETIMEDOUT, SW_STAGE_CONNECT));
    else if (time_left(dialer) <= 0)
        fail(dialer, sw_error_system(ETIMEDOUT, SW_STAGE_RESOLVE));
    else
        look_up(dialer);
}

static void on_timer(struct ev_loop *ev, ev_timer *timer, int events) {
    (void)ev, (void)events;
    struct dialer *dialer = timer->data;
    enum dialer_status before = dialer->status;
    handle_timeout(dialer);
    if (dialer->status != before) dialer->on_change(dialer);
}

static void on_writable(struct ev_loop *ev, ev_io *writer, int events) {
    (void)ev;
    struct dialer *dialer = writer->data;
    if (events & EV_ERROR)
        address_failed(dialer, sw_error_system(EIO, SW_STAGE_CONNECT));
    else
        look_at_socket(dialer);
    if (dialer->status != DIALER_CONNECTING) dialer->on_change(dialer);
}

/* --- for the owner --- */

void sw_dialer_init(struct dialer *dialer, struct sw_reactor *reactor, struct sw_channel *channel,
                    void (*on_change)(struct dialer *dialer)) {
    memset(dialer, 0, sizeof *dialer);
    dialer->reactor = reactor;
    dialer->channel = channel;
    dialer->on_change = on_change;
    dialer->fd = -1;
    ev_init(&dialer->timer, on_timer);
    ev_init(&dialer->writer, on_writable);
    dialer->timer.data = dialer->writer.data = dialer;
}

void sw_dialer_fini(struct dialer *dialer) {
    if (dialer->lookup != NULL) dialer->lookup->owner = NULL;
    sw_server_unref(dialer->server);
}

void sw_dialer_set_server(struct dialer *dialer, struct sw_server *server) {
    sw_server_set(&dialer->server, server);
    dialer->address = (struct sw_ip){.version = 0};
    dialer->port = server->port;
}

void sw_dialer_start(struct dialer *dialer) {
    struct sw_addresses addresses;
    dialer->began = sw_clock();
    dialer->deadline = dialer->began + dialer->channel->options->connect_timeout;
    if (sw_resolver_numeric(dialer->server, &addresses)) {
        connect_to(dialer, &addresses);
        return;
    }
    dialer->status = DIALER_RESOLVING;
    look_up(dialer);
}
