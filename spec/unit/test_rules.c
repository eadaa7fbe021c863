#include "base/rules.h"

#include "unit.h"

/* --- one rule --- */

static bool is_refused(const char *text) {
    struct sw_rule rule;
    const char *problem = sw_rule_parse(text, strlen(text), &rule);
    if (problem == NULL) printf("# %s is a rule\n", text);
    return problem != NULL;
}

static struct sw_ip ip(const char *text) {
    struct sw_ip ip;
    (void)sw_ip_read(text, strlen(text), &ip);
    return ip;
}

static struct sw_rule parse(const char *text) {
    struct sw_rule rule;
    const char *problem = sw_rule_parse(text, strlen(text), &rule);
    if (problem != NULL) printf("# %s: %s\n", text, problem);
    CHECK(problem == NULL);
    return rule;
}

static bool has_name(const char *text, const char *name, uint16_t port) {
    struct sw_rule rule = parse(text);
    return sw_rule_has_name(&rule, name, port);
}

static bool has_address(const char *text, const char *address, uint16_t port) {
    struct sw_rule rule = parse(text);
    struct sw_ip asked = ip(address);
    return sw_rule_has_address(&rule, &asked, port);
}

static bool has_unix(const char *text, const char *path) {
    struct sw_rule rule = parse(text);
    return sw_rule_has_unix(&rule, path);
}

static void names(void) {
    CHECK(has_name("example.org:443", "example.org", 443));
    CHECK(has_name("example.org:443", "EXAMPLE.org.", 443));
    CHECK(has_name("example.org.", "example.org", 1));
    CHECK(!has_name("example.org:443", "example.org", 444));
    CHECK(!has_name("example.org", "a.example.org", 443));
    CHECK(!has_name("example.org", "xexample.org", 443));
    CHECK(has_name("*.example.org", "a.example.org", 65535));
    CHECK(has_name("*.example.org", "a.b.example.org.", 1));
    CHECK(!has_name("*.example.org", "example.org", 1));
    CHECK(!has_name("*.example.org", "a.example.org.evil", 1));
    CHECK(has_name("*:80", "localhost", 80));
    CHECK(!has_name("*:80", "localhost", 81));
    CHECK(!has_name("127.0.0.1", "127.0.0.1", 81)); /* no name */
    CHECK(has_name("a:7000-7999", "a", 7000) && has_name("a:7000-7999", "a", 7999));
    CHECK(!has_name("a:7000-7999", "a", 6999) && !has_name("a:7000-7999", "a", 8000));
}

static void addresses(void) {
    CHECK(has_address("10.0.0.0/8:80", "10.255.0.1", 80));
    CHECK(!has_address("10.0.0.0/8:80", "11.0.0.1", 80));
    CHECK(!has_address("10.0.0.0/8:80", "10.0.0.1", 81));
    CHECK(has_address("10.0.0.1", "10.0.0.1", 9) && !has_address("10.0.0.1", "10.0.0.2", 9));
    CHECK(has_address("172.16.0.0/12", "172.31.255.255", 1) && !has_address("172.16.0.0/12", "172.32.0.0", 1));
    CHECK(has_address("0.0.0.0/0", "8.8.8.8", 53) && !has_address("0.0.0.0/0", "2001:db8::1", 53));
    CHECK(has_address("10.0.0.0/8", "::ffff:10.1.2.3", 1));
    CHECK(has_address("[::ffff:10.0.0.0]/104", "10.1.2.3", 1));
    CHECK(has_address("[2001:db8::]/32:443", "2001:db8:ffff::1", 443));
    CHECK(!has_address("[2001:db8::]/32:443", "2001:db9::", 443));
    CHECK(has_address("2001:db8::/32", "2001:db8::1", 443));
    CHECK(has_address("::1", "::1", 1) && has_address("[::1]:1", "::1", 1) && !has_address("[::1]:1", "::1", 2));
    CHECK(has_address("fe80::/10", "fe80::1%lo", 1));
    CHECK(!has_address("example.org", "10.0.0.1", 1));
}

static void sockets(void) {
    CHECK(has_unix("unix:/run/a", "/run/a") && !has_unix("unix:/run/a", "/run/ab"));
    CHECK(has_unix("unix:/run/game/*", "/run/game/x") && !has_unix("unix:/run/game/*", "/run/game/x/y"));
    CHECK(has_unix("unix:/run/g*", "/run/game") && !has_unix("unix:/run/g*", "/run/x"));
    CHECK(has_unix("unix:@game*", "@game/1") && !has_unix("unix:@game*", "@other"));
    CHECK(has_unix("unix:*", "/a/b") && has_unix("UNIX:*", "@x"));
    CHECK(!has_unix("*", "/a"));
}

