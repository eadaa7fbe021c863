#include "channel/inbox.h"

#include "pages.h"
#include "unit.h"

static const struct sw_page_source SMALL = {.expected = 0};

static struct sw_report *new_report(enum sw_event event) {
    struct sw_report *report = calloc(1, sizeof *report);
    report->event = event;
    return report;
}

static void put_message(struct sw_inbox *inbox, const char *text) {
    struct sw_pages chain = {NULL, NULL};
    sw_pages_append(&chain, text, strlen(text), &SMALL);
    sw_pages_end_message(&chain, &SMALL, 0);
    sw_inbox_put(inbox, &chain, 1, strlen(text) + SW_MESSAGE_OVERHEAD);
}

static void takes(void) {
    struct sw_inbox inbox;
    struct sw_delivery delivery;
    sw_inbox_init(&inbox);
    sw_inbox_report(&inbox, new_report(SW_EVENT_CONNECT));
    put_message(&inbox, "one");
    put_message(&inbox, "two");
    sw_inbox_report(&inbox, new_report(SW_EVENT_DRAIN));
    put_message(&inbox, "three");
    const struct sw_report end = {.event = SW_EVENT_DISCONNECT}, last = {.event = SW_EVENT_CLOSE};
    sw_inbox_put_reserved(&inbox, &end);
    sw_inbox_put_final(&inbox, &last);
    size_t bytes = inbox.bytes;
    CHECK_EQ(bytes, 11 + 3 * SW_MESSAGE_OVERHEAD + 2 * sizeof(struct sw_report));
    sw_inbox_take(&inbox, &delivery);
    CHECK_EQ(delivery.messages, 3);
    CHECK_EQ(count_pages(&delivery.pages), 3);
    CHECK(delivery.reports->event == SW_EVENT_CONNECT && delivery.reports->after == 0);
    CHECK(delivery.reports->next->event == SW_EVENT_DRAIN && delivery.reports->next->after == 2);
    CHECK(delivery.reports->next->next == NULL);
    CHECK(delivery.reserve != NULL && delivery.reserve->event == SW_EVENT_DISCONNECT && delivery.reserve->after == 3);
    CHECK(delivery.final != NULL && delivery.final->event == SW_EVENT_CLOSE);
    CHECK_EQ(inbox.bytes, bytes); /* until they are delivered */
    sw_pages_free(&delivery.pages);
    free(delivery.reports->next);
    free(delivery.reports);
    sw_inbox_take(&inbox, &delivery); /* once */
    CHECK(delivery.pages.head == NULL && delivery.reports == NULL && delivery.reserve == NULL &&
          delivery.final == NULL);
    CHECK_EQ(delivery.messages, 3);
    put_message(&inbox, "four");
    sw_inbox_report(&inbox, new_report(SW_EVENT_DRAIN)); /* the list goes on after a take */
    CHECK_EQ(inbox.reports.head->after, 4);
    sw_inbox_drop(&inbox);
    CHECK(inbox.pages.head == NULL && inbox.reports.head == NULL);
}

static void pauses(void) {
    struct sw_inbox inbox;
    sw_inbox_init(&inbox);
    inbox.bytes = 100;
    CHECK(!sw_inbox_credit(&inbox, 10, 100)); /* was not paused */
    inbox.paused = true;
    CHECK(!sw_inbox_credit(&inbox, 39, 100));
    CHECK(inbox.paused);
    CHECK(sw_inbox_credit(&inbox, 1, 100)); /* half empty */
    CHECK(!inbox.paused);
    CHECK(!sw_inbox_credit(&inbox, 50, 100));
}

static void reserves(void) {
    struct sw_inbox inbox;
    sw_inbox_init(&inbox);
    const struct sw_report lost = {.event = SW_EVENT_DISCONNECT, .will_retry = true, .attempt = 1};
    const struct sw_report given_up = {.event = SW_EVENT_ERROR, .attempt = 2};
    sw_inbox_put_reserved(&inbox, &lost);
    sw_inbox_put_reserved(&inbox, &given_up);
    CHECK_EQ(inbox.reserve.attempt, 1);
    CHECK(!inbox.reserve.will_retry); /* what was to go on has ended */
}

static const struct unit_test tests[] = {
    {"hands over messages and reports once, with the reports' places", takes},
    {"[F38] goes on reading when the inbox is half empty", pauses},
    {"has a place for an end that found no memory", reserves},
};

UNIT_MAIN(tests)
