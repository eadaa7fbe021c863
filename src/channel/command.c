#include "channel/command.h"

#include <stdlib.h>

void sw_commands_free(struct sw_command *command) {
    while (command != NULL) {
        struct sw_command *next = command->next;
        sw_server_unref(command->server);
        if (!command->embedded) free(command);
        command = next;
    }
}
