#include "base/address.h"

#include "unit.h"

static const char *kind(const char *text) { return sw_ip_kind(text, strlen(text)); }

static const char *problem(const char *text) { return sw_host_problem(text, strlen(text)); }

/* True when the text is refused in words that hold `word`. */
static bool refuses(const char *text, const char *word) {
    const char *found = problem(text);
    return found != NULL && strstr(found, word) != NULL;
}

/* The name of that many characters, in labels of `label` ("aaa.aaa.a"). Static storage. */
static const char *name_of(size_t size, size_t label) {
    static char name[400];
    for (size_t i = 0; i < size; i++) name[i] = i % (label + 1) == label ? '.' : 'a';
    name[size] = '\0';
    return name;
}

static void ipv4(void) {
    CHECK_EQ(kind("127.0.0.1"), "ipv4");
    CHECK_EQ(kind("0.0.0.0"), "ipv4");
    CHECK_EQ(kind("255.255.255.255"), "ipv4");
    CHECK_EQ(kind("8.8.4.4"), "ipv4");
}

static void not_ipv4(void) {
    static const char *const texts[] = {
        "",         "127.1",      "1",          "0x7f1",     "0x7f.0.0.1", "010.0.0.1",         "00.0.0.0",
        "1.2.3.00", "1.2.3.256",  "1.2.3.1000", "1.2.3",     "1.2.3.",     "1.2.3.4.",          "1.2.3.4.5",
        ".1.2.3.4", "1..2.3",     " 1.2.3.4",   "1.2.3.4 ",  "1.2.3.4\n",  "+1.2.3.4",          "1.2.3.-4",
        "1.2.3.4a", "1.2.3.4:80", "1,2,3,4",    "localhost", "1.2.3.4%lo", "99999999999.1.1.1",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) CHECK_EQ(kind(texts[i]), NULL);
}

static void ipv6(void) {
    CHECK_EQ(kind("::"), "ipv6");
    CHECK_EQ(kind("::1"), "ipv6");
    CHECK_EQ(kind("2001:db8::8:800:200c:417a"), "ipv6");
    CHECK_EQ(kind("2001:DB8:0:0:8:800:200C:417A"), "ipv6");
    CHECK_EQ(kind("::ffff:192.0.2.1"), "ipv6");
    CHECK_EQ(kind("0000:0000:0000:0000:0000:ffff:255.255.255.255"), "ipv6");
    CHECK_EQ(kind("fe80::1%eth0"), "ipv6");
    CHECK_EQ(kind("fe80::1%2"), "ipv6");
    CHECK_EQ(kind("fe80::1%br-lan.100"), "ipv6");
}

static void not_ipv6(void) {
    static const char *const texts[] = {
        ":",
        ":::",
        "1::2::3",
        "1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:8:9",
        "12345::",
        "::g",
        "[::1]",
        "[::1]:80",
        "::1 ",
        " ::1",
        "::1\n",
        "::1%",
        "%eth0",
        "fe80::1%a%b",
        "fe80::1%a b",
        "fe80::1%a/b",
        "fe80::1%sixteen-letters0",
        "::1.2.3",
        "::ffff:1.2.3.256",
        "0000:0000:0000:0000:0000:ffff:255.255.255.2555",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) CHECK_EQ(kind(texts[i]), NULL);
}

static void ip_zero_byte(void) {
    CHECK_EQ(sw_ip_kind("1.2.3.4\0", 8), NULL);
    CHECK_EQ(sw_ip_kind("1.2.3.4\0x", 9), NULL);
    CHECK_EQ(sw_ip_kind("::1\0", 4), NULL);
    CHECK_EQ(sw_ip_kind("::1\0x", 5), NULL);
    CHECK_EQ(sw_ip_kind("fe80::1%lo\0", 11), NULL);
    CHECK_EQ(sw_ip_kind("fe80::1\0%lo", 11), NULL);
}

