#include <lauxlib.h>
#include <math.h>

#include "base/clock.h"
#include "host/check.h"
#include "host/event.h"
#include "host/handle.h"
#include "host/wait.h"

/* Beyond the linger: what a FIN's answer may take, and a margin. */
static const double STOP_MARGIN = 0.5;

/*** The module without its Lua layer: complete but for settings files, for hosts that refuse Lua glue. `sidewire` has
 * the same functions.
 *
 * Times are seconds as numbers. Misuse (a wrong type, an unknown option, a value out of range) raises an error that
 * says what is valid; what can fail at run time returns nil, message, code. In the child of a fork every function and
 * method returns nil, message, "EFORKED"; in a finalizer that runs while the Lua state closes, "ECLOSED". errors.md has
 * all messages.
 * @module sidewire.core
 */

/*** Closes all clients, waits until their sockets are gone, joins the thread of this Lua state. The next connect of a
 * new client starts it again. Events that are still queued can be polled afterwards.
 * @function stop
 * @tparam[opt] number timeout seconds; the largest linger + 0.5 if absent. What is not flushed then is lost, and told
 * so.
 * @treturn[1] boolean true
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: ETIMEDOUT (the thread ends by itself), EPOLICY (nothing is done), EFORKED, ECLOSED (the Lua
 * state is closing)
 * @raise invalid timeout
 */
static int stop(lua_State *L) {
    struct host *host = sw_host(L);
    if (sw_host_refuses(L, host)) return 3;
    double timeout = -1;
    if (!lua_isnoneornil(L, 1)) timeout = sw_check_seconds(L, (struct sw_spot){"sidewire.stop", "timeout"}, 1, 0);
    if (sw_policy_refuses_linger(L, &host->policy, "sidewire.stop: timeout", timeout)) return 3;
    if (sw_host_stop(host, timeout)) return lua_pushboolean(L, true), 1;
    lua_pushnil(L);
    lua_pushliteral(L, "the loop thread did not end in time; it ends by itself");
    lua_pushliteral(L, "ETIMEDOUT");
    return 3;
}

bool sw_host_stop(struct host *host, double timeout) {
    for (struct client *client = host->clients; client != NULL; client = client->next) {
        double linger = client->channel->options->linger;
        sw_client_close(client, timeout >= 0 && timeout < linger ? timeout : linger);
    }
    if (timeout < 0) timeout = fmin(host->max_linger, host->policy.max_linger) + STOP_MARGIN;
    sw_wait_leave(host);
    return sw_engine_stop(host->engine, false, sw_clock() + timeout) ||
           sw_engine_stop(host->engine, true, sw_clock() + STOP_MARGIN);
}

void sw_host_close(lua_State *L, int index, struct host *host) {
    if (host->engine == NULL) return;
    if (sw_engine_forked(host->engine)) {
        sw_engine_abandon(host->engine);
        return; /* its memory is the parent's business */
    }
    sw_clients_free(L, index, host);
    sw_unfinished_free(host);
    double deadline = sw_clock() + host->max_linger + STOP_MARGIN / 2;
    if (!sw_engine_stop(host->engine, false, deadline))
        sw_engine_stop(host->engine, true, sw_clock() + STOP_MARGIN / 2);
    sw_inflow_collect_last(host); /* nobody is left to be told: drops the references */
    sw_engine_leave(host->engine);
    host->engine = NULL;
    sw_options_unref(host->options);
    host->options = NULL;
}

bool sw_host_refuses(lua_State *L, const struct host *host) {
    if (host->engine == NULL)
        sw_push_refusal(L, SW_CLOSED, "this Lua state is closing");
    else if (sw_engine_forked(host->engine))
        sw_push_forked(L);
    else
        return false;
    return true;
}

/*** Is it a numeric address? Strict: four decimal parts for IPv4, RFC 4291 text for IPv6.
 * @function is_ip
 * @param s anything
 * @treturn string|nil "ipv4", "ipv6" or nil
 */
static int is_ip(lua_State *L) {
    size_t size;
    const char *text = lua_type(L, 1) == LUA_TSTRING ? lua_tolstring(L, 1, &size) : NULL;
    lua_pushstring(L, text != NULL ? sw_ip_kind(text, size) : NULL);
    return 1;
}

/*** Is it a TCP port, a whole number 1..65535? All ports by default; registered_only: neither the system's (below 1024)
 * nor the ephemeral ones (above 32767).
 * @function is_port
 * @param n anything
 * @tparam[opt=false] boolean registered_only 1024..32767
 * @treturn boolean
 */
static int is_port(lua_State *L) {
    int is_whole = 0;
    lua_Integer port = lua_type(L, 1) == LUA_TNUMBER ? lua_tointegerx(L, 1, &is_whole) : 0;
    bool registered = lua_toboolean(L, 2);
    lua_pushboolean(L, is_whole && port >= (registered ? 1024 : 1) && port <= (registered ? 32767 : 65535));
    return 1;
}

const luaL_Reg sw_module_functions[] = {
    {"stop", stop},
    {"is_ip", is_ip},
    {"is_port", is_port},
    {NULL, NULL},
};
