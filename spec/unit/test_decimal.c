/* Whole numbers in decimal. */
#include "base/decimal.h"

#include "unit.h"

static void writes(void) {
    CHECK_EQ(SW_DECIMAL(0), "0");
    CHECK_EQ(SW_DECIMAL(7), "7");
    CHECK_EQ(SW_DECIMAL(-10), "-10");
    CHECK_EQ(SW_DECIMAL(INT64_MAX), "9223372036854775807");
    CHECK_EQ(SW_DECIMAL(INT64_MIN), "-9223372036854775808");
}

static void tells_the_size(void) {
    char buffer[SW_DECIMAL_SIZE];
    CHECK_EQ(sw_decimal(0, buffer).size, 1);
    CHECK_EQ(sw_decimal(-123, buffer).size, 4);
    CHECK_EQ(sw_decimal(INT64_MIN, buffer).size, SW_DECIMAL_SIZE - 1);
}

static const struct unit_test tests[] = {
    {"writes whole numbers of 64 bits", writes},
    {"tells how many bytes it has written", tells_the_size},
};

UNIT_MAIN(tests)
