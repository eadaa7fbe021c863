#include "base/round.h"

#include "unit.h"

static void one_server(void) {
    struct sw_round round = sw_round_begin(false, 0);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(sw_round_server(&round, 1), 0);
        CHECK(sw_round_fail(&round, 1));
        CHECK(!sw_round_is_under_way(&round));
    }
}

static void in_turn(void) {
    struct sw_round round = sw_round_begin(false, 0.5);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(sw_round_server(&round, 3), 0);
        CHECK(!sw_round_fail(&round, 3));
        CHECK_EQ(sw_round_server(&round, 3), 1);
        CHECK(sw_round_is_under_way(&round));
        CHECK(!sw_round_fail(&round, 3));
        CHECK_EQ(sw_round_server(&round, 3), 2);
        CHECK(sw_round_fail(&round, 3));
        CHECK(!sw_round_is_under_way(&round));
    }
}

static void after_success(void) {
    struct sw_round round = sw_round_begin(false, 0);
    sw_round_fail(&round, 3);
    sw_round_succeed(&round);
    CHECK_EQ(sw_round_server(&round, 3), 1);
    CHECK(!sw_round_fail(&round, 3));
    CHECK(!sw_round_fail(&round, 3));
    CHECK_EQ(sw_round_server(&round, 3), 0);
    CHECK(sw_round_fail(&round, 3));
    CHECK_EQ(sw_round_server(&round, 3), 1);
}

/* Of many clients, about as many begin with each server, and each tries every one once. */
static void at_random(void) {
    enum { SERVERS = 5, CLIENTS = 1000 };
    int firsts[SERVERS] = {0};
    for (int i = 0; i < CLIENTS; i++) {
        struct sw_round round = sw_round_begin(true, (double)i / CLIENTS);
        unsigned seen = 0;
        firsts[sw_round_server(&round, SERVERS)]++;
        do {
            unsigned server = sw_round_server(&round, SERVERS);
            CHECK(server < SERVERS && (seen & 1U << server) == 0);
            seen |= 1U << server;
        } while (!sw_round_fail(&round, SERVERS));
        CHECK_EQ(seen, (1U << SERVERS) - 1);
    }
    for (int i = 0; i < SERVERS; i++) CHECK(firsts[i] > CLIENTS / SERVERS / 2);
}

static const struct unit_test tests[] = {
    {"one server: every failure ends a round", one_server},
    {"servers are tried in turn, and the round is over when all have failed", in_turn},
    {"after a success the next round begins with that server", after_success},
    {"a random order has every server once, and any of them first", at_random},
};
UNIT_MAIN(tests)