static void wrong_rules(void) {
    static const char *const texts[] = {
        "",      "a b",      "x:",        "x:0",      "x:65536",    "x:1-",      "x:2-1",       "x:1-2-3",
        "x:a",   "*x",       "*.",        "a.*",      "10.0.0.1/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0/8",
        "[::1",  "::1]",     "[::1]x",    "[::]/129", "[]",         "/",         "fe80::1%lo",  "[fe80::1%lo]:1",
        "unix:", "unix:run", "tcp://x:1", "http://x", "1.2.3",      "0x7f.1",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) CHECK(is_refused(texts[i]));
    CHECK(sw_rule_parse("a\0b", 3, &(struct sw_rule){.first = 0}) != NULL);
    CHECK(sw_rule_parse("unix:/a\0b", 9, &(struct sw_rule){.first = 0}) != NULL);
}

/* --- inside addresses --- */

static const struct {
    const char *text;
    enum sw_inside inside;
} rows[] = {
    {"127.0.0.1", SW_INSIDE_LOOPBACK},
    {"127.255.255.255", SW_INSIDE_LOOPBACK},
    {"::1", SW_INSIDE_LOOPBACK},
    {"::ffff:127.0.0.1", SW_INSIDE_LOOPBACK},
    {"64:ff9b::127.0.0.1", SW_INSIDE_LOOPBACK},
    {"2002:7f00:1::", SW_INSIDE_LOOPBACK},
    {"10.0.0.1", SW_INSIDE_PRIVATE},
    {"172.16.0.1", SW_INSIDE_PRIVATE},
    {"172.31.0.1", SW_INSIDE_PRIVATE},
    {"192.168.1.1", SW_INSIDE_PRIVATE},
    {"100.64.0.1", SW_INSIDE_PRIVATE},
    {"fd00::1", SW_INSIDE_PRIVATE},
    {"fec0::1", SW_INSIDE_PRIVATE},
    {"64:ff9b::10.0.0.1", SW_INSIDE_PRIVATE},
    {"2002:c0a8:101::1", SW_INSIDE_PRIVATE},
    {"169.254.169.254", SW_INSIDE_LINK_LOCAL},
    {"fe80::1", SW_INSIDE_LINK_LOCAL},
    {"0.0.0.0", SW_INSIDE_SPECIAL},
    {"0.1.2.3", SW_INSIDE_SPECIAL},
    {"224.0.0.1", SW_INSIDE_SPECIAL},
    {"255.255.255.255", SW_INSIDE_SPECIAL},
    {"::", SW_INSIDE_SPECIAL},
    {"::127.0.0.1", SW_INSIDE_SPECIAL},
    {"ff02::1", SW_INSIDE_SPECIAL},
    {"2001:db8::1", SW_INSIDE_SPECIAL},
    {"8.8.8.8", SW_INSIDE_NONE},
    {"172.15.0.1", SW_INSIDE_NONE},
    {"172.32.0.1", SW_INSIDE_NONE},
    {"100.128.0.1", SW_INSIDE_NONE},
    {"223.255.255.255", SW_INSIDE_NONE},
    {"2606:4700::1111", SW_INSIDE_NONE},
    {"64:ff9b::8.8.8.8", SW_INSIDE_NONE},
};

static void insides(void) {
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sw_ip asked = ip(rows[i].text);
        if (!CHECK_EQ(sw_ip_inside(&asked), rows[i].inside)) printf("# %s\n", rows[i].text);
    }
}

/* --- lists --- */

static struct sw_slice slice(const char *text) { return (struct sw_slice){text, strlen(text)}; }

static enum sw_verdict judge(const struct sw_rules *rules, const char *hostname, uint16_t port) {
    struct sw_endpoint server = {.scheme = hostname[0] == '/' ? SW_SCHEME_UNIX : SW_SCHEME_TCP, .port = port};
    unsigned which;
    strcpy(server.hostname, hostname);
    return sw_rules_judge(rules, &server, &which);
}

static int judge_address(const struct sw_rules *rules, const char *text, uint16_t port) {
    struct sw_ip asked = ip(text);
    struct sw_error error = sw_rules_judge_address(rules, &asked, port);
    return error.err == SW_POLICY ? error.sys : 0;
}

