/* The loop's end of a channel. */
#include "channel/loop_end.h"

#include "channel/thread.h"
#include "channels.h"
#include "unit.h"

static const struct sw_page_source SMALL = {.expected = 0};

/* What messages of `size` bytes, which come a few at a time and are not taken, have as pages. */
static size_t drip(struct sw_channel *channel, size_t size, size_t count) {
    static const char bytes[4096];
    for (size_t i = 0; i < count; i++) {
        size_t at_once = size < 50 ? 1 + i % 30 : 1;
        struct sw_pages pages = {NULL, NULL};
        for (size_t k = 0; k < at_once; k++)
            CHECK(sw_pages_append(&pages, bytes, size, &(struct sw_page_source){.expected = size + 1}) &&
                  sw_pages_end_message(&pages, &SMALL, 0));
        sw_channel_post_messages(channel, &pages, at_once, at_once * (size + SW_MESSAGE_OVERHEAD));
    }
    size_t memory = 0;
    for (const struct sw_page *page = channel->in.pages.head; page != NULL; page = page->next) memory += page->size;
    return memory;
}

/* As on the loop thread. */
static void *drip_all(void *argument) {
    static const size_t sizes[] = {0, 1, 100, 1000, 2040};
    sw_thread_mark_ours();
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct sw_channel *channel = new_channel(argument, 100);
        size_t memory = drip(channel, sizes[i], 3000), counted = channel->in.bytes;
        if (!CHECK(memory <= counted + counted / 4)) printf("# %zu bytes: %zu for %zu\n", sizes[i], memory, counted);
        sw_channel_unref(channel);
    }
    return NULL;
}

static void drips(void) {
    struct sw_engine *engine = sw_engine_new(no_loop);
    pthread_t loop;
    CHECK_EQ(pthread_create(&loop, NULL, drip_all, engine), 0);
    pthread_join(loop, NULL);
    for (struct sw_link *link = sw_engine_take_arrivals(engine).channels, *next; link != NULL; link = next) {
        next = link->next;
        sw_channel_unref(sw_channel_of_up(link)); /* the list's reference, the last */
    }
    sw_engine_unref(engine);
}

static const struct unit_test tests[] = {
    {"[F58] keeps what comes a little at a time, and is not taken, in little more memory than it counts", drips},
};

UNIT_MAIN(tests)
