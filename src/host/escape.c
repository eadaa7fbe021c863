#include "host/escape.h"

#include <string.h>

void sw_add_escaped(luaL_Buffer *buffer, unsigned char byte) {
    static const char named[] = "\n\r\t\\\"", names[] = "nrt\\\"";
    const char *name = byte != 0 ? strchr(named, byte) : NULL;
    char digits[] = {'\\', (char)('0' + byte / 100), (char)('0' + byte / 10 % 10), (char)('0' + byte % 10)};
    if (name != NULL) {
        luaL_addchar(buffer, '\\');
        luaL_addchar(buffer, names[name - named]);
    } else if (byte >= ' ' && byte < 0x7f) {
        luaL_addchar(buffer, (char)byte);
    } else {
        luaL_addlstring(buffer, digits, sizeof digits);
    }
}
