#include "host/module.h"

#include <lauxlib.h>
#include <lua.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/options.h"
#include "base/tunables.h"
#include "channel/channel.h"
#include "channel/engine.h"
#include "host/check.h"
#include "host/context.h"
#include "host/ending.h"
#include "host/event.h"
#include "host/forked.h"
#include "host/functions.h"
#include "host/handle.h"
#include "host/policy.h"
#include "host/receiveq.h"
#include "host/unfinished.h"
#include "host/usable.h"
#include "host/waiting.h"

/*** The module without its Lua layer: complete but for settings files, for hosts that refuse Lua glue. `sidewire` has
 * the same functions.
 *
 * Times are seconds as numbers. Misuse (a wrong type, an unknown option, a value out of range) raises an error that
 * says what is valid; what can fail at run time returns nil, message, code. In a finalizer that runs while the Lua state
 * closes, code is "ECLOSED". errors.md has all messages.
 *
 * In the child of a fork the module begins anew: the functions know only clients that were made there, so that, before the
 * first of them, poll goes through no event, events gives none, stop has nothing to stop, and wait has nothing to wait
 * for. The policy and on_error stay. Every method of the parent's clients returns nil, message, "EFORKED". Where there is
 * no memory to begin anew, the functions of the child return nil, message, "ENOMEM".
 * @module sidewire.core
 */

/* Closes all clients, waits for the loop thread for `timeout` seconds (< 0: the longest linger and a margin). False: it
 * has not ended. */
static bool stop_host(struct context *context, double timeout) {
    for (struct client *client = context->clients; client != NULL; client = client->next) {
        double linger = client->channel->options->linger;
        sw_client_close(client, timeout >= 0 && timeout < linger ? timeout : linger);
    }
    if (timeout < 0) timeout = fmin(context->max_linger, context->policy.max_linger) + SW_STOP_MARGIN;
    sw_wait_leave(context);
    return sw_engine_stop(context->engine, false, sw_clock() + timeout) ||
           sw_engine_stop(context->engine, true, sw_clock() + SW_STOP_MARGIN);
}

/*** Closes all clients, waits until their sockets are gone, joins the thread of this Lua state. The next connect of a
 * new client starts it again. Events that are still queued can be polled afterwards.
 * @function stop
 * @tparam[opt] number timeout seconds; the largest linger + 0.5 if absent. What is not flushed then is lost, and told
 * so.
 * @treturn[1] boolean true
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: ETIMEDOUT (the thread ends by itself), EPOLICY (nothing is done), ECLOSED (the Lua state is
 * closing), ENOMEM (in the child of a fork)
 * @raise invalid timeout
 */
int sw_module_stop(lua_State *L) {
    struct context *context = sw_context(L);
    if (sw_context_refuses(L, context)) return 3;
    double timeout = -1;
    if (!lua_isnoneornil(L, 1)) timeout = sw_check_seconds(L, (struct sw_spot){"sidewire.stop", "timeout"}, 1);
    if (sw_policy_refuses_linger(L, &context->policy, "sidewire.stop: timeout", timeout)) return 3;
    if (stop_host(context, timeout)) return lua_pushboolean(L, true), 1;
    lua_pushnil(L);
    lua_pushliteral(L, "the loop thread did not end in time; it ends by itself");
    lua_pushliteral(L, "ETIMEDOUT");
    return 3;
}

void sw_host_close(lua_State *L, int index, struct context *context) {
    if (context->engine == NULL) return;
    if (sw_engine_forked(context->engine)) {
        sw_forked_leave(context);
        return;
    }
    sw_clients_free(L, index, context);
    sw_unfinished_free(context);
    double deadline = sw_clock() + context->max_linger + SW_STOP_MARGIN / 2;
    if (!sw_engine_stop(context->engine, false, deadline))
        sw_engine_stop(context->engine, true, sw_clock() + SW_STOP_MARGIN / 2);
    sw_receiveq_take_last(context); /* nobody is left to be told: drops the references */
    sw_engine_leave(context->engine);
    context->engine = NULL;
    sw_options_unref(context->options);
    context->options = NULL;
    sw_server_set(&context->server, NULL);
}

/*** Is it a numeric address? Strict: four decimal parts for IPv4, RFC 4291 text for IPv6.
 * @function is_ip
 * @param s anything
 * @treturn string|nil "ipv4", "ipv6" or nil
 */
int sw_module_is_ip(lua_State *L) {
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
int sw_module_is_port(lua_State *L) {
    int is_whole = 0;
    lua_Integer port = lua_type(L, 1) == LUA_TNUMBER ? lua_tointegerx(L, 1, &is_whole) : 0;
    bool registered = lua_toboolean(L, 2);
    lua_pushboolean(L, is_whole && port >= (registered ? 1024 : 1) && port <= (registered ? 32767 : 65535));
    return 1;
}

/*** Sets what scripts of this Lua state may ask for. For a host that runs scripts which are not its own; see
 * docs/embedding.md. Replaces the policy as a whole: what the table does not name is not limited. A default of
 * `sidewire.new` that exceeds a limit becomes the limit; a value that a script asks for is refused with EPOLICY. Clients
 * that were made before keep what they have.
 * @function set_policy
 * @tparam table rules max_clients (0 or more; a client counts until it is closed and its socket gone), max_queue (bytes;
 * bounds queue_limit), max_inbox (bytes; bounds inbox_limit and max_message), max_linger (seconds; bounds every linger
 * and the time-out of sw_module_stop), files (false: no function opens a file)
 * @treturn[1] boolean true
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: EPOLICY (it is locked), ECLOSED (the Lua state is closing), ENOMEM (in the child of a fork)
 * @raise an unknown rule, an invalid value
 */
int sw_module_set_policy(lua_State *L) {
    struct context *context = sw_context(L);
    lua_settop(L, 1);
    if (sw_context_refuses(L, context)) return 3;
    const struct sw_policy policy = sw_policy_read(L, "sidewire.set_policy", 1);
    if (context->policy.is_locked)
        return sw_push_refusal(L, SW_POLICY, "sidewire.set_policy: the host's policy is locked");
    context->policy = policy;
    lua_pushboolean(L, true);
    return 1;
}

/*** Keeps the policy as it is for as long as the Lua state lives, also when the module is loaded again, and in the child
 * of a fork.
 * @function lock_policy
 * @treturn[1] boolean true
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: ECLOSED (the Lua state is closing), ENOMEM (in the child of a fork)
 */
int sw_module_lock_policy(lua_State *L) {
    struct context *context = sw_context(L);
    if (sw_context_refuses(L, context)) return 3;
    context->policy.is_locked = true;
    lua_pushboolean(L, true);
    return 1;
}

/*** May a file with that name be opened? For layers that open files, which ask right before they do.
 * @function check_file
 * @tparam string path
 * @treturn[1] boolean true
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: EPOLICY
 */
int sw_module_check_file(lua_State *L) {
    const struct context *context = sw_context(L);
    if (context->policy.files) return lua_pushboolean(L, true), 1;
    return sw_push_refusal(
        L, SW_POLICY,
        lua_pushfstring(L, "cannot open %s: the host's policy allows no files (files is false)", sw_to_text(L, 1)));
}
