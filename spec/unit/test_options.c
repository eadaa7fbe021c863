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

/* Any difference counts. */
static void tells_apart(void) {
    struct sw_options others[19];
    enum { COUNT = sizeof others / sizeof *others };
    for (int i = 0; i < COUNT; i++) others[i] = some_options();
    others[0].framing.kind = SW_FRAMING_LINE;
    others[15].framing.length = SW_LENGTH_U32BE;
    others[16].framing.offset = 1;
    others[17].framing.adjustment = -4;
    others[18].framing.keeps = true;
    others[1].framing.size = 1;
    others[2].framing.max = 101;
    others[3].framing.delimiter[1] = '\r';
    others[4].retain = SW_RETAIN_UNSENT;
    others[5].queue_limit = 0;
    others[6].inbox_limit = 0;
    others[7].connect_timeout = 0;
    others[8].linger = 0;
    others[9].stall_timeout = 0;
    others[10].spin = 0;
    others[11].keepalive.idle = 0;
    others[12].keepalive.interval = 0;
    others[13].keepalive.count = 0;
    others[14].nodelay = false;
    for (int i = 0; i < COUNT; i++) {
        const struct sw_options wanted = some_options();
        struct sw_options *last = NULL;
        struct sw_options *first = sw_options_share(&last, &wanted), *other = sw_options_share(&last, &others[i]);
        CHECK(first != other && last == other);
        sw_options_unref(last);
        sw_options_unref(first);
        sw_options_unref(other);
    }
}

static const struct unit_test tests[] = {
    {"are the same for clients that were made alike", shares},
    {"are others as soon as anything differs", tells_apart},
};

UNIT_MAIN(tests)
