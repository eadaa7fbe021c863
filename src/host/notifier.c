/* sidewire.notifier(): the object by which event loops wait for what poll has to do. Loops differ in the methods that they
 * call, and this one has those of all of them. There is one object for each Lua state; its descriptor belongs to the
 * engine (channel/notifier.h).
 */
#include <stdbool.h>
#include <stddef.h>

#include "channel/notifier.h"
#include "host/check.h"
#include "host/context.h"
#include "host/event.h"
#include "host/functions.h"
#include "host/luacompat.h"
#include "host/raise.h"
#include "host/receiveq.h"
#include "host/usable.h"
#include "host/userdata.h"

static const struct sw_kind notifier_kind = {"sidewire.notifier"};

struct notifier {
    const struct sw_kind *kind;
};

/* Opens the descriptor unless it is open. Returns 0, or the number of values pushed: nil, message, code. */
static int open_descriptor(lua_State *L, const struct context *context) {
    int failed = sw_notifier_open(context->engine);
    if (failed != 0) return sw_push_system_failure(L, "cannot open the notifier's descriptor", failed);
    sw_receiveq_notify(context);
    return 0;
}

/* Pushes the table of methods of the object that there is. */
static void push_methods_of_object(lua_State *L) {
    if (sw_push_context_value(L, CONTEXT_NOTIFIER) == LUA_TNIL || !lua_getmetatable(L, -1)) return;
    lua_remove(L, -2);
    sw_push_methods(L);
}

static struct context *check(lua_State *L) {
    if (sw_to_kind(L, 1, &notifier_kind, sizeof(struct notifier)) == NULL)
        sw_refuse_self(L, 1, notifier_kind.name, "notifier", push_methods_of_object);
    return sw_context(L);
}

/***
 * @module sidewire.core
 */

/*** The descriptor, for loops that wait for one: luv, Neovim's vim.loop, GLib, epoll. It is readable while there is
 * something to take. Loops only wait for it: they must neither read nor close it. It stays the same until the Lua state
 * ends, also after sidewire.stop and in the child of a fork.
 * @function notifier:fd
 * @treturn[1] integer descriptor
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: ECLOSED (the Lua state is closing); in the child of a fork also ENOMEM, and EMFILE or ENFILE
 * (no descriptor is left; a later call tries again)
 */
static int fd(lua_State *L) {
    struct context *context = check(L);
    if (sw_context_refuses(L, context)) return 3;
    int values = open_descriptor(L, context);
    if (values > 0) return values;
    sw_push_integer(L, context->engine->notifier.read_fd);
    return 1;
}

/*** The same as notifier:fd, for LuaSocket: socket.select({ notifier }).
 * @function notifier:getfd
 * @treturn[1] integer descriptor
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: ECLOSED, ENOMEM, EMFILE, ENFILE, as notifier:fd
 */

/*** The same as notifier:fd, for cqueues: cqueues.poll(notifier).
 * @function notifier:pollfd
 * @treturn[1] integer descriptor
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: ECLOSED, ENOMEM, EMFILE, ENFILE, as notifier:fd
 */

/*** Tells LuaSocket whether there is something to take that need not be waited for.
 * @function notifier:dirty
 * @treturn[1] boolean
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: ECLOSED (the Lua state is closing), ENOMEM (in the child of a fork)
 */
static int dirty(lua_State *L) {
    struct context *context = check(L);
    if (sw_context_refuses(L, context)) return 3;
    lua_pushboolean(L, sw_receiveq_has_wanted(context));
    return 1;
}

/*** Tells cqueues what to wait for.
 * @function notifier:events
 * @treturn string "r": until the descriptor is readable
 */
static int events(lua_State *L) {
    check(L);
    lua_pushliteral(L, "r");
    return 1;
}

/*** Tells cqueues how long to wait.
 * @function notifier:timeout
 * @treturn nil without a limit: all that sidewire has for the script makes the descriptor readable
 */
static int timeout(lua_State *L) {
    check(L);
    lua_pushnil(L);
    return 1;
}

static const luaL_Reg methods[] = {
    {"fd", fd}, {"getfd", fd}, {"pollfd", fd}, {"dirty", dirty}, {"events", events}, {"timeout", timeout}, {NULL, NULL},
};

/* Pushes a new table with the methods, each with the context as its upvalue. */
static void push_methods(lua_State *L) {
    lua_newtable(L);
    lua_pushvalue(L, lua_upvalueindex(UPVALUE_CONTEXT));
    luaL_setfuncs(L, methods, 1);
}

static void push_notifier(lua_State *L) {
    struct notifier *notifier = lua_newuserdatauv(L, sizeof *notifier, 0);
    *notifier = (struct notifier){&notifier_kind};
    lua_createtable(L, 0, 3);
    push_methods(L);
    lua_setfield(L, -2, "__index");
    sw_seal_metatable(L, &notifier_kind);
    lua_setmetatable(L, -2);
}

/*** Returns the object by which an event loop waits for what poll, events() or receive has to take; see notifier:fd. It
 * is readable as long as sidewire.wait would return true at once, and now and then without need. The object is always
 * the same one. It starts no thread, and can be made before the first connect.
 * @function notifier
 * @treturn[1] notifier
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: EMFILE or ENFILE (no descriptor is left), ECLOSED (the Lua state is closing), ENOMEM
 */
int sw_module_notifier(lua_State *L) {
    sw_refuse_colon(L, "sidewire.notifier");
    struct context *context = sw_context(L);
    if (sw_context_refuses(L, context)) return 3;
    int values = open_descriptor(L, context);
    if (values > 0 || sw_push_context_value(L, CONTEXT_NOTIFIER) != LUA_TNIL) return values > 0 ? values : 1;
    push_notifier(L);
    lua_pushvalue(L, -1);
    sw_context(L); /* raises if a finalizer has replaced the upvalue */
    lua_setiuservalue(L, lua_upvalueindex(UPVALUE_CONTEXT), CONTEXT_NOTIFIER);
    return 1;
}
