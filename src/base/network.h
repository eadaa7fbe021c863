/* Networks: ranges of IP addresses that begin with the same bits (RFC 4632, RFC 4291). The rules of a host's policy
 * name them (base/rules.h), and some of them lead inside: to this machine, or to machines that only its own network
 * reaches.
 */
#ifndef SW_BASE_NETWORK_H
#define SW_BASE_NETWORK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/address.h"

struct sw_network {
    struct sw_ip address; /* the first one; its zone counts for nothing */
    unsigned bits;        /* that all addresses of the network have in common */
};

/* Reads "10.0.0.0/8", "2001:db8::/32" or one address. Returns NULL, or a static sentence that says what is wrong. */
const char *sw_network_read(const char *text, size_t size, struct sw_network *network);

bool sw_network_has(const struct sw_network *network, const struct sw_ip *ip);

/* An IPv4-mapped IPv6 address (RFC 4291, 2.5.5.2) becomes the IPv4 address to which a socket with it connects; others
 * stay as they are. */
struct sw_ip sw_ip_plain(const struct sw_ip *ip);

/* Does a translator of the network take the address to an IPv4 address that is a part of it (RFC 6052, 2.1; RFC 3056,
 * 2)? Then *target is that one. */
bool sw_ip_is_translated(const struct sw_ip *ip, struct sw_ip *target);

/* The kinds of addresses that lead inside. */
#define SW_INSIDES(X)           \
    X(LOOPBACK, "loopback")     \
    X(PRIVATE, "private")       \
    X(LINK_LOCAL, "link-local") \
    X(SPECIAL, "special-purpose") /* multicast, and what stands for "here", for tests or for nothing */

#define SW_INSIDE_ENUM(name, text) SW_INSIDE_##name,
enum sw_inside { SW_INSIDE_NONE, SW_INSIDES(SW_INSIDE_ENUM) };

/* What kind of inside address it is, also behind a translator; SW_INSIDE_NONE: the internet routes it. */
enum sw_inside sw_ip_inside(const struct sw_ip *ip);

/* "loopback", ...; not of SW_INSIDE_NONE. */
const char *sw_inside_text(enum sw_inside inside);

#endif
