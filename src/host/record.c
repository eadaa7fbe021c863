#include "host/record.h"

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

#include "channel/report.h"
#include "host/event.h"
#include "host/handle.h"
#include "host/inflow.h"

bool sw_record_look(const struct client *client, bool in_order, struct sw_record *record) {
    const struct sw_report *report = sw_inflow_report(client, in_order);
    record->serial = client->serial;
    if (report != NULL)
        record->event = sw_report_ranges(report) > 0 ? SW_EVENT_LOST : report->event;
    else
        record->event = SW_EVENT_MESSAGE;
    return report != NULL || (in_order && sw_inflow_messages(client) > 0);
}

static int push_report(lua_State *L, const struct client *client, enum sw_event event) {
    const struct sw_report *report = client->reports.head;
    const struct sw_report *kept = event == SW_EVENT_LOST ? sw_reports_first_kept(report) : NULL;
    if (kept != NULL) report = kept;
    const struct sw_report copy = *report; /* pushing may run finalizers, and these may poll */
    if (event != SW_EVENT_LOST) return sw_push_report(L, &copy, client->server);
    bool unknown = copy.lost_unknown.first != 0;
    return sw_push_loss(L, unknown ? copy.lost_unknown : copy.lost_unsent, unknown ? "unknown" : "unsent");
}

static int take_report(lua_State *L, struct client *client, const struct sw_record *record) {
    int count = push_report(L, client, record->event);
    if (client->serial != record->serial) {
        lua_pop(L, count);
        return -1;
    }
    if (record->event == SW_EVENT_CLOSE) client->is_over = true;
    if (record->event == SW_EVENT_LOST)
        sw_inflow_pass_loss(client);
    else
        sw_inflow_pass_report(client);
    return count;
}

int sw_record_take(lua_State *L, struct client *client, const struct sw_record *record) {
    if (client->serial != record->serial) return -1;
    if (record->event != SW_EVENT_MESSAGE) return take_report(L, client, record);
    return sw_inflow_take_message(L, client) ? 1 : -1;
}

bool sw_record_is_wanted(const struct client *client, enum sw_event event) {
    return !client->is_closed || event == SW_EVENT_LOST || event == SW_EVENT_CLOSE;
}

void sw_record_leave(lua_State *L, int index, struct client *client) {
    sw_inflow_settle(client);
    sw_inflow_schedule(client);
    sw_client_anchor(L, index, client);
}