static void unterminated(void) {
    CHECK_EQ(sw_ip_kind("1.2.3.45", 7), "ipv4");
    CHECK_EQ(sw_ip_kind("::1zz", 3), "ipv6");
    CHECK_EQ(sw_ip_kind(NULL, 0), NULL);
    CHECK_EQ(sw_host_problem("host!", 4), NULL);
    /* On the heap and to the byte, so that the address sanitizer sees a read beyond the end. */
    static const char *const texts[] = {"1.2.3.4",  "1.2.3", "1.2.3.", "::1", "fe80::1%lo",
                                        "fe80::1%", "a.b",   "a.",     "h:",  "0x"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        size_t size = strlen(texts[i]);
        char *copy = malloc(size);
        if (!CHECK(copy != NULL)) return;
        memcpy(copy, texts[i], size);
        CHECK(sw_ip_kind(copy, size) == kind(texts[i]));
        CHECK(sw_host_problem(copy, size) == problem(texts[i]));
        free(copy);
    }
}

static void good_hosts(void) {
    static const char *const texts[] = {
        "localhost", "example.org", "example.org.", "EXAMPLE.Org", "a",      "a-b.c--d",  "_service._tcp.example",
        "my_host",   "3com.com",    "1a",           "0xg",         "x0x1",   "1.2.3.4a",  "xn--bcher-kva.example",
        "127.0.0.1", "::1",         "fe80::1%eth0", "12.34.org",   "0x7f.a", "a.b.c.d.e",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) CHECK_EQ(problem(texts[i]), NULL);
}

static void empty_host(void) {
    CHECK(refuses("", "empty"));
    CHECK(sw_host_problem(NULL, 0) != NULL);
}

static void odd_bytes(void) {
    CHECK(strstr(sw_host_problem("a\0b", 3), "zero byte") != NULL);
    CHECK(strstr(sw_host_problem("\0", 1), "zero byte") != NULL);
    CHECK(strstr(sw_host_problem("127.0.0.1\0", 10), "zero byte") != NULL);
    CHECK(refuses(" ", "space"));
    CHECK(refuses("a b", "space"));
    CHECK(refuses("localhost ", "space"));
    CHECK(refuses("a\nb", "control"));
    CHECK(refuses("localhost\r\n", "control"));
    CHECK(refuses("a\tb", "control"));
    CHECK(refuses("a\x7f", "control"));
    CHECK(refuses("m\xc3\xbcnchen.example", "xn--"));
    CHECK(refuses("a\x80", "ASCII"));
    CHECK(refuses("a\xff", "ASCII"));
}

static void only_name_bytes(void) {
    for (int c = 0; c < 256; c++) {
        char text[3] = {'a', (char)c, 'a'};
        bool good = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
                    c == '_' || c == '.';
        CHECK_EQ(sw_host_problem(text, 3) == NULL, good);
    }
}

static void long_hosts(void) {
    CHECK_EQ(problem(name_of(253, 63)), NULL);
    CHECK(refuses(name_of(254, 63), "longer than 253"));
    CHECK(refuses(name_of(300, 20), "longer than 253"));
    CHECK_EQ(problem(name_of(63, 63)), NULL);
    CHECK(refuses(name_of(64, 64), "longer than 63"));
    CHECK(refuses(name_of(130, 64), "longer than 63"));
}

static void empty_labels(void) {
    CHECK(refuses("a..b", "empty part"));
    CHECK(refuses(".a", "empty part"));
    CHECK(refuses(".", "empty part"));
    CHECK(refuses("..", "empty part"));
    CHECK(refuses("a..", "empty part"));
    CHECK(refuses("..a", "empty part"));
}

static void hyphens(void) {
    CHECK(refuses("-a", "'-'"));
    CHECK(refuses("a-", "'-'"));
    CHECK(refuses("a.-b.c", "begins or ends with '-'"));
    CHECK(refuses("a.b-.c", "begins or ends with '-'"));
    CHECK(refuses("-", "begins or ends with '-'"));
}

static void urls(void) {
    CHECK(refuses("http://x", "URL"));
    CHECK(refuses("http://x", "only the host name is wanted"));
    CHECK(refuses("http://user@example.org:80/a", "URL"));
    CHECK(refuses("http://[::1]:80/", "URL"));
    CHECK(refuses("example.org/a", "only the host name is wanted"));
    CHECK(refuses("/tmp/socket", "path"));
    CHECK(refuses("user@example.org", "user"));
    char url[400] = "http://";
    strcat(url, name_of(300, 20));
    CHECK(refuses(url, "URL"));
}