static void allows(void) {
    const struct sw_slice allow[] = {slice("*.example.org:443"), slice("10.0.0.0/8:7000"), slice("unix:/run/*")};
    struct sw_rules *rules = sw_rules_new(allow, 3, NULL, 0);
    if (!CHECK(rules != NULL)) return;
    CHECK_EQ(judge(rules, "a.example.org", 443), SW_ADMITTED);
    CHECK_EQ(judge(rules, "a.example.org", 80), SW_NOT_ALLOWED);
    CHECK_EQ(judge(rules, "10.1.1.1", 7000), SW_ADMITTED);
    CHECK_EQ(judge(rules, "::ffff:10.1.1.1", 7000), SW_ADMITTED);
    CHECK_EQ(judge(rules, "8.8.8.8", 443), SW_NOT_ALLOWED);
    CHECK_EQ(judge(rules, "/run/x", 0), SW_ADMITTED);
    CHECK_EQ(judge(rules, "/tmp/x", 0), SW_NOT_ALLOWED);
    CHECK_EQ(judge(rules, "/run/..", 0), SW_ODD_PATH);
    CHECK_EQ(judge(rules, "/run/./x", 0), SW_ODD_PATH);
    CHECK_EQ(judge(rules, "/run//x", 0), SW_ODD_PATH);
    CHECK_EQ(judge(rules, "/run/..x", 0), SW_ADMITTED);
    /* What the names lead to. */
    CHECK_EQ(judge_address(rules, "8.8.8.8", 443), 0);
    CHECK_EQ(judge_address(rules, "127.0.0.1", 443), -SW_INSIDE_LOOPBACK);
    CHECK_EQ(judge_address(rules, "10.0.0.1", 443), -SW_INSIDE_PRIVATE);
    CHECK_EQ(judge_address(rules, "10.0.0.1", 7000), 0); /* an address rule lists it */
    sw_rules_unref(rules);
}

static void denies(void) {
    const struct sw_slice deny[] = {slice("evil.example"), slice("10.0.0.0/8"), slice("0.0.0.0/0:25")};
    struct sw_rules *rules = sw_rules_ref(sw_rules_new(NULL, 0, deny, 3));
    if (!CHECK(rules != NULL)) return;
    CHECK_EQ(judge(rules, "evil.example.", 1), SW_DENIED);
    CHECK_EQ(judge(rules, "good.example", 1), SW_ADMITTED);
    CHECK_EQ(judge(rules, "10.0.0.1", 1), SW_DENIED);
    CHECK_EQ(judge(rules, "64:ff9b::10.0.0.1", 1), SW_DENIED);
    CHECK_EQ(judge(rules, "127.0.0.1", 1), SW_ADMITTED);
    CHECK_EQ(judge(rules, "127.0.0.1", 25), SW_DENIED);
    CHECK_EQ(judge_address(rules, "10.1.1.1", 1), 2);
    CHECK_EQ(judge_address(rules, "1.1.1.1", 25), 3);
    CHECK_EQ(judge_address(rules, "127.0.0.1", 1), 0); /* only allow closes what is inside */
    sw_rules_unref(rules);
    sw_rules_unref(rules);
}

static void both(void) {
    const struct sw_slice allow[] = {slice("*"), slice("127.0.0.0/8")}, deny[] = {slice("127.0.0.2")};
    struct sw_rules *rules = sw_rules_new(allow, 2, deny, 1), *none = sw_rules_new(allow, 0, NULL, 0);
    if (!CHECK(rules != NULL && none != NULL)) return;
    CHECK_EQ(judge(rules, "127.0.0.1", 1), SW_ADMITTED);
    CHECK_EQ(judge(rules, "127.0.0.2", 1), SW_DENIED);
    CHECK_EQ(judge_address(rules, "127.0.0.2", 1), 1);
    CHECK_EQ(judge_address(rules, "127.0.0.3", 1), 0);
    CHECK_EQ(judge(none, "a", 1), SW_NOT_ALLOWED);
    CHECK_EQ(judge(NULL, "a", 1), SW_ADMITTED);
    CHECK_EQ(judge_address(NULL, "127.0.0.1", 1), 0);
    sw_rules_unref(rules);
    sw_rules_unref(none);
    sw_rules_unref(NULL);
}

static const struct unit_test tests[] = {
    {"a rule about a name holds for its spellings, below \"*\", and for its ports [F78]", names},
    {"a rule about addresses holds for its network, in each spelling of an address [F78]", addresses},
    {"a rule about unix sockets holds for a name, or for the names in a folder [F78]", sockets},
    {"what is no rule is refused [F60]", wrong_rules},
    {"an inside address is known in each of its forms [F78]", insides},
    {"allow admits what it lists, and no name that leads inside [F78]", allows},
    {"deny refuses names, addresses and what names lead to [F78]", denies},
    {"deny comes before allow; an empty allow admits nothing [F78]", both},
};

UNIT_MAIN(tests)
