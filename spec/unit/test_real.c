/* Floats as decimal text. */
#include "base/real.h"

#include <math.h>

#include "unit.h"

static const char *written(double value) {
    static char text[SW_REAL_SIZE];
    size_t size = sw_real_write(value, text);
    CHECK_EQ(size, strlen(text));
    return text;
}

static void writes(void) {
    CHECK_EQ(written(0.1), "0.1");
    CHECK_EQ(written(-2.5), "-2.5");
    CHECK_EQ(written(1.0 / 3), "0.3333333333333333");
    CHECK_EQ(written(1e300), "1e+300");
    CHECK_EQ(written(-1.7976931348623157e308), "-1.7976931348623157e+308");
    CHECK_EQ(written(-2.2250738585072014e-308), "-2.2250738585072014e-308");
    CHECK_EQ(written(INFINITY), "inf");
    CHECK_EQ(written(-INFINITY), "-inf");
    CHECK_EQ(written(NAN), "nan");
}

static void writes_whole_ones(void) {
    CHECK_EQ(written(3), "3");
    CHECK_EQ(written(-0.0), "-0");
    CHECK_EQ(written(1e15), "1000000000000000");
    CHECK_EQ(written(-9223372036854774784.0), "-9223372036854774784");
    CHECK_EQ(written(0x1p63), "9.223372036854776e+18");
}

static void reads_back(void) {
    uint64_t state = unit_seed();
    for (int i = 0; i < 100000; i++) {
        double value;
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        memcpy(&value, &state, sizeof value);
        if (isnan(value)) continue;
        if (!CHECK_EQ(strtod(written(value), NULL), value)) return;
    }
}

static const struct unit_test tests[] = {
    {"writes the shortest text", writes},
    {"writes whole numbers without a point or an exponent", writes_whole_ones},
    {"writes what reads back as the same number", reads_back},
};

UNIT_MAIN(tests)
