/* Options that clients share. */
#include "base/options.h"

#include "unit.h"

static struct sw_options some_options(void) {
    return (struct sw_options){
        .framing = {.kind = SW_FRAMING_DELIMITER, .size = 2, .max = 100, .delimiter = "\r\n"},
        .retain = SW_RETAIN_UNACKED,
        .queue_limit = 1,
        .inbox_limit = 2,
        .connect_timeout = 3,
        .linger = 4,
        .stall_timeout = 5,
        .spin = 6,
        .keepalive = {.idle = 7, .interval = 8, .count = 9},
        .nodelay = true,
    };
}

static void shares(void) {
    const struct sw_options wanted = some_options(), again = some_options();
    struct sw_options *last = NULL;
    struct sw_options *first = sw_options_share(&last, &wanted), *second = sw_options_share(&last, &again);
    CHECK(first == second && last == first);
    CHECK_EQ(first->framing.max, 100);
    CHECK_EQ(first->queue_limit, 1);
    sw_options_unref(last);
    sw_options_unref(first);
    CHECK_EQ(second->inbox_limit, 2); /* still there */
    sw_options_unref(second);
    sw_options_unref(NULL);
}

static void check_differs(const struct sw_options *other) {
    const struct sw_options wanted = some_options();
    struct sw_options *last = NULL;
    struct sw_options *first = sw_options_share(&last, &wanted), *second = sw_options_share(&last, other);
    CHECK(first != second && last == second);
    sw_options_unref(last);
    sw_options_unref(first);
    sw_options_unref(second);
}

/* Any difference counts. */
#define DIFFERS(change)                           \
    do {                                          \
        struct sw_options other = some_options(); \
        other.change;                             \
        check_differs(&other);                    \
    } while (0)

static void tells_framings_apart(void) {
    DIFFERS(framing.kind = SW_FRAMING_LINE);
    DIFFERS(framing.size = 1);
    DIFFERS(framing.max = 101);
    DIFFERS(framing.delimiter[1] = '\r');
    DIFFERS(framing.length = SW_LENGTH_U32BE);
    DIFFERS(framing.offset = 1);
    DIFFERS(framing.adjustment = -4);
    DIFFERS(framing.keeps = true);
}

static void tells_times_apart(void) {
    DIFFERS(connect_timeout = 0);
    DIFFERS(linger = 0);
    DIFFERS(stall_timeout = 0);
    DIFFERS(spin = 0);
    DIFFERS(keepalive.idle = 0);
    DIFFERS(keepalive.interval = 0);
    DIFFERS(keepalive.count = 0);
}

static void tells_others_apart(void) {
    DIFFERS(retain = SW_RETAIN_UNSENT);
    DIFFERS(queue_limit = 0);
    DIFFERS(inbox_limit = 0);
    DIFFERS(nodelay = false);
    DIFFERS(bind.address.version = 4);
    DIFFERS(bind.port = 1);
    const struct sw_slice preamble = {"x", 1};
    DIFFERS(preamble = preamble);
}

static const struct unit_test tests[] = {
    {"are the same for clients that were made alike", shares},
    {"are others as soon as a framing differs", tells_framings_apart},
    {"are others as soon as a time differs", tells_times_apart},
    {"are others as soon as anything else differs", tells_others_apart},
};

UNIT_MAIN(tests)
