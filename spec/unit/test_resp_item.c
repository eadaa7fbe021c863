/* Items of RESP; spec/receive/resp_spec.lua has the whole values and every message. */
#include "codec/resp_item.h"

#include "unit.h"

static struct sw_resp_item item;
static struct sw_resp_fault fault;

static size_t read_text(const char *text) { return sw_resp_read(text, strlen(text), &item, &fault); }

static bool is_text(const char *text) {
    return item.text.size == strlen(text) && memcmp(item.text.data, text, item.text.size) == 0;
}

static void reads_one(void) {
    CHECK_EQ(read_text("+OK\r\n:1\r\n"), 5);
    CHECK_EQ(item.type, SW_RESP_SIMPLE);
    CHECK(is_text("OK"));
    CHECK_EQ(read_text("$3\r\na\r\n\r\n:1\r\n"), 9);
    CHECK(is_text("a\r\n"));
    CHECK_EQ(read_text(":-9223372036854775808\r\n"), 23);
    CHECK_EQ(item.integer, INT64_MIN);
    CHECK_EQ(read_text("=7\r\ntxt:abc\r\n"), 13);
    CHECK(is_text("abc"));
}

static void counts(void) {
    CHECK_EQ(read_text("*2\r\n_\r\n_\r\n"), 4);
    CHECK_EQ(item.count, 2);
    CHECK_EQ(read_text("%1\r\n_\r\n_\r\n"), 4);
    CHECK_EQ(item.count, 2);
    CHECK_EQ(read_text("*-1\r\n"), 5);
    CHECK_EQ(item.type, SW_RESP_NULL);
    CHECK_EQ(item.count, 0);
}

static void believes_no_count(void) {
    CHECK_EQ(read_text("*2\r\n_\r\n__"), 0);
    CHECK_EQ(fault.at, 4);
    CHECK_EQ(fault.needed, 2);
    CHECK_EQ(read_text("%9223372036854775807\r\n"), 0);
    CHECK_EQ(fault.needed, INT64_MAX);
    CHECK_EQ(read_text("$9223372036854775807\r\n"), 0);
    CHECK_EQ(fault.needed, INT64_MAX);
}

static void tells_the_place(void) {
    CHECK_EQ(read_text(":12x\r\n"), 0);
    CHECK_EQ(fault.at, 3);
    CHECK_EQ(fault.expected, "a digit");
    CHECK_EQ(read_text(""), 0);
    CHECK_EQ(fault.at, 0);
    CHECK_EQ(read_text("+OK"), 0);
    CHECK_EQ(fault.at, 3);
}

static const struct unit_test tests[] = {
    {"reads one item, and leaves what follows", reads_one},
    {"says how many items follow", counts},
    {"refuses what is only claimed", believes_no_count},
    {"says where an item is wrong", tells_the_place},
};

UNIT_MAIN(tests)
