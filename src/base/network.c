#include "base/network.h"

#include <assert.h>
#include <string.h>

static unsigned size_in_bits(const struct sw_ip *ip) { return ip->version == 4 ? 32 : 128; }

static unsigned bit(const struct sw_ip *ip, unsigned index) { return ip->bytes[index / 8] >> (7 - index % 8) & 1; }

/* Do the first bits of both agree? */
static bool agree(const unsigned char *a, const unsigned char *b, unsigned bits) {
    if (memcmp(a, b, bits / 8) != 0) return false;
    unsigned rest = bits % 8;
    return rest == 0 || (a[bits / 8] ^ b[bits / 8]) >> (8 - rest) == 0;
}

bool sw_network_has(const struct sw_network *network, const struct sw_ip *ip) {
    return ip->version == network->address.version && agree(ip->bytes, network->address.bytes, network->bits);
}

/* --- reading --- */

/* Reads 1..3 digits that are at most `most`. */
static bool read_bits(const char *text, size_t size, unsigned most, unsigned *bits) {
    *bits = 0;
    if (size < 1 || size > 3) return false;
    for (size_t i = 0; i < size; i++) {
        if (text[i] < '0' || text[i] > '9') return false;
        *bits = *bits * 10 + (unsigned)(text[i] - '0');
    }
    return *bits <= most;
}

/* IPv4-mapped addresses form a network within IPv6; its addresses are compared as IPv4. */
static void make_plain(struct sw_network *network) {
    struct sw_ip plain = sw_ip_plain(&network->address);
    if (plain.version == network->address.version || network->bits < 96) return;
    network->address = plain;
    network->bits -= 96;
}

const char *sw_network_read(const char *text, size_t size, struct sw_network *network) {
    const char *slash = memchr(text, '/', size);
    size_t length = slash != NULL ? (size_t)(slash - text) : size;
    if (sw_ip_kind(text, length) == NULL || memchr(text, '%', length) != NULL)
        return "it is no address; write one as \"10.0.0.0\" or \"2001:db8::\", without a zone";
    (void)sw_ip_read(text, length, &network->address);
    unsigned most = size_in_bits(&network->address);
    network->bits = most;
    if (slash != NULL && !read_bits(slash + 1, size - length - 1, most, &network->bits))
        return most == 32 ? "behind \"/\" stands a number of bits, 0..32"
                          : "behind \"/\" stands a number of bits, 0..128";
    for (unsigned i = network->bits; i < most; i++)
        if (bit(&network->address, i) != 0)
            return "the address has bits behind those that \"/\" counts; write the network's first address";
    make_plain(network);
    return NULL;
}

/* --- addresses within addresses --- */

static struct sw_ip ipv4(const unsigned char *bytes) {
    struct sw_ip ip = {.version = 4};
    memcpy(ip.bytes, bytes, 4);
    return ip;
}

struct sw_ip sw_ip_plain(const struct sw_ip *ip) {
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    bool is_mapped = ip->version == 6 && memcmp(ip->bytes, mapped, sizeof mapped) == 0;
    return is_mapped ? ipv4(ip->bytes + 12) : *ip;
}

bool sw_ip_is_translated(const struct sw_ip *ip, struct sw_ip *target) {
    static const unsigned char nat64[12] = {0x00, 0x64, 0xff, 0x9b}, six_to_four[2] = {0x20, 0x02};
    if (ip->version != 6) return false;
    if (memcmp(ip->bytes, nat64, sizeof nat64) == 0)
        *target = ipv4(ip->bytes + 12);
    else if (memcmp(ip->bytes, six_to_four, sizeof six_to_four) == 0)
        *target = ipv4(ip->bytes + 2);
    else
        return false;
    return true;
}

/* --- inside --- */

/* IANA's registries of special-purpose addresses (RFC 6890), where an address is not globally reachable, with multicast
 * (RFC 5771, RFC 4291) and the old site-local addresses (RFC 3879). */
static const struct {
    enum sw_inside inside;
    unsigned char version, bits;
    unsigned char bytes[16];
} insides[] = {
    {SW_INSIDE_LOOPBACK, 4, 8, {127}},
    {SW_INSIDE_LOOPBACK, 6, 128, {[15] = 1}},
    {SW_INSIDE_PRIVATE, 4, 8, {10}},
    {SW_INSIDE_PRIVATE, 4, 12, {172, 16}},
    {SW_INSIDE_PRIVATE, 4, 16, {192, 168}},
    {SW_INSIDE_PRIVATE, 4, 10, {100, 64}}, /* shared address space (RFC 6598) */
    {SW_INSIDE_PRIVATE, 6, 7, {0xfc}},
    {SW_INSIDE_PRIVATE, 6, 10, {0xfe, 0xc0}},
    {SW_INSIDE_LINK_LOCAL, 4, 16, {169, 254}},
    {SW_INSIDE_LINK_LOCAL, 6, 10, {0xfe, 0x80}},
    {SW_INSIDE_SPECIAL, 4, 8, {0}}, /* Linux connects 0.0.0.0 to this machine */
    {SW_INSIDE_SPECIAL, 4, 24, {192, 0, 0}},
    {SW_INSIDE_SPECIAL, 4, 24, {192, 0, 2}},
    {SW_INSIDE_SPECIAL, 4, 15, {198, 18}},
    {SW_INSIDE_SPECIAL, 4, 24, {198, 51, 100}},
    {SW_INSIDE_SPECIAL, 4, 24, {203, 0, 113}},
    {SW_INSIDE_SPECIAL, 4, 3, {224}}, /* multicast, reserved, broadcast */
    {SW_INSIDE_SPECIAL, 6, 96, {0}},  /* "::", and IPv4-compatible addresses (RFC 4291, 2.5.5.1) */
    {SW_INSIDE_SPECIAL, 6, 48, {0x00, 0x64, 0xff, 0x9b, 0x00, 0x01}}, /* translators of one network (RFC 8215) */
    {SW_INSIDE_SPECIAL, 6, 64, {0x01}},
    {SW_INSIDE_SPECIAL, 6, 32, {0x20, 0x01, 0x0d, 0xb8}},
    {SW_INSIDE_SPECIAL, 6, 8, {0xff}},
};

static enum sw_inside find(const struct sw_ip *ip) {
    for (size_t i = 0; i < sizeof insides / sizeof insides[0]; i++)
        if (insides[i].version == ip->version && agree(insides[i].bytes, ip->bytes, insides[i].bits))
            return insides[i].inside;
    return SW_INSIDE_NONE;
}

enum sw_inside sw_ip_inside(const struct sw_ip *ip) {
    struct sw_ip plain = sw_ip_plain(ip), target;
    enum sw_inside inside = find(&plain);
    return inside == SW_INSIDE_NONE && sw_ip_is_translated(&plain, &target) ? find(&target) : inside;
}

const char *sw_inside_text(enum sw_inside inside) {
    static const char *const texts[] = {
#define ROW(name, text) [SW_INSIDE_##name] = (text),
        SW_INSIDES(ROW)
#undef ROW
    };
    assert(inside != SW_INSIDE_NONE);
    return texts[inside];
}
