/* The list of reports: what of it is kept when nothing is taken. */
#include "channel/reports.h"

#include <stdlib.h>

#include "base/backoff.h"
#include "unit.h"

static struct sw_report *make(enum sw_event event, uint64_t after) {
    struct sw_report *report = calloc(1, sizeof *report);
    report->event = event;
    report->after = after;
    report->will_retry = event == SW_EVENT_DISCONNECT;
    return report;
}

static unsigned length(const struct sw_reports *list) {
    unsigned count = 0;
    for (const struct sw_report *report = list->head; report != NULL; report = report->next) count++;
    return count;
}

/* Adds, frees what is dropped, and checks that the list is one. Returns how many are kept. */
static unsigned add(struct sw_reports *list, struct sw_report *report) {
    struct sw_add_result added = sw_reports_add(list, report);
    sw_reports_free(added.dropped);
    CHECK_EQ(length(list), list->count);
    CHECK(*list->tail == NULL);
    return added.kept;
}

/* A list so long that reports may merge. */
static void fill(struct sw_reports *list) {
    sw_reports_init(list);
    while (list->count < SW_REPORTS_UNMERGED) add(list, make(SW_EVENT_ACKED, 0));
}

static void finish(struct sw_reports *list) { sw_reports_free(sw_reports_take(list)); }

/* A connection that brings no message after the first `after`, ends, and loses what is given; and `retries` retries. */
static unsigned connection(struct sw_reports *list, uint64_t after, struct sw_loss unknown, int retries) {
    add(list, make(SW_EVENT_CONNECT, after));
    struct sw_report *end = make(SW_EVENT_DISCONNECT, after);
    end->lost_unknown = unknown;
    unsigned kept = add(list, end);
    for (int i = 0; i < retries; i++) add(list, make(SW_EVENT_RETRY, after));
    return kept;
}

static const struct sw_loss none;

static void keeps_each(void) {
    struct sw_reports list;
    sw_reports_init(&list);
    for (int i = 0; i < 10; i++) connection(&list, 7, none, 2);
    CHECK_EQ(list.count, 40);
    finish(&list);
}

static void merges(void) {
    struct sw_reports list;
    fill(&list);
    for (int i = 0; i < 100; i++) connection(&list, 7, none, i % 3);
    CHECK(list.count <= SW_REPORTS_UNMERGED + 3);
    const struct sw_report *connect = list.head;
    while (connect->event != SW_EVENT_CONNECT) connect = connect->next;
    CHECK(connect->merged == 99 && connect->next->merged == 99 && connect->next->event == SW_EVENT_DISCONNECT);
    CHECK_EQ(list.count, SW_REPORTS_UNMERGED + 2);
    finish(&list);
}

/* A message, an end for good, something else that happened: each stands between two that are told apart. */
static void tells_apart(void) {
    struct sw_reports list;
    fill(&list);
    for (uint64_t i = 0; i < 10; i++) connection(&list, i, none, 1);
    CHECK_EQ(list.count, SW_REPORTS_UNMERGED + 30);
    finish(&list);
    fill(&list);
    for (int i = 0; i < 10; i++) {
        add(&list, make(SW_EVENT_CONNECT, 1));
        struct sw_report *end = make(SW_EVENT_DISCONNECT, 1);
        end->will_retry = i % 2 == 0;
        add(&list, end);
    }
    CHECK_EQ(list.count, SW_REPORTS_UNMERGED + 20);
    finish(&list);
    fill(&list);
    for (int i = 0; i < 10; i++) {
        connection(&list, 1, none, 1);
        add(&list, make(SW_EVENT_ERROR, 1));
    }
    CHECK_EQ(list.count, SW_REPORTS_UNMERGED + 40);
    finish(&list);
    fill(&list);
    for (int i = 0; i < 10; i++) { /* a message came before the end */
        add(&list, make(SW_EVENT_CONNECT, (uint64_t)i));
        add(&list, make(SW_EVENT_DISCONNECT, (uint64_t)i + 1));
    }
    CHECK_EQ(list.count, SW_REPORTS_UNMERGED + 20);
    finish(&list);
}

static bool is_range(struct sw_loss loss, uint64_t first, uint64_t last) {
    return loss.first == first && loss.last == last;
}

