#include "base/server.h"

#include <stdlib.h>
#include <string.h>

struct sw_server *sw_server_new(const struct sw_endpoint *endpoint) {
    size_t size = strlen(endpoint->hostname) + 1;
    struct sw_server *server = malloc(sizeof *server + size);
    if (server == NULL) return NULL;
    atomic_init(&server->refs, 1);
    server->scheme = endpoint->scheme;
    server->port = endpoint->port;
    memcpy(server->hostname, endpoint->hostname, size);
    return server;
}

struct sw_endpoint sw_server_endpoint(const struct sw_server *server) {
    struct sw_endpoint endpoint = {.scheme = server->scheme, .port = server->port};
    memcpy(endpoint.hostname, server->hostname, strlen(server->hostname) + 1);
    return endpoint;
}

struct sw_server *sw_server_ref(struct sw_server *server) {
    if (server != NULL) atomic_fetch_add_explicit(&server->refs, 1, memory_order_relaxed);
    return server;
}

void sw_server_unref(struct sw_server *server) {
    if (server == NULL || atomic_fetch_sub_explicit(&server->refs, 1, memory_order_acq_rel) > 1) return;
    free(server);
}

void sw_server_set(struct sw_server **place, struct sw_server *server) {
    struct sw_server *before = *place;
    *place = sw_server_ref(server);
    sw_server_unref(before);
}

static bool is_at(const struct sw_server *server, enum sw_scheme scheme, const char *hostname, uint16_t port) {
    return server->scheme == scheme && server->port == port && strcmp(server->hostname, hostname) == 0;
}

struct sw_server *sw_server_share(struct sw_server **last, const struct sw_endpoint *wanted) {
    if (*last != NULL && is_at(*last, wanted->scheme, wanted->hostname, wanted->port))
        return sw_server_ref(*last);
    struct sw_server *server = sw_server_new(wanted);
    if (server != NULL) sw_server_set(last, server);
    return server;
}

bool sw_server_equal(const struct sw_server *a, const struct sw_server *b) {
    if (a == b) return true;
    return a != NULL && b != NULL && is_at(a, b->scheme, b->hostname, b->port);
}
