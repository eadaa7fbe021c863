#include "host/module.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/kept.h"
#include "base/options.h"
#include "base/tls_settings.h"
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
#include "host/luacompat.h"
#include "host/policy.h"
#include "host/raise.h"
#include "host/receiveq.h"
#include "host/unfinished.h"
#include "host/usable.h"
#include "host/waiting.h"

/*** The module without its Lua layer. `sidewire` has the same functions, and adds settings files; a program that needs
 * no settings files can use this C module alone.
 *
 * Times are numbers of seconds. Misuse (a wrong type, an unknown option, a value out of range) raises an error that
 * says what is valid. A failure at run time returns nil, message, code. In a finalizer that runs while the Lua state
 * closes, the code is "ECLOSED". [Errors](../errors.md) lists all messages.
 *
 * In the child of a fork the module starts anew, and its functions use only clients that were made in the child.
 * Before the first of them, poll returns 0, events gives no event, stop returns true, and wait returns ECLOSED. The
 * policy and on_error stay. Every method of the parent's clients returns nil, message, "EFORKED". If there is not
 * enough memory to start anew, the functions return nil, message, "ENOMEM".
 * @module sidewire.core
 */

/* Closes all clients and waits `timeout` seconds for the loop thread (< 0: the longest linger and a margin). False: the
 * thread has not ended. */
static bool stop_engine(struct context *context, double timeout) {
    for (struct client *client = context->clients; client != NULL; client = client->next) {
        double linger = client->channel->options->linger;
        sw_client_close(client, timeout >= 0 && timeout < linger ? timeout : linger);
    }
    if (timeout < 0) timeout = fmin(context->max_linger, context->policy.max_linger) + SW_STOP_MARGIN;
    sw_wait_end(context);
    return sw_engine_stop(context->engine, false, sw_clock() + timeout) ||
           sw_engine_stop(context->engine, true, sw_clock() + SW_STOP_MARGIN);
}

/*** Closes all clients, waits until their sockets are closed, and ends the background thread of this Lua state. The next
 * connect of a new client starts the thread again. Undelivered events can still be polled afterwards, lost events among
 * them: true does not mean that all was sent.
 *
 * Call it before `os.exit(0)`, which else ends the process with data in the queue, also after client:close.
 * @function stop
 * @tparam[opt] number timeout seconds; default: the longest linger + 0.5. Messages that are not flushed in this time
 * are reported lost.
 * @treturn[1] boolean true
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: ETIMEDOUT (the thread ends later), EPOLICY (the call did nothing), ECLOSED (the Lua state is
 * closing), ENOMEM (in the child of a fork)
 * @raise invalid timeout
 */
int sw_module_stop(lua_State *L) {
    struct context *context = sw_context(L);
    if (sw_context_refuses(L, context)) return 3;
    double timeout = -1;
    if (!lua_isnoneornil(L, 1)) timeout = sw_check_seconds(L, (struct sw_spot){"sidewire.stop", "timeout"}, 1);
    if (sw_policy_refuses_linger(L, &context->policy, "sidewire.stop: timeout", timeout)) return 3;
    if (stop_engine(context, timeout)) return lua_pushboolean(L, true), 1;
    lua_pushnil(L);
    lua_pushliteral(L, "the background thread did not end in time; it ends by itself");
    lua_pushliteral(L, "ETIMEDOUT");
    return 3;
}

static void free_parts(struct context *context) {
    sw_unfinished_free(context);
    sw_engine_unref(context->engine);
    context->engine = NULL;
    sw_options_unref(context->options);
    context->options = NULL;
    sw_servers_set(&context->servers, NULL);
    sw_tls_unref(context->tls);
    context->tls = NULL;
    sw_rules_unref(context->policy.rules);
    context->policy.rules = NULL;
}

/* A function of the module still runs, and may use all of this. */
static void keep_parts(const struct context *context) {
    sw_keep(context->unfinished);
    sw_keep(context->engine);
    sw_keep(context->options);
    sw_keep(context->servers);
    sw_keep(context->tls);
    sw_keep(context->policy.rules);
}

void sw_host_close(lua_State *L, int index, struct context *context, bool is_nested) {
    if (context->has_ended || context->engine == NULL) return;
    if (sw_engine_forked(context->engine)) {
        sw_forked_leave(context);
        return; /* other memory may be locked by threads of the parent */
    }
    bool has_kept = sw_clients_end(L, index, context, is_nested);
    context->has_ended = true;
    double deadline = sw_clock() + context->max_linger + SW_STOP_MARGIN / 2;
    if (!sw_engine_stop(context->engine, false, deadline))
        sw_engine_stop(context->engine, true, sw_clock() + SW_STOP_MARGIN / 2);
    /* The clients that stay keep the engine, but not its descriptors. */
    if ((is_nested || has_kept) && !context->engine->running) sw_engine_abandon(context->engine);
    sw_receiveq_take_last(context); /* drops the references of the engine's list to channels */
    sw_engine_detach(context->engine);
    if (is_nested)
        keep_parts(context);
    else
        free_parts(context);
}

