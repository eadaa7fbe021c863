#include "base/backoff.h"

#include "unit.h"

/* Delays of 0.1, 0.2, 0.4 ... 10 s without jitter. */
static struct sw_reconnect plain(void) {
    struct sw_reconnect policy = sw_reconnect_default();
    policy.jitter = false;
    return policy;
}

static void defaults(void) {
    struct sw_reconnect policy = sw_reconnect_default();
    CHECK(policy.enabled);
    CHECK(policy.jitter);
    CHECK_EQ(policy.attempts, 0);
    CHECK_EQ(policy.delay, 0.1);
    CHECK_EQ(policy.max, 10.0);
    CHECK_EQ(policy.factor, 2.0);
}

static void doubles(void) {
    struct sw_reconnect policy = plain();
    static const double want[] = {0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10, 10};
    for (uint32_t i = 0; i < 10; i++) CHECK_EQ(sw_backoff_delay(&policy, i + 1, 0.3), want[i]);
}

static void other_factors(void) {
    struct sw_reconnect policy = plain();
    policy.delay = 1;
    policy.factor = 1.5;
    CHECK_EQ(sw_backoff_delay(&policy, 1, 0), 1.0);
    CHECK_EQ(sw_backoff_delay(&policy, 4, 0), 3.375);
    policy.factor = 1;
    CHECK_EQ(sw_backoff_delay(&policy, 1, 0), 1.0);
    CHECK_EQ(sw_backoff_delay(&policy, UINT32_MAX, 0), 1.0);
}

static void first_is_bounded(void) {
    struct sw_reconnect policy = plain();
    policy.delay = 60;
    CHECK_EQ(sw_backoff_delay(&policy, 1, 0), 10.0);
}

static void stays_finite(void) {
    struct sw_reconnect policy = plain();
    static const uint32_t failures[] = {1, 2, 31, 32, 33, 64, 1023, 1024, 1025, 1030, 1u << 31, UINT32_MAX};
    static const double factors[] = {1, 1.0000000001, 2, 1e300};
    static const double delays[] = {0, 1e-300, 0.1, 1e300};
    for (int f = 0; f < 4; f++) {
        for (int d = 0; d < 4; d++) {
            policy.factor = factors[f];
            policy.delay = delays[d];
            double last = 0;
            for (int n = 0; n < 12; n++) {
                double delay = sw_backoff_delay(&policy, failures[n], 0);
                CHECK(delay >= last && delay <= policy.max); /* fails for NaN */
                last = delay;
            }
        }
    }
}

static void zero_delay(void) {
    struct sw_reconnect policy = sw_reconnect_default();
    policy.delay = 0;
    CHECK_EQ(sw_backoff_delay(&policy, 1, 0.5), 0.0);
    CHECK_EQ(sw_backoff_delay(&policy, UINT32_MAX, 0.5), 0.0);
}

static void jitters(void) {
    struct sw_reconnect policy = sw_reconnect_default();
    policy.delay = 4;
    CHECK_EQ(sw_backoff_delay(&policy, 1, 0), 3.0);
    CHECK_EQ(sw_backoff_delay(&policy, 1, 0.5), 4.5);
    uint64_t seed = unit_seed();
    double low = 100, high = 0;
    for (uint32_t i = 0; i < 100000; i++) {
        double delay = sw_backoff_delay(&policy, 20, sw_random(&seed));
        if (delay < low) low = delay;
        if (delay > high) high = delay;
    }
    CHECK(low >= 7.5 && low < 7.6);
    CHECK(high > 14.9 && high <= 15);
}

static void allows(void) {
    struct sw_reconnect policy = sw_reconnect_default();
    CHECK(sw_backoff_allows(&policy, 1));
    CHECK(sw_backoff_allows(&policy, UINT32_MAX));
    policy.attempts = 3;
    CHECK(sw_backoff_allows(&policy, 1));
    CHECK(sw_backoff_allows(&policy, 2));
    CHECK(!sw_backoff_allows(&policy, 3));
    CHECK(!sw_backoff_allows(&policy, 4));
    policy.attempts = 1;
    CHECK(!sw_backoff_allows(&policy, 1));
}

static void disabled(void) {
    struct sw_reconnect policy = sw_reconnect_default();
    policy.enabled = false;
    CHECK(!sw_backoff_allows(&policy, 1));
}

/* What xorshift64* with the shifts 12, 25, 27 gives for seed 1, in 64 bits. */
static void known_random(void) {
    static const uint64_t want[] = {
        UINT64_C(5180492295206395165),
        UINT64_C(12380297144915551517),
        UINT64_C(13389498078930870103),
    };
    uint64_t seed = 1;
    for (int i = 0; i < 3; i++) CHECK_EQ(sw_random(&seed), (double)(want[i] >> 11) / 9007199254740992.0);
}

static void uniform_random(void) {
    uint64_t seed = unit_seed();
    int counts[10] = {0};
    bool in_range = true;
    for (int i = 0; i < 100000; i++) {
        double random = sw_random(&seed);
        in_range = in_range && random >= 0 && random < 1;
        if (in_range) counts[(int)(random * 10)]++;
    }
    CHECK(in_range);
    for (int i = 0; i < 10; i++) CHECK(counts[i] > 9300 && counts[i] < 10700); /* 7 standard deviations */
    CHECK(seed != 0);
}

static const struct unit_test tests[] = {
    {"retries for ever by default, from 0.1 s to 10 s with jitter", defaults},
    {"doubles the delay up to the longest", doubles},
    {"grows by the policy's factor, or not at all", other_factors},
    {"bounds the first delay too", first_is_bounded},
    {"stays finite and never shrinks for any number of failures", stays_finite},
    {"keeps a delay of zero at zero", zero_delay},
    {"spreads delays over -25 .. +50 %", jitters},
    {"gives up after as many failures as the policy has attempts", allows},
    {"allows nothing when disabled", disabled},
    {"follows the published generator", known_random},
    {"draws evenly from [0, 1)", uniform_random},
};

UNIT_MAIN(tests)