static void ports(void) {
    CHECK(refuses("h:80", "port is a separate argument"));
    CHECK(refuses("127.0.0.1:80", "port is a separate argument"));
    CHECK(refuses("h:", "port is a separate argument"));
    CHECK(refuses(":80", "port is a separate argument"));
}

static void brackets(void) {
    CHECK(refuses("[::1]", "drop the brackets"));
    CHECK(refuses("[::1]:80", "drop the brackets"));
    CHECK(refuses("[::1]:80", "port is a separate argument"));
    CHECK(refuses("[fe80::1%eth0]", "drop the brackets"));
    CHECK(refuses("::1]", "drop the brackets"));
}

static void broken_ipv6(void) {
    CHECK(refuses("1::2::3", "IPv6"));
    CHECK(refuses("fe80::1%", "IPv6"));
    CHECK(refuses("1:2:3", "IPv6"));
}

static void shorthand(void) {
    static const char *const texts[] = {
        "127.1",      "0x7f1",     "0X7F1",     "0x",        "1",          "2130706433", "0177.0.0.1", "010.0.0.1",
        "0x7f.0.0.1", "127.0.0x1", "1.2.3.256", "1.2.3.4.5", "127.0.0.1.", "127.1.",     "1.2.3",      "name.1",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        CHECK(refuses(texts[i], "shorthand address"));
        CHECK(refuses(texts[i], "write all four parts"));
    }
}

static bool has_text(struct sw_ip ip, const char *wanted) {
    char text[SW_IP_TEXT];
    sw_ip_text(&ip, text);
    return strcmp(text, wanted) == 0;
}

static void texts(void) {
    CHECK(has_text((struct sw_ip){.version = 4, .bytes = {127, 0, 0, 1}}, "127.0.0.1"));
    CHECK(has_text((struct sw_ip){.version = 6, .bytes = {0xfe, 0x80, [15] = 1}}, "fe80::1"));
    CHECK(has_text((struct sw_ip){.version = 6, .bytes = {0xfe, 0x80, [15] = 1}, .zone = 123456}, "fe80::1%123456"));
    CHECK(has_text((struct sw_ip){.version = 0, .zone = 123456}, ""));
    CHECK(has_text((struct sw_ip){.version = 4, .bytes = {127, 0, 0, 1}, .zone = 123456}, "127.0.0.1"));
}

static const struct unit_test tests[] = {
    {"knows a dotted quad", ipv4},
    {"takes no shorthand, octal, hexadecimal or otherwise odd quad for an address", not_ipv4},
    {"knows IPv6 text, with a zone too", ipv6},
    {"takes no broken, bracketed or badly zoned IPv6 text for an address", not_ipv6},
    {"takes no text with a zero byte for an address", ip_zero_byte},
    {"reads no byte beyond the text's size", unterminated},
    {"writes addresses, IPv6 with its zone, and nothing for none", texts},
    {"lets host names and addresses pass", good_hosts},
    {"[F1] refuses an empty host", empty_host},
    {"[F1] refuses zero bytes, spaces, control characters and bytes outside ASCII", odd_bytes},
    {"[F1] refuses every byte but letters, digits, '-', '_' and '.' in a name", only_name_bytes},
    {"[F1] refuses a name above 253 and a label above 63 characters", long_hosts},
    {"[F1] refuses an empty label, but for the root's final dot", empty_labels},
    {"[F1] refuses a label that begins or ends with '-'", hyphens},
    {"[F2] refuses a URL and says that only the name is wanted", urls},
    {"[F2] refuses host:port and says that the port is a separate argument", ports},
    {"[F2] refuses brackets and says to drop them", brackets},
    {"[F2] refuses broken IPv6 text", broken_ipv6},
    {"[F2] refuses shorthand addresses and says to write all four parts", shorthand},
};

UNIT_MAIN(tests)
