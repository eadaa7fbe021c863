/* The wire of peer.c without TLS: what is read and written is what goes over the socket. The same names as in peer_tls.h.
 */
#ifndef PEER_PLAIN_H
#define PEER_PLAIN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

enum wire_state { WIRE_SHAKING, WIRE_READY, WIRE_FAILED };

struct wire {
    int fd;
    uint64_t read;
};

static void wire_set(const char *option, const char *value) {
    (void)value;
    fprintf(stderr, "peer: --%s: this program has no TLS; peer-tls has\n", option);
    exit(1);
}

static void wire_begin(void) {}

static void wire_open(struct wire *wire, int fd) { *wire = (struct wire){.fd = fd}; }

static void wire_free(const struct wire *wire) { (void)wire; }

static enum wire_state wire_shake(const struct wire *wire) {
    (void)wire;
    return WIRE_READY;
}

static ssize_t wire_read(struct wire *wire, void *data, size_t size) {
    ssize_t n = recv(wire->fd, data, size, 0);
    if (n > 0) wire->read += (uint64_t)n;
    return n;
}

static ssize_t wire_write(const struct wire *wire, const void *data, size_t size) {
    return send(wire->fd, data, size, MSG_NOSIGNAL);
}

static size_t wire_unwritten(const struct wire *wire) {
    (void)wire;
    return 0;
}

static bool wire_has_unread(const struct wire *wire) {
    (void)wire;
    return false;
}

static bool wire_wants_write(const struct wire *wire) {
    (void)wire;
    return false;
}

static bool wire_say_end(const struct wire *wire) {
    (void)wire;
    return true;
}

static uint64_t wire_arrived(const struct wire *wire) {
    int unread = 0;
    return ioctl(wire->fd, FIONREAD, &unread) == 0 ? wire->read + (uint64_t)unread : wire->read;
}

static uint64_t wire_whole(const struct wire *wire) { return wire_arrived(wire); }

static uint64_t wire_handshakes(void) { return 0; }

static const char *wire_describe(char *text, size_t size) {
    if (size > 0) text[0] = '\0';
    return "this program has no TLS";
}

#endif
