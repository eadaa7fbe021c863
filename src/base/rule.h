/* One rule of a host's policy about servers: it admits them, or refuses them (base/rules.h). It is a text:
 *
 *     example.org:443         a name and a port
 *     *.example.org           every name below example.org, every port; "*" alone is every name
 *     10.0.0.0/8:7000-7999    the addresses of a network, and a range of ports
 *     [2001:db8::]/32:443     an IPv6 address stands in brackets
 *     unix:/run/game/chat     a unix socket
 *     unix:/run/game/c*       every unix socket in that folder whose name begins so
 *     unix:@chat              an abstract one; "unix:*" alone is every unix socket
 */
#ifndef SW_BASE_RULE_H
#define SW_BASE_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/network.h"
#include "base/slice.h"

enum sw_rule_kind {
    SW_RULE_NAME,    /* of a host */
    SW_RULE_ADDRESS, /* of a host */
    SW_RULE_UNIX,
};

struct sw_rule {
    enum sw_rule_kind kind : 8;
    bool is_wild;              /* name: any text may stand before `name`; unix: behind it */
    uint16_t first, last;      /* ports; unix: both are 0 */
    struct sw_slice text;      /* the whole rule */
    struct sw_slice name;      /* name, unix: what stands beside "*"; a range of the text */
    struct sw_network network; /* address */
};

/* Reads the text, which must outlive the rule. Returns NULL, or a static sentence that says what is wrong. */
const char *sw_rule_parse(const char *text, size_t size, struct sw_rule *rule);

/* Does the rule hold for this name and port, this address and port, this unix socket? A rule of another kind does
 * not. */
bool sw_rule_has_name(const struct sw_rule *rule, const char *hostname, uint16_t port);
bool sw_rule_has_address(const struct sw_rule *rule, const struct sw_ip *ip, uint16_t port);
bool sw_rule_has_unix(const struct sw_rule *rule, const char *path);

#endif
