#include "loop/written.h"

#include "base/backoff.h"
#include "unit.h"

static void plain(void) {
    struct sw_written list;
    sw_written_init(&list);
    CHECK_EQ(sw_written_acked(&list, 0), 0);
    sw_written_add(&list, 100, 100);
    CHECK_EQ(sw_written_acked(&list, 30), 30);
    sw_written_add(&list, 50, 50);
    CHECK_EQ(sw_written_acked(&list, 120), 120);
    CHECK_EQ(list.count, 1);
    CHECK_EQ(sw_written_acked(&list, 150), 150);
    CHECK_EQ(list.count, 0);
    sw_written_add(&list, 7, 7);
    CHECK_EQ(sw_written_acked(&list, 156), 156);
    sw_written_fini(&list);
}

static void greeting(void) {
    struct sw_written list;
    sw_written_init(&list);
    sw_written_add(&list, 10, 0);
    sw_written_add(&list, 5, 0);
    sw_written_add(&list, 100, 100);
    CHECK_EQ(sw_written_acked(&list, 9), 0);
    CHECK_EQ(sw_written_acked(&list, 15), 0);
    CHECK_EQ(sw_written_acked(&list, 16), 1);
    CHECK_EQ(sw_written_acked(&list, 115), 100);
    sw_written_fini(&list);
}

static void records(void) {
    struct sw_written list;
    sw_written_init(&list);
    for (int i = 0; i < 3; i++) sw_written_add(&list, 129, 100);
    CHECK_EQ(sw_written_acked(&list, 128), 0);
    CHECK_EQ(sw_written_acked(&list, 129), 100);
    CHECK_EQ(sw_written_acked(&list, 386), 200);
    CHECK_EQ(sw_written_acked(&list, 387), 300);
    sw_written_fini(&list);
}

static void silent_kernel(void) {
    struct sw_written list;
    sw_written_init(&list);
    sw_written_add(&list, 10, 0);
    sw_written_add(&list, 129, 100);
    sw_written_add(&list, 20, 20);
    CHECK_EQ(sw_written_acked(&list, 139), 100);
    CHECK_EQ(sw_written_acked(&list, 0), 100);
    CHECK_EQ(sw_written_acked(&list, 150), 111);
    sw_written_fini(&list);
}

/* One byte for each byte written: what it carries up to and with it, when it is acknowledged. */
enum { BYTES = 40000 };

static void like_a_list_of_bytes(void) {
    static uint64_t carried_at[BYTES + 1];
    uint64_t seed = unit_seed(), written = 0, carried = 0, asked = 0;
    struct sw_written list;
    sw_written_init(&list);
    while (written < BYTES - 400) {
        uint64_t size = 1 + (uint64_t)(sw_random(&seed) * 200), kind = (uint64_t)(sw_random(&seed) * 3);
        uint64_t more = kind == 0 ? 0 : kind == 1 ? size : size / 2;
        sw_written_add(&list, size, more);
        for (uint64_t i = 1; i <= size; i++) carried_at[written + i] = kind == 1 ? carried + i : carried;
        written += size;
        carried += more;
        carried_at[written] = carried;
        if (sw_random(&seed) < 0.5) continue;
        asked += (uint64_t)(sw_random(&seed) * (double)(written - asked + 1));
        CHECK_EQ(sw_written_acked(&list, asked), carried_at[asked]);
    }
    CHECK_EQ(sw_written_acked(&list, written), carried);
    CHECK_EQ(list.count, 0);
    sw_written_fini(&list);
}

static const struct unit_test tests[] = {
    {"counts bytes that are written as they are one by one, in one stretch", plain},
    {"leaves out what carries nothing", greeting},
    {"counts a record when the last of it is acknowledged", records},
    {"takes nothing back when the kernel does not say", silent_kernel},
    {"agrees with a list of every byte, for any order of stretches", like_a_list_of_bytes},
};

UNIT_MAIN(tests)