/*** Tells whether a value is a numeric address: four decimal parts without leading zeros (IPv4), or RFC 4291 text
 * (IPv6).
 * @function is_ip
 * @param s anything
 * @treturn string|nil "ipv4", "ipv6" or nil
 */
int sw_module_is_ip(lua_State *L) {
    sw_refuse_colon(L, "sidewire.is_ip");
    size_t size;
    const char *text = lua_type(L, 1) == LUA_TSTRING ? lua_tolstring(L, 1, &size) : NULL;
    lua_pushstring(L, text != NULL ? sw_ip_kind(text, size) : NULL);
    return 1;
}

/*** Tells whether a value is a TCP port: a whole number 1..65535.
 * @function is_port
 * @param n anything
 * @tparam[opt=false] boolean registered_only true: only 1024..32767, without system ports and ephemeral ports
 * @treturn boolean
 */
int sw_module_is_port(lua_State *L) {
    sw_refuse_colon(L, "sidewire.is_port");
    int is_whole = 0;
    int64_t port = lua_type(L, 1) == LUA_TNUMBER ? sw_to_integer(L, 1, &is_whole) : 0;
    bool registered = lua_toboolean(L, 2);
    lua_pushboolean(L, is_whole && port >= (registered ? 1024 : 1) && port <= (registered ? 32767 : 65535));
    return 1;
}

/*** Sets limits for the scripts of this Lua state, for a program that runs scripts of others: see
 * [Policy](policy.md), and [Embedding](../embedding.md#opening-it). It replaces the whole policy: a rule that the table does not name becomes unlimited. A default of `sidewire.new` that
 * exceeds a limit becomes the limit; a script's value that exceeds a limit is refused with EPOLICY. Existing clients
 * keep their values.
 * @function set_policy
 * @tparam table rules allow and deny (lists of at most 256 rules about servers, strings; a client keeps those under
 * which its servers were named), tls_library (the path of the TLS library), tls_verify (true: tls.verify = false is
 * refused), max_lookups (1..16; name lookups at a time, others wait), max_clients (0 or more; a client counts until it
 * is closed and has no socket), max_queue (bytes; bounds queue_limit), max_inbox (bytes; bounds inbox_limit, max_message
 * and max_read), max_linger (seconds; bounds every linger and the time-out of stop), files (false: no function opens a
 * file)
 * @treturn[1] boolean true
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: EPOLICY (it is locked), ECLOSED (the Lua state is closing), ENOMEM (in the child of a fork)
 * @raise an unknown rule, an invalid value
 */
int sw_module_set_policy(lua_State *L) {
    sw_refuse_colon(L, "sidewire.set_policy");
    struct context *context = sw_context(L);
    lua_settop(L, 1);
    if (sw_context_refuses(L, context)) return 3;
    const struct sw_policy policy = sw_policy_check(L, "sidewire.set_policy", 1);
    if (context->policy.is_locked)
        return sw_push_refusal(L, SW_POLICY, "sidewire.set_policy: the host's policy is locked");
    sw_policy_set(L, &context->policy, &policy, "sidewire.set_policy", 1);
    sw_engine_set_max_lookups(context->engine, context->policy.max_lookups);
    lua_pushboolean(L, true);
    return 1;
}

/*** Makes the policy unchangeable until the Lua state ends, also if the module is loaded again, and in the child of a
 * fork.
 * @function lock_policy
 * @treturn[1] boolean true
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: ECLOSED (the Lua state is closing), ENOMEM (in the child of a fork)
 */
int sw_module_lock_policy(lua_State *L) {
    sw_refuse_colon(L, "sidewire.lock_policy");
    struct context *context = sw_context(L);
    if (sw_context_refuses(L, context)) return 3;
    context->policy.is_locked = true;
    lua_pushboolean(L, true);
    return 1;
}

/*** Tells whether the policy allows to open a file. Lua layers call this right before they open one.
 * @function check_file
 * @tparam string path
 * @treturn[1] boolean true
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: EPOLICY
 */
int sw_module_check_file(lua_State *L) {
    sw_refuse_colon(L, "sidewire.check_file");
    const struct context *context = sw_context(L);
    if (context->policy.files) return lua_pushboolean(L, true), 1;
    return sw_push_refusal(
        L, SW_POLICY,
        lua_pushfstring(L, "cannot open %s: the host's policy allows no files (files is false)", sw_to_text(L, 1)));
}
