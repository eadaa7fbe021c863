#include "host/undelivered.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "channel/report.h"
#include "host/causes.h"
#include "host/ends.h"
#include "host/event.h"
#include "host/handle.h"
#include "host/luacompat.h"
#include "host/receiveq.h"

bool sw_undelivered_peek(const struct client *client, bool in_order, struct sw_undelivered *undelivered) {
    const struct sw_report *report = sw_receiveq_report(client, in_order);
    undelivered->serial = client->serial;
    undelivered->in_order = in_order;
    if (report != NULL)
        undelivered->event = sw_report_ranges(report) > 0 ? SW_EVENT_LOST : report->event;
    else
        undelivered->event = SW_EVENT_MESSAGE;
    return report != NULL || (in_order && sw_receiveq_count_messages(client) > 0);
}

/* Pushes the message that a connection did not bring to its end, or nil if there was no room for it. To push it may run a
 * finalizer, which may poll and free the report; then the string is not valid. */
static void push_partial(lua_State *L, const struct client *client) {
    const struct sw_report *report = client->reports.head;
    const struct sw_partial *partial = report->partial;
    size_t size = partial != NULL ? partial->size : 0;
    if (report->lacks_partial) {
        lua_pushnil(L);
    } else if (size == 0 || SW_PUSH_COPIES_FIRST) {
        lua_pushlstring(L, size > 0 ? (const char *)partial->bytes : "", size);
    } else {
        luaL_Buffer buffer;
        uint64_t serial = client->serial;
        char *to = luaL_buffinitsize(L, &buffer, size);
        if (client->serial == serial) memcpy(to, partial->bytes, size);
        luaL_pushresultsize(&buffer, size);
    }
}

static int push_report(lua_State *L, const struct client *client, enum sw_event event) {
    const struct sw_report *report = client->reports.head;
    const struct sw_report *kept = event == SW_EVENT_LOST ? sw_reports_first_kept(report) : NULL;
    if (kept != NULL) report = kept;
    const struct sw_report copy = *report; /* pushing may run a finalizer, which may poll and free the report */
    struct sw_end_copy end;
    sw_causes_copy(sw_report_causes(report), &end.causes);
    sw_bad_frame_copy(sw_report_bad_frame(report), &client->channel->options->framing, &end.frame);
    end.wanted = &client->channel->options->tls->values;
    end.has_tls = report->event == SW_EVENT_CONNECT && report->tls != NULL;
    if (end.has_tls) end.tls = *report->tls;
    if (event == SW_EVENT_DISCONNECT || event == SW_EVENT_ERROR) push_partial(L, client);
    if (event != SW_EVENT_LOST) return sw_push_report(L, &copy, &end, sw_servers_at(client->servers, copy.server));
    bool unknown = copy.lost_unknown.first != 0;
    return sw_push_loss(L, unknown ? copy.lost_unknown : copy.lost_unsent, unknown ? "unknown" : "unsent");
}

static int take_report(lua_State *L, struct client *client, const struct sw_undelivered *undelivered) {
    int count = push_report(L, client, undelivered->event);
    if (client->serial != undelivered->serial) {
        lua_pop(L, count);
        return -1;
    }
    if (undelivered->event == SW_EVENT_CLOSE) client->is_over = true;
    if (undelivered->event == SW_EVENT_CONNECT) client->seen = client->reports.head->connection;
    if (undelivered->event == SW_EVENT_DISCONNECT) client->seen = 0;
    if (undelivered->in_order) sw_ends_pass_in_order(client, client->reports.head);
    if (undelivered->event == SW_EVENT_LOST)
        sw_receiveq_consume_loss(client);
    else
        sw_receiveq_consume_report(client);
    return count;
}

int sw_undelivered_take(lua_State *L, struct client *client, const struct sw_undelivered *undelivered) {
    if (client->serial != undelivered->serial) return -1;
    if (undelivered->event != SW_EVENT_MESSAGE) return take_report(L, client, undelivered);
    return sw_receiveq_take_message(L, client) ? 1 : -1;
}

bool sw_undelivered_is_wanted(const struct client *client, enum sw_event event) {
    return !client->is_closed || event == SW_EVENT_LOST || event == SW_EVENT_CLOSE;
}

void sw_undelivered_finish(lua_State *L, int index, struct client *client) {
    sw_receiveq_post_credit(client);
    sw_receiveq_schedule(client);
    sw_client_anchor(L, index, client);
}
