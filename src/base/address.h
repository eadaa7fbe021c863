/* Host names, addresses and ports as users write them: checked before anything is asked of the network. */
#ifndef SW_BASE_ADDRESS_H
#define SW_BASE_ADDRESS_H

#include <stddef.h>
#include <stdint.h>

/* RFC 1035, 2.3.4: a name has at most 253 visible characters, a label at most 63. */
enum { SW_HOST_MAX = 253, SW_LABEL_MAX = 63 };

/* A host and a port while they are read; base/server.h is what they become. */
struct sw_endpoint {
    char hostname[SW_HOST_MAX + 1]; /* "" = none given */
    uint16_t port;                  /* 0 = none given */
};

/* A numeric address, as short as it can be kept. */
struct sw_ip {
    unsigned char bytes[16]; /* in network order; IPv4: the first four */
    uint32_t zone;           /* IPv6: index of the interface; 0 = none */
    uint8_t version;         /* 4, 6, or 0 = none */
};

/* "127.0.0.1", "fe80::1%eth0"; "" for none. */
enum { SW_IP_TEXT = 64 }; /* INET6_ADDRSTRLEN is 46; a zone takes at most IF_NAMESIZE (16) more */
void sw_ip_text(const struct sw_ip *ip, char text[SW_IP_TEXT]);

/* "ipv4", "ipv6" or NULL. Strict: dotted quad of four decimals without leading zeros ("127.1", "0x7f.0.0.1",
 * "010.0.0.1" are not addresses), RFC 4291 text with an optional %zone. The text need not be zero-terminated; an
 * embedded zero makes it none. */
const char *sw_ip_kind(const char *text, size_t size);

/* NULL when the text may be asked of the network: an address as above, or a host name (letters, digits, "-" and "_" in
 * labels of 1..63 that neither begin nor end with "-", one final dot allowed, at most 253 characters, not ending in a
 * label of digits only or a "0x..." number, which resolvers take for a shorthand address). Otherwise a static sentence
 * that says what is wrong and what to do, fit to follow "invalid host name '...': ". */
const char *sw_host_problem(const char *text, size_t size);

#endif
