#include "channel/command.h"

#include <stdlib.h>

void sw_commands_free(struct sw_command *command) {
    while (command != NULL) {
        struct sw_command *next = command->next;
        sw_servers_unref(command->servers);
        if (!command->embedded) free(command);
        command = next;
    }
}
