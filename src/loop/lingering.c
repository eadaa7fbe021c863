#include "loop/lingering.h"

#include <errno.h>
#include <ev.h>
#include <stdlib.h>

#include "base/clock.h"
#include "loop/socket.h"

struct lingering {
    struct lingering *next; /* in the reactor's list, which is short */
    struct sw_reactor *reactor;
    struct sw_channel *channel; /* one reference */
    struct sw_transport transport;
    double deadline; /* sw_clock */
    ev_io reader;
    ev_timer timer;
};

static void take_out(const struct lingering *lingering) {
    struct lingering **place = &lingering->reactor->lingering;
    while (*place != lingering) place = &(*place)->next;
    *place = lingering->next;
}

static void end(struct lingering *lingering) {
    ev_io_stop(lingering->reactor->ev, &lingering->reader);
    ev_timer_stop(lingering->reactor->ev, &lingering->timer);
    lingering->transport.table->close(&lingering->transport);
    sw_channel_unref(lingering->channel);
    take_out(lingering);
    sw_reactor_skip_sleep(lingering->reactor); /* a loop that is to end looks whether it may */
    free(lingering);
}

/* One read at a time: the loop has other sockets, and nobody waits for these bytes. */
static void on_readable(struct ev_loop *ev, ev_io *reader, int events) {
    (void)ev;
    struct lingering *lingering = reader->data;
    ptrdiff_t got = -EIO;
    if (!(events & EV_ERROR))
        got = lingering->transport.table->receive(&lingering->transport, lingering->reactor->buffer, SW_READ_BUFFER);
    if (got <= 0 && got != -EAGAIN && got != -EWOULDBLOCK) end(lingering);
}

static void on_timer(struct ev_loop *ev, ev_timer *timer, int events) {
    (void)ev, (void)events;
    end(timer->data);
}

static void set_deadline(struct lingering *lingering, double deadline) {
    lingering->deadline = deadline;
    sw_reactor_set_timer(lingering->reactor, &lingering->timer, deadline - sw_clock());
}

static void end_of(const struct sw_reactor *reactor, const struct sw_channel *channel) {
    struct lingering *lingering = reactor->lingering;
    while (lingering != NULL && lingering->channel != channel) lingering = lingering->next;
    if (lingering != NULL) end(lingering);
}

void sw_lingering_start(struct sw_reactor *reactor, struct sw_channel *channel, const struct sw_transport *transport,
                        double deadline) {
    struct sw_transport taken = *transport;
    end_of(reactor, channel);
    struct lingering *lingering = malloc(sizeof *lingering);
    if (lingering == NULL) {
        taken.table->close(&taken);
        return;
    }
    *lingering = (struct lingering){
        .next = reactor->lingering, .reactor = reactor, .channel = sw_channel_ref(channel), .transport = taken};
    reactor->lingering = lingering;
    ev_io_init(&lingering->reader, on_readable, taken.fd, EV_READ);
    ev_init(&lingering->timer, on_timer);
    lingering->reader.data = lingering->timer.data = lingering;
    ev_io_start(reactor->ev, &lingering->reader);
    set_deadline(lingering, deadline);
}

void sw_lingering_hurry(struct sw_reactor *reactor, double seconds) {
    double deadline = sw_clock() + seconds;
    for (struct lingering *lingering = reactor->lingering, *next; lingering != NULL; lingering = next) {
        next = lingering->next;
        if (seconds <= 0)
            end(lingering);
        else if (lingering->deadline > deadline)
            set_deadline(lingering, deadline);
    }
}
