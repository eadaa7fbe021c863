#include "host/forked.h"

#include <stddef.h>
#include <stdlib.h>

#include "channel/engine.h"

void sw_forked_leave(struct context *context) {
    sw_engine_abandon(context->engine);
    context->has_ended = true;
}

/* Moves the parent's clients from the context and its lists to the copy and its lists. */
static void move_clients(struct client *clients, struct context *from, struct context *to) {
    for (struct client *client = clients; client != NULL; client = client->next) {
        client->context = to;
        if (client->list == &from->runnable) client->list = &to->runnable;
        if (client->list == &from->unread) client->list = &to->unread;
    }
}

/* Keeps what belongs to the script, also the copies of messages for the iterators of client:unfinished(). */
static void begin_anew(struct context *context, struct sw_engine *engine) {
    *context = (struct context){
        .kind = context->kind,
        .engine = engine,
        .unfinished = context->unfinished,
        .poll_depth = context->poll_depth,
        .has_on_error = context->has_on_error,
        .waits = context->waits + 1,
        .policy = context->policy,
    };
}

/* Sets the two tables on top as those of the context, for pinned strings and for anchored clients, and pops them. In the
 * child no thread reads the parent's pinned strings, and its clients may be collected. */
static void set_tables(lua_State *L) {
    lua_setiuservalue(L, lua_upvalueindex(UPVALUE_CONTEXT), CONTEXT_PINS); /* sw_context has checked it */
    lua_setiuservalue(L, lua_upvalueindex(UPVALUE_CONTEXT), CONTEXT_ANCHORS);
}

static bool renew(lua_State *L, struct context *context) {
    struct context *left = malloc(sizeof *left); /* never freed, as the parent's clients */
    struct sw_engine *engine = left != NULL ? sw_engine_new(context->engine->thread_main) : NULL;
    if (engine == NULL) {
        free(left);
        lua_pop(L, 2);
        return false;
    }
    *left = *context;
    left->unfinished = NULL;
    move_clients(left->clients, context, left);
    move_clients(left->retired, context, left);
    sw_engine_inherit_notifier(engine, left->engine);
    sw_engine_abandon(left->engine); /* NOLINT(clang-analyzer-unix.Malloc): the parent's clients refer to `left` */
    sw_engine_set_max_lookups(engine, context->policy.max_lookups);
    begin_anew(context, engine);
    set_tables(L);
    return true;
}

bool sw_forked_renew(lua_State *L, struct context *context) {
    if (!sw_engine_forked(context->engine)) return true;
    lua_newtable(L);
    lua_newtable(L);
    sw_context(L); /* raises if a finalizer has replaced the upvalue */
    if (sw_engine_forked(context->engine)) return renew(L, context);
    lua_pop(L, 2); /* a finalizer has come here first */
    return true;
}
