#include "base/server.h"

#include <stdlib.h>
#include <string.h>

struct sw_servers *sw_servers_new(const struct sw_choice *choice) {
    size_t head = sizeof(struct sw_servers) + choice->count * sizeof(struct sw_server), names = 0;
    for (unsigned i = 0; i < choice->count; i++) names += strlen(choice->list[i].hostname) + 1;
    struct sw_servers *servers = malloc(head + names);
    if (servers == NULL) return NULL;
    servers->rules = sw_rules_ref(choice->rules);
    atomic_init(&servers->refs, 1);
    servers->order = choice->order;
    servers->count = (uint8_t)choice->count;
    char *name = (char *)servers + head;
    for (unsigned i = 0; i < choice->count; i++) {
        size_t size = strlen(choice->list[i].hostname) + 1;
        memcpy(name, choice->list[i].hostname, size);
        servers->list[i] = (struct sw_server){choice->list[i].scheme, choice->list[i].port, name};
        name += size;
    }
    return servers;
}

const struct sw_server *sw_servers_at(const struct sw_servers *servers, unsigned index) {
    return &servers->list[index < servers->count ? index : 0];
}

bool sw_server_is_complete(const struct sw_server *server) {
    return server->hostname[0] != '\0' && (server->port != 0 || server->scheme == SW_SCHEME_UNIX);
}

struct sw_endpoint sw_server_endpoint(const struct sw_server *server) {
    struct sw_endpoint endpoint = {.scheme = server->scheme, .port = server->port};
    memcpy(endpoint.hostname, server->hostname, strlen(server->hostname) + 1);
    return endpoint;
}

struct sw_choice sw_servers_choice(const struct sw_servers *servers) {
    struct sw_choice choice = {.order = servers->order, .count = servers->count};
    for (unsigned i = 0; i < servers->count; i++) choice.list[i] = sw_server_endpoint(&servers->list[i]);
    return choice;
}

struct sw_servers *sw_servers_ref(struct sw_servers *servers) {
    if (servers != NULL) atomic_fetch_add_explicit(&servers->refs, 1, memory_order_relaxed);
    return servers;
}

void sw_servers_unref(struct sw_servers *servers) {
    if (servers == NULL || atomic_fetch_sub_explicit(&servers->refs, 1, memory_order_acq_rel) > 1) return;
    sw_rules_unref(servers->rules);
    free(servers);
}

void sw_servers_set(struct sw_servers **place, struct sw_servers *servers) {
    struct sw_servers *before = *place;
    *place = sw_servers_ref(servers);
    sw_servers_unref(before);
}

static bool equals(const struct sw_servers *servers, const struct sw_choice *choice) {
    if (servers->rules != choice->rules || servers->order != choice->order || servers->count != choice->count)
        return false;
    for (unsigned i = 0; i < choice->count; i++) {
        const struct sw_server wanted = {choice->list[i].scheme, choice->list[i].port, choice->list[i].hostname};
        if (!sw_server_equal(&servers->list[i], &wanted)) return false;
    }
    return true;
}

struct sw_servers *sw_servers_share(struct sw_servers **last, const struct sw_choice *wanted) {
    if (*last != NULL && equals(*last, wanted)) return sw_servers_ref(*last);
    struct sw_servers *servers = sw_servers_new(wanted);
    if (servers != NULL) sw_servers_set(last, servers);
    return servers;
}

bool sw_server_equal(const struct sw_server *a, const struct sw_server *b) {
    if (a == b) return true;
    if (a == NULL || b == NULL || a->scheme != b->scheme) return false;
    return a->port == b->port && strcmp(a->hostname, b->hostname) == 0;
}

bool sw_servers_equal(const struct sw_servers *a, const struct sw_servers *b) {
    if (a == b) return true;
    if (a == NULL || b == NULL || a->rules != b->rules) return false;
    if (a->order != b->order || a->count != b->count) return false;
    for (unsigned i = 0; i < a->count; i++)
        if (!sw_server_equal(&a->list[i], &b->list[i])) return false;
    return true;
}
