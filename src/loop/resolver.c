#include "loop/resolver.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/list.h"
#include "base/tunables.h"
#include "channel/thread.h"

/* Calls getaddrinfo. Returns 0 or its error code (EAI_...). */
static int resolve(const struct sw_server *server, int flags, struct sw_addresses *addresses) {
    char port[8];
    (void)snprintf(port, sizeof port, "%u", (unsigned)server->port);
    struct addrinfo hints = {.ai_flags = flags | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM}, *found = NULL;
    int failed = getaddrinfo(server->hostname, port, &hints, &found);
    if (failed != 0) return failed;
    addresses->count = 0;
    for (const struct addrinfo *info = found; info != NULL && addresses->count < SW_ADDRESSES_MAX;
         info = info->ai_next) {
        struct sw_address *address = &addresses->list[addresses->count];
        if (info->ai_addrlen > sizeof address->in6) continue;
        address->size = info->ai_addrlen;
        memcpy(&address->any, info->ai_addr, info->ai_addrlen);
        addresses->count++;
    }
    freeaddrinfo(found);
    return addresses->count > 0 ? 0 : EAI_NONAME;
}

bool sw_resolver_numeric(const struct sw_server *server, struct sw_addresses *addresses) {
    if (sw_ip_kind(server->hostname, strlen(server->hostname)) == NULL) return false;
    return resolve(server, AI_NUMERICHOST, addresses) == 0;
}

/* `failed` is what getaddrinfo returned; sys is errno, for EAI_SYSTEM. */
static struct sw_error to_error(int failed, int sys) {
    switch (failed) {
    case 0: return sw_error_make(SW_OK, SW_STAGE_RESOLVE);
    case EAI_NONAME:
#if defined EAI_NODATA && EAI_NODATA != EAI_NONAME
    case EAI_NODATA:
#endif
        return sw_error_make(SW_NOTFOUND, SW_STAGE_RESOLVE);
    case EAI_MEMORY: return sw_error_system(ENOMEM, SW_STAGE_RESOLVE);
    case EAI_SYSTEM: return sw_error_system(sys, SW_STAGE_RESOLVE);
    default: return sw_error_make(SW_NONAME, SW_STAGE_RESOLVE);
    }
}

static void free_lookup(struct sw_lookup *lookup) {
    sw_engine_unref(lookup->engine);
    sw_server_unref(lookup->server);
    free(lookup);
}

static void handle_answer(struct sw_post *post) {
    struct sw_lookup *lookup = SW_HOLDER(post, struct sw_lookup, post);
    if (lookup->owner != NULL) lookup->on_answer(lookup);
    free_lookup(lookup);
}

static void drop_answer(struct sw_post *post) { free_lookup(SW_HOLDER(post, struct sw_lookup, post)); }

static void *run(void *argument) {
    struct sw_lookup *lookup = argument;
    sw_thread_mark_ours();
    int failed = resolve(lookup->server, AI_ADDRCONFIG, &lookup->addresses);
    lookup->error = to_error(failed, errno);
    sw_thread_end_helper();
    struct sw_engine *engine = sw_engine_ref(lookup->engine); /* after the post, the loop may free the lookup */
    if (!sw_engine_post(engine, &lookup->post)) free_lookup(lookup);
    sw_engine_unref(engine);
    return NULL;
}

static int spawn(struct sw_lookup *lookup) {
    if (!sw_thread_claim_helper(SW_LOOKUPS_MAX)) return EAGAIN;
    pthread_t thread;
    int failed = sw_thread_spawn(&thread, true, run, lookup);
    if (failed != 0) sw_thread_end_helper();
    return failed;
}

int sw_resolver_start(struct sw_engine *engine, struct sw_server *server, void (*on_answer)(struct sw_lookup *lookup),
                      void *owner, struct sw_lookup **lookup) {
    SW_ON_LOOP_THREAD();
    struct sw_lookup *job = calloc(1, sizeof *job);
    if (job == NULL) return ENOMEM;
    job->post = (struct sw_post){.handle = handle_answer, .drop = drop_answer};
    job->on_answer = on_answer;
    job->owner = owner;
    job->engine = sw_engine_ref(engine);
    job->server = sw_server_ref(server);
    int failed = spawn(job);
    if (failed != 0) {
        free_lookup(job);
        return failed;
    }
    *lookup = job;
    return 0;
}
