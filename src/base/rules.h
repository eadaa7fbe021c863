/* The rules of a host's policy about servers: `allow` admits them, `deny` refuses them. src/host has read them. They
 * never change and are reference-counted, because both threads use them: the host thread judges a server when a script
 * names it, and the loop thread judges the addresses of a name when they are known. A client's servers carry the rules
 * under which they were admitted (base/server.h).
 *
 * A server is admitted if no rule of `deny` holds for it and, if there is `allow`, a rule of that holds. A rule about
 * names admits the name with whatever address it has; so that a name cannot lead inside, `allow` refuses inside
 * addresses (base/network.h) unless one of its rules lists them.
 */
#ifndef SW_BASE_RULES_H
#define SW_BASE_RULES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/rule.h"

enum { SW_RULES_MAX = 256 }; /* of each list */

struct sw_rules {
    atomic_int refs;
    bool has_allow;
    unsigned allow_count, deny_count;
    struct sw_rule list[]; /* those of `allow`, then those of `deny`; the texts stand behind them */
};

/* New rules with one reference, of texts that sw_rule_parse accepts; a NULL list: there is none. NULL: no memory. */
struct sw_rules *sw_rules_new(const struct sw_slice *allow, unsigned allow_count, const struct sw_slice *deny,
                              unsigned deny_count);

/* Both take NULL. */
struct sw_rules *sw_rules_ref(struct sw_rules *rules);
void sw_rules_unref(struct sw_rules *rules);

enum sw_verdict {
    SW_ADMITTED,
    SW_NOT_ALLOWED, /* no rule of `allow` holds */
    SW_DENIED,      /* rule *which of `deny` holds, counted from 0 */
    SW_ODD_PATH,    /* the path of a unix socket has an empty part, "." or ".." */
};

/* Judges a server as a script names it: the address that a name has is judged later. Rules that
 * are NULL admit every server. */
enum sw_verdict sw_rules_judge(const struct sw_rules *rules, const struct sw_endpoint *server, unsigned *which);

/* Judges an address of an admitted name. SW_OK, or SW_POLICY with the reason in `sys`: sw_error_text. */
struct sw_error sw_rules_judge_address(const struct sw_rules *rules, const struct sw_ip *ip, uint16_t port);

#endif