static void keeps_losses(void) {
    struct sw_reports list;
    fill(&list);
    CHECK_EQ(connection(&list, 0, (struct sw_loss){1, 5}, 1), 0);
    CHECK_EQ(connection(&list, 0, (struct sw_loss){6, 9}, 2), 0); /* goes on */
    CHECK_EQ(connection(&list, 0, none, 0), 1);
    CHECK_EQ(connection(&list, 0, (struct sw_loss){12, 12}, 0), 0);
    CHECK_EQ(connection(&list, 0, (struct sw_loss){13, 20}, 0), 0);
    CHECK_EQ(connection(&list, 0, (struct sw_loss){30, 31}, 0), 1);
    const struct sw_report *end = sw_reports_newest(&list), *kept = sw_reports_first_kept(end);
    CHECK_EQ(end->merged, 5);
    CHECK(is_range(end->lost_unknown, 30, 31));
    CHECK_EQ(sw_report_ranges(end), 3);
    CHECK(is_range(kept->lost_unknown, 1, 9));
    kept = kept->next;
    CHECK(is_range(kept->lost_unknown, 12, 20) && kept == end->kept);
    finish(&list);
}

static void errors(void) {
    struct sw_reports list;
    fill(&list);
    for (int i = 0; i < 10; i++) add(&list, make(SW_EVENT_ERROR, 0));
    CHECK_EQ(list.count, SW_REPORTS_UNMERGED + 1);
    CHECK_EQ(sw_reports_newest(&list)->merged, 9);
    struct sw_report *with_loss = make(SW_EVENT_ERROR, 0);
    with_loss->lost_unsent = (struct sw_loss){1, 2};
    add(&list, with_loss);
    add(&list, make(SW_EVENT_ERROR, 0));
    CHECK_EQ(list.count, SW_REPORTS_UNMERGED + 3);
    finish(&list);
}

static void drains_once(void) {
    struct sw_reports list;
    fill(&list);
    for (int i = 0; i < 10; i++) add(&list, make(SW_EVENT_DRAIN, 0));
    CHECK_EQ(list.count, SW_REPORTS_UNMERGED + 1);
    while (list.head != NULL) free(sw_reports_shift(&list));
    CHECK(!list.has_drain);
}

static unsigned draw(uint64_t *seed, unsigned below) { return (unsigned)(sw_random(seed) * below); }

/* What the inbox has merged merges again with what the host has. */
static void merges_twice(void) {
    struct sw_reports host;
    fill(&host);
    for (int round = 0; round < 3; round++) {
        struct sw_reports inbox;
        fill(&inbox);
        for (int i = 0; i < 100; i++) connection(&inbox, 7, none, 0);
        for (struct sw_report *report = sw_reports_take(&inbox), *next; report != NULL; report = next) {
            next = report->next;
            if (report->event == SW_EVENT_ACKED)
                free(report);
            else
                add(&host, report);
        }
    }
    CHECK_EQ(sw_reports_newest(&host)->merged, 299);
    CHECK_EQ(host.count, SW_REPORTS_UNMERGED + 2);
    finish(&host);
}

/* What lies in the inbox itself stays in the list. */
static void embedded(void) {
    struct sw_reports list;
    struct sw_report reserve = {.event = SW_EVENT_ERROR, .is_embedded = true};
    fill(&list);
    add(&list, make(SW_EVENT_ERROR, 0));
    CHECK(sw_reports_add(&list, &reserve).dropped == NULL);
    CHECK(sw_reports_newest(&list) == &reserve);
    add(&list, make(SW_EVENT_ERROR, 0)); /* it tells of this one, too */
    CHECK(sw_reports_newest(&list) == &reserve && reserve.merged == 1 && reserve.is_embedded);
    for (; list.head != &reserve; free(sw_reports_shift(&list))) {
    }
    CHECK(sw_reports_shift(&list) == &reserve && list.head == NULL);
}

/* Reports are taken in between: no link leads to what was. */
static void shifts(void) {
    uint64_t seed = unit_seed();
    for (int round = 0; round < 200; round++) {
        struct sw_reports list;
        uint64_t after = 0, told = 0, connections = 0;
        fill(&list);
        for (int step = 0; step < 300; step++) {
            after += draw(&seed, 4) == 0;
            connections++;
            connection(&list, after, none, (int)draw(&seed, 3));
            for (unsigned n = draw(&seed, 6); n > 0 && list.head != NULL; n--) {
                struct sw_report *report = sw_reports_shift(&list);
                if (report->event == SW_EVENT_DISCONNECT) told += report->merged + 1;
                free(report);
            }
        }
        while (list.head != NULL) {
            struct sw_report *report = sw_reports_shift(&list);
            if (report->event == SW_EVENT_DISCONNECT) told += report->merged + 1;
            free(report);
        }
        CHECK_EQ(told, connections);
    }
}

static const struct unit_test tests[] = {
    {"keeps each report as long as there are few", keeps_each},
    {"merges connections that brought no message", merges},
    {"tells apart what differs", tells_apart},
    {"keeps what was lost, and joins what continues", keeps_losses},
    {"merges errors that tell of no loss", errors},
    {"keeps one drain", drains_once},
    {"counts what was merged in one list and merges in another", merges_twice},
    {"frees nothing that lies in the inbox", embedded},
    {"counts every connection, whatever is taken in between", shifts},
};

UNIT_MAIN(tests)
