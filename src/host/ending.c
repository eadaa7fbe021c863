#include "host/ending.h"

#include <stdbool.h>

#include "base/state.h"
#include "channel/command.h"
#include "channel/host_end.h"
#include "host/receiveq.h"

void sw_client_close(struct client *client, double linger) {
    if (client->is_closed) return;
    client->is_closed = true;
    sw_context_note_linger(client->context, linger);
    sw_receiveq_drop_messages(client);
    sw_receiveq_clear_end(client);
    struct sw_snapshot snapshot;
    sw_channel_snapshot(client->channel, &snapshot);
    struct sw_command *command = sw_channel_command(client->channel, SW_CLOSE);
    command->linger = linger;
    bool is_posted = snapshot.attached && sw_channel_post_command(client->channel, command, SW_STATE_CLOSED);
    if (!is_posted) sw_channel_close_without_loop(client->channel);
    sw_receiveq_schedule(client);
}
