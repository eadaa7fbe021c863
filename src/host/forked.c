#include "host/forked.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include "channel/engine.h"

void sw_forked_close(struct sw_channel *channel) {
    int fds[] = {atomic_exchange(&channel->fd, -1), atomic_exchange(&channel->fd_before, -1)};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        if (fds[i] >= 0) close(fds[i]);
}

/* Nothing collects these any more: that has happened in the parent. */
static void close_retired(const struct context *context) {
    for (const struct client *client = context->retired; client != NULL; client = client->next)
        sw_forked_close(client->channel);
}

void sw_forked_leave(struct context *context) {
    close_retired(context);
    sw_engine_abandon(context->engine);
    context->is_left = true;
}

/* Has the clients, which are the parent's, stand in the lists of the copy. */
static void move_clients(struct client *clients, struct context *from, struct context *to) {
    for (struct client *client = clients; client != NULL; client = client->next) {
        client->context = to;
        if (client->list == &from->runnable) client->list = &to->runnable;
        if (client->list == &from->unread) client->list = &to->unread;
    }
}

/* What the script has is kept: also the copies that iterators of client:unfinished() go through. */
static void begin_anew(struct context *context, struct sw_engine *engine) {
    *context = (struct context){
        .kind = context->kind,
        .engine = engine,
        .unfinished = context->unfinished,
        .depth = context->depth,
        .has_on_error = context->has_on_error,
        .waits = context->waits + 1,
        .policy = context->policy,
    };
}

/* Gives the context, which stands as an upvalue, the tables on top: for strings that are pinned, and for clients that are
 * kept alive. Pops them. The parent's strings are read by nobody here, and its clients may be collected. */
static void set_tables(lua_State *L) {
    lua_setiuservalue(L, lua_upvalueindex(UPVALUE_CONTEXT), CONTEXT_PINS); /* checked by sw_context */
    lua_setiuservalue(L, lua_upvalueindex(UPVALUE_CONTEXT), CONTEXT_ANCHORS);
}

static bool renew(lua_State *L, struct context *context) {
    struct context *left = malloc(sizeof *left); /* stays: the parent's clients are never freed */
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
    close_retired(left);
    sw_engine_abandon(left->engine);
    begin_anew(context, engine);
    set_tables(L);
    return true;
}

bool sw_forked_renew(lua_State *L, struct context *context) {
    if (!sw_engine_forked(context->engine)) return true;
    lua_newtable(L);
    lua_newtable(L);
    sw_context(L); /* a finalizer that ran meanwhile may have replaced the upvalue, or come here first */
    if (sw_engine_forked(context->engine)) return renew(L, context);
    lua_pop(L, 2);
    return true;
}
