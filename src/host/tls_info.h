/* What a TLS handshake has agreed on (channel/tls_info.h) as scripts see it: info.tls of the connect event. */
#ifndef SW_HOST_TLS_INFO_H
#define SW_HOST_TLS_INFO_H

#include "channel/tls_info.h"
#include "host/luacompat.h"

/* Pushes { version =, cipher =, alpn =, names = { ... }, expires =, verified =, resumed = }. */
void sw_push_tls_info(lua_State *L, const struct sw_tls_info *info);

#endif
