#include "host/foreign.h"

#include <stddef.h>
#include <string.h>

#include "host/check.h"
#include "host/raise.h"

struct foreign {
    const char *name, *instead;
};

static const struct foreign options[] = {
    {"timeout", "connect_timeout (an attempt to connect), or give receive, read, wait and flush a time-out"},
    {"address", "host"},
    {"hostname", "host"},
    {"ip", "host"},
    {"url", "server"},
    {"uri", "server"},
    {"ssl", "tls"},
    {"secure", "tls"},
    {"cafile", "tls = { ca = }"},
    {"ca", "tls = { ca = }"},
    {"cert", "tls = { cert =, key = }"},
    {"certificate", "tls = { cert =, key = }"},
    {"key", "tls = { cert =, key = }"},
    {"verify", "tls = { verify = }"},
    {"server_name", "tls = { server_name = }"},
    {"sni", "tls = { server_name = }"},
    {"delimiter", "framing = { delimiter = }"},
    {"auto_reconnect", "reconnect"},
    {"autoreconnect", "reconnect"},
    {"tcp_nodelay", "nodelay"},
    {"keep_alive", "keepalive"},
    {"handlers", "on"},
    {"callbacks", "on"},
    {NULL, NULL},
};

static const struct foreign tls_fields[] = {
    {"cafile", "ca"},
    {"ca_file", "ca"},
    {"capath", "ca, a file"},
    {"certificate", "cert"},
    {"certfile", "cert"},
    {"cert_file", "cert"},
    {"keyfile", "key"},
    {"key_file", "key"},
    {"private_key", "key"},
    {"protocol", "min_version"},
    {"version", "min_version"},
    {"protocols", "alpn"},
    {"servername", "server_name"},
    {"sni", "server_name"},
    {"host", "server_name"},
    {"hostname", "server_name"},
    {"insecure", "verify = false"},
    {"fingerprint", "pin"},
    {NULL, NULL},
};

static const struct foreign functions[] = {
    {"tcp", "client = sidewire.new { host =, port = } makes a client"},
    {"tcp4", "client = sidewire.new { host =, port = } makes a client"},
    {"tcp6", "client = sidewire.new { host =, port = } makes a client"},
    {"connect", "client = sidewire.new { host =, port = } makes a client, and client:connect() connects it"},
    {"send", "a client sends: client:send(message)"},
    {"receive", "a client receives: client:receive(timeout), or a message handler and sidewire.poll()"},
    {"close", "a client is closed: client:close(); sidewire.stop() ends them all"},
    {"bind", "there are clients only, no servers"},
    {"listen", "there are clients only, no servers"},
    {"udp", "there is TCP only"},
    {"select",
     "sidewire.wait(timeout) waits for all clients, and sidewire.notifier() has a descriptor for other loops"},
    {"sleep", "sidewire.wait(timeout) waits at most so long, and ends when there is something to poll"},
    {"loop", "call sidewire.poll() in a loop of your own"},
    {"run", "call sidewire.poll() in a loop of your own"},
    {"step", "call sidewire.poll() in a loop of your own"},
    {"update", "call sidewire.poll() in a loop of your own"},
    {NULL, NULL},
};

static const char message_is_second[] = "the first parameter of a handler is the client, the second the message";

static const struct foreign methods[] = {
    {"settimeout", "no call waits unless it is given a time-out: client:receive(timeout), read, wait, flush"},
    {"setoption", "give options to sidewire.new: nodelay, keepalive, linger"},
    {"getoption", "options are those of sidewire.new"},
    {"getpeername", "the connect event tells address and port, and client:get_server() host and port"},
    {"getstats", "client:stats() has the counters"},
    {"getfd", "sidewire.notifier() has a descriptor, for all clients"},
    {"dirty", "sidewire.wait(0) tells whether there is something to poll"},
    {"dohandshake", "with the option tls, connecting includes the handshake"},
    {"recv", "client:receive(timeout) returns a message"},
    {"stop", "client:disconnect() ends the connection, client:close() also the client"},
    {"start", "client:connect() connects"},
    {"open", "client:connect() connects"},
    {"reconnect", "client:connect() connects again, also by itself with the option reconnect"},
    {"connected", "client:is_connected() tells it"},
    {"bind", "the option bind of sidewire.new takes an address of this machine"},
    {"listen", "there are clients only, no servers"},
    {"accept", "there are clients only, no servers"},
    {"byte", message_is_second},
    {"find", message_is_second},
    {"format", message_is_second},
    {"gmatch", message_is_second},
    {"gsub", message_is_second},
    {"len", message_is_second},
    {"lower", message_is_second},
    {"match", message_is_second},
    {"sub", message_is_second},
    {"upper", message_is_second},
    {NULL, NULL},
};

static const char *find(const struct foreign *list, const char *name) {
    for (; name != NULL && list->name != NULL; list++)
        if (strcmp(list->name, name) == 0) return list->instead;
    return NULL;
}

const char *sw_foreign_option(const char *name) { return find(options, name); }
const char *sw_foreign_tls_field(const char *name) { return find(tls_fields, name); }

static int look_up(lua_State *L, const struct foreign *list, const char *object, const char *kind) {
    lua_settop(L, 2);
    const char *name = sw_to_word(L, 2), *instead = find(list, name);
    if (instead != NULL) return sw_raise(L, "%s.%s: there is no such %s: %s", object, name, kind, instead);
    lua_pushnil(L);
    return 1;
}

int sw_foreign_function(lua_State *L) { return look_up(L, functions, "sidewire", "function"); }
int sw_foreign_method(lua_State *L) { return look_up(L, methods, "client", "method"); }

int sw_foreign_concat(lua_State *L) {
    return sw_raise(L, "a client is no string, and cannot be concatenated: %s; tostring(client) describes it",
                    message_is_second);
}
