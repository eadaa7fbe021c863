/* Reads the option tls of sidewire.new: true, or a table. */
#ifndef SW_HOST_READ_TLS_H
#define SW_HOST_READ_TLS_H

#include "base/tls_settings.h"
#include "host/check.h"
#include "host/luacompat.h"

/* Values while arguments are read. */
struct sw_tls_reading {
    struct sw_tls_values values; /* their texts belong to the table that was read, but for alpn */
    bool is_on;                  /* also for servers whose URL does not ask for it */
    unsigned char alpn[SW_TLS_ALPN_MAX];
};

/* Replaces the field tls of the table at index, which scripts cannot reach, by a copy that they cannot reach either: so the
 * texts stay as they were checked, as long as the table does. */
void sw_tls_isolate(lua_State *L, int index);

/* The values of a client without the option. */
void sw_tls_reading_init(struct sw_tls_reading *reading);

/* Reads the value at index. Raises on misuse. */
void sw_check_tls(lua_State *L, struct sw_spot spot, int index, struct sw_tls_reading *reading);

#endif
