#include "host/record.h"

#include "host/event.h"

/* Pushes the values of the next record, without consuming it. Returns how many, or -1: none, or a finalizer took it. */
static int push(lua_State *L, struct client *client, bool in_order, enum sw_event *event) {
    const struct sw_report *report = sw_inflow_report(client, in_order);
    if (report == NULL) {
        if (!in_order || sw_inflow_messages(client) == 0) return -1;
        *event = SW_EVENT_MESSAGE;
        return sw_inflow_push_message(L, client) ? 1 : -1;
    }
    const struct sw_report copy = *report; /* pushing may run finalizers, and these may poll */
    uint64_t serial = client->serial;
    int count;
    if (copy.lost_unknown.first != 0 || copy.lost_unsent.first != 0) {
        bool unknown = copy.lost_unknown.first != 0;
        *event = SW_EVENT_LOST;
        count = sw_push_loss(L, unknown ? copy.lost_unknown : copy.lost_unsent, unknown ? "unknown" : "unsent");
    } else {
        *event = copy.event;
        count = sw_push_report(L, &copy, client->server);
    }
    if (client->serial == serial) return count;
    lua_pop(L, count);
    return -1;
}

/* Consumes what was pushed. */
static void pass(struct client *client, enum sw_event event) {
    if (event == SW_EVENT_MESSAGE) {
        sw_inflow_pass_message(client);
        return;
    }
    if (event == SW_EVENT_CLOSE) client->is_over = true;
    if (event != SW_EVENT_LOST) {
        sw_inflow_pass_report(client);
        return;
    }
    struct sw_report *report = client->reports;
    struct sw_loss *loss = report->lost_unknown.first != 0 ? &report->lost_unknown : &report->lost_unsent;
    loss->first = 0;
    client->report_count--;
    client->serial++;
}

int sw_record_take(lua_State *L, struct client *client, bool in_order, int name_at, enum sw_event *event) {
    uint64_t serial = client->serial;
    int count = push(L, client, in_order, event);
    if (count < 0) return -1;
    if (name_at != 0) {
        lua_pushstring(L, sw_event_name(*event)); /* may run finalizers too */
        lua_replace(L, name_at);
    }
    if (client->serial != serial) return -1;
    pass(client, *event);
    return count;
}

bool sw_record_is_wanted(const struct client *client, enum sw_event event) {
    return !client->is_closed || event == SW_EVENT_LOST || event == SW_EVENT_CLOSE;
}

void sw_record_leave(lua_State *L, int index, struct client *client) {
    sw_inflow_settle(client);
    sw_inflow_schedule(client);
    sw_client_anchor(L, index);
}
