/* Checks host names and IP addresses before a resolver sees them, so that a typing error gets a clear message at
 * once. */
#ifndef SW_BASE_ADDRESS_H
#define SW_BASE_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/scheme.h"

/* RFC 1035, 2.3.4: a name has at most 253 visible characters, a label at most 63. */
enum { SW_HOST_MAX = 253, SW_LABEL_MAX = 63 };

/* A host and a port while arguments are read. struct sw_servers (base/server.h) stores them. */
struct sw_endpoint {
    enum sw_scheme scheme;
    char hostname[SW_HOST_MAX + 1]; /* "" = none given; of a unix socket: its path, or "@name" if it is abstract */
    uint16_t port;                  /* 0 = none given, or a unix socket */
};

/* A numeric IP address in compact form: every report contains one. */
struct sw_ip {
    unsigned char bytes[16]; /* in network order; IPv4: the first four */
    uint32_t zone;           /* IPv6 scope id: index of the interface; 0 = none */
    uint8_t version;         /* 4, 6, or 0 = none */
};

/* Is it the same address? */
static inline bool sw_ip_equal(const struct sw_ip *a, const struct sw_ip *b) {
    return a->version == b->version && a->zone == b->zone && memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

/* Writes the address as text: "127.0.0.1", "fe80::1%eth0"; "" if version is 0. */
enum { SW_IP_TEXT = 64 }; /* INET6_ADDRSTRLEN is 46; a zone takes at most IF_NAMESIZE (16) more */
void sw_ip_text(const struct sw_ip *ip, char text[SW_IP_TEXT]);

/* Returns "ipv4" or "ipv6" if the text is a numeric address, else NULL. IPv4: four decimals without leading zeros, so
 * "127.1", "0x7f.0.0.1" and "010.0.0.1" are not addresses. IPv6: RFC 4291 text with an optional %zone. The text need
 * not be zero-terminated; text that contains a zero byte is not an address. */
const char *sw_ip_kind(const char *text, size_t size);

/* Reads a numeric address, which sw_ip_kind accepts. False: there is no network interface of the name behind "%". */
bool sw_ip_read(const char *text, size_t size, struct sw_ip *ip);

/* Returns NULL if the text is a valid address, as above, or a valid host name. Else returns a static sentence that says
 * what is wrong and what to do; it can follow "invalid host name '...': ".
 *
 * A host name has at most 253 characters and may end with one dot. Each label has 1..63 letters, digits, "-" and "_",
 * and neither begins nor ends with "-". The last label is not a number (digits only, or "0x..."), because resolvers
 * read such a name as an abbreviated address. */
const char *sw_host_problem(const char *text, size_t size);

#endif
