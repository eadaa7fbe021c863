#include "loop/lookups.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/tunables.h"
#include "channel/fork.h"
#include "channel/thread.h"

/* A name for which somebody has asked, or whose lookup is under way. */
struct sw_name {
    struct sw_name *next, **link;
    struct sw_lookup *askers;
    struct sw_engine *engine; /* whose turn the lookup takes; one reference; NULL: it waits */
    double since;             /* sw_clock: when it got its turn */
    struct sw_answer *answer; /* made before the lookup begins, so that it cannot fail for lack of memory */
    char hostname[];
};

/* Guarded by sw_fork_hold. */
static struct {
    struct sw_name *head, **tail; /* in the order in which they were first asked for */
    unsigned under_way;
    struct sw_engine
        *turns[SW_LOOKUPS_MAX]; /* the engines of those under way, in no order; thousands of names may wait */
    unsigned generation;        /* sw_fork_generation: a child begins anew, and leaves the parent's names as they are */
} registry;

static void hold(void) {
    sw_fork_hold();
    unsigned generation = sw_fork_generation();
    if (registry.tail != NULL && registry.generation == generation) return;
    registry.head = NULL;
    registry.tail = &registry.head;
    registry.under_way = 0;
    registry.generation = generation;
}

static void release(void) { sw_fork_release(); }

/* --- answers --- */

static void unref_answer(struct sw_answer *answer) {
    if (answer != NULL && atomic_fetch_sub(&answer->refs, 1) == 1) free(answer);
}

static void free_lookup(struct sw_lookup *lookup) {
    unref_answer(lookup->answer);
    sw_engine_unref(lookup->engine);
    free(lookup);
}

static void handle_answer(struct sw_post *post) {
    struct sw_lookup *lookup = SW_HOLDER(post, struct sw_lookup, post);
    if (lookup->owner != NULL) lookup->on_answer(lookup);
    free_lookup(lookup);
}

static void drop_answer(struct sw_post *post) { free_lookup(SW_HOLDER(post, struct sw_lookup, post)); }

/* --- names; the lock is held --- */

static struct sw_name *find(const char *hostname) {
    for (struct sw_name *name = registry.head; name != NULL; name = name->next)
        if (strcasecmp(name->hostname, hostname) == 0) return name;
    return NULL;
}

static void add_name(struct sw_name *name) {
    name->link = registry.tail;
    *registry.tail = name;
    registry.tail = &name->next;
}

static void remove_name(struct sw_name *name) {
    *name->link = name->next;
    if (name->next != NULL)
        name->next->link = name->link;
    else
        registry.tail = name->link;
}

static void add_asker(struct sw_name *name, struct sw_lookup *lookup) {
    lookup->name = name;
    lookup->next = name->askers;
    lookup->link = &name->askers;
    if (lookup->next != NULL) lookup->next->link = &lookup->next;
    name->askers = lookup;
}

static void remove_asker(struct sw_lookup *lookup) {
    *lookup->link = lookup->next;
    if (lookup->next != NULL) lookup->next->link = lookup->link;
    lookup->name = NULL;
}

/* --- turns; the lock is held --- */

static unsigned count_turns(const struct sw_engine *engine) {
    unsigned count = 0;
    for (unsigned i = 0; i < registry.under_way; i++) count += registry.turns[i] == engine;
    return count;
}

/* Of the engines that ask for the name and may have one more lookup, the one with the fewest under way, and their
 * number. */
static struct sw_engine *lightest(const struct sw_name *name, unsigned *count) {
    struct sw_engine *found = NULL;
    *count = SW_LOOKUPS_MAX;
    for (const struct sw_lookup *lookup = name->askers; lookup != NULL; lookup = lookup->next) {
        if (lookup->engine == found) continue;
        unsigned turns = count_turns(lookup->engine);
        if (turns >= *count || turns >= sw_engine_max_lookups(lookup->engine)) continue;
        found = lookup->engine;
        *count = turns;
    }
    return found;
}

static bool has_free_turn(void) { return registry.under_way < SW_LOOKUPS_MAX; }

static void give_turn(struct sw_name *name, struct sw_engine *engine) {
    name->engine = sw_engine_ref(engine);
    name->since = sw_clock();
    registry.turns[registry.under_way++] = engine;
}

static void end_turn(const struct sw_name *name) {
    unsigned i = 0;
    while (registry.turns[i] != name->engine) i++;
    registry.turns[i] = registry.turns[--registry.under_way];
}

/* Gives the name a turn if there is one for it. */
static bool try_turn(struct sw_name *name) {
    unsigned count;
    if (name->engine != NULL || !has_free_turn()) return false;
    struct sw_engine *engine = lightest(name, &count);
    if (engine == NULL) return false;
    give_turn(name, engine);
    return true;
}

/* Gives the next turn. NULL: nothing waits that may have it. */
static struct sw_name *next_turn(void) {
    struct sw_name *next = NULL;
    unsigned fewest = SW_LOOKUPS_MAX;
    for (struct sw_name *name = registry.head; name != NULL && has_free_turn() && fewest > 0; name = name->next) {
        unsigned count;
        if (name->engine != NULL || lightest(name, &count) == NULL || count >= fewest) continue;
        next = name;
        fewest = count;
    }
    return next != NULL && try_turn(next) ? next : NULL;
}

/* --- helper threads --- */

static void *run(void *argument);

static void free_name(struct sw_name *name) {
    if (name->engine != NULL) sw_engine_unref(name->engine);
    unref_answer(name->answer);
    free(name);
}

/* Takes the name, whose answer is there, from the registry, and gives the turn to the next. */
static struct sw_name *finish(struct sw_name *name) {
    hold();
    remove_name(name);
    end_turn(name);
    struct sw_lookup *askers = name->askers;
    for (struct sw_lookup *lookup = askers; lookup != NULL; lookup = lookup->next) {
        lookup->name = NULL;
        lookup->since = name->since;
    }
    struct sw_name *next = next_turn();
    release();
    while (askers != NULL) {
        struct sw_lookup *lookup = askers;
        struct sw_engine *engine = sw_engine_ref(lookup->engine); /* after the post, the loop may free the lookup */
        askers = lookup->next;
        lookup->answer = name->answer;
        atomic_fetch_add(&name->answer->refs, 1);
        if (!sw_engine_post(engine, &lookup->post)) free_lookup(lookup);
        sw_engine_unref(engine);
    }
    free_name(name);
    return next;
}

/* Starts the thread for a name that has its turn. If the system gives none, that is the answer. */
static void start(struct sw_name *name) {
    while (name != NULL) {
        pthread_t thread;
        int failed = sw_thread_spawn(&thread, true, run, name);
        if (failed == 0) return;
        name->answer->error =
            failed == EAGAIN ? sw_error_make(SW_NOTHREAD, SW_STAGE_RESOLVE) : sw_error_system(failed, SW_STAGE_RESOLVE);
        name = finish(name);
    }
}

/* One thread serves one name after the other while some have their turns. */
static void *run(void *argument) {
    sw_thread_mark_ours();
    for (struct sw_name *name = argument; name != NULL; name = finish(name))
        name->answer->error = sw_resolve(name->hostname, &name->answer->addresses);
    return NULL;
}

/* --- questions --- */

static struct sw_name *new_name(const char *hostname) {
    size_t size = strlen(hostname) + 1;
    struct sw_name *name = calloc(1, sizeof *name + size);
    struct sw_answer *answer = calloc(1, sizeof *answer);
    if (name == NULL || answer == NULL) {
        free(name);
        free(answer);
        return NULL;
    }
    atomic_init(&answer->refs, 1);
    name->answer = answer;
    memcpy(name->hostname, hostname, size);
    return name;
}

/* Puts the lookup to its name. Returns that name if it has now got its turn. *unused: `fresh`, if the name was there. */
static struct sw_name *ask(struct sw_lookup *lookup, struct sw_name *fresh, struct sw_name **unused) {
    struct sw_name *name = find(fresh->hostname);
    *unused = name != NULL ? fresh : NULL;
    if (name == NULL) add_name(name = fresh);
    add_asker(name, lookup);
    return try_turn(name) ? name : NULL;
}

struct sw_lookup *sw_lookup_start(struct sw_engine *engine, const char *hostname,
                                  void (*on_answer)(struct sw_lookup *lookup), void *owner) {
    SW_ON_LOOP_THREAD();
    struct sw_lookup *lookup = calloc(1, sizeof *lookup);
    struct sw_name *name = lookup != NULL ? new_name(hostname) : NULL, *unused;
    if (name == NULL) {
        free(lookup);
        return NULL;
    }
    lookup->post = (struct sw_post){.handle = handle_answer, .drop = drop_answer};
    lookup->engine = sw_engine_ref(engine);
    lookup->on_answer = on_answer;
    lookup->owner = owner;
    lookup->asked_at = sw_clock();
    hold();
    struct sw_name *ready = ask(lookup, name, &unused);
    release();
    if (unused != NULL) free_name(unused);
    start(ready);
    return lookup;
}

void sw_lookup_cancel(struct sw_lookup *lookup) {
    SW_ON_LOOP_THREAD();
    struct sw_name *abandoned = NULL;
    lookup->owner = NULL;
    hold();
    struct sw_name *name = lookup->name;
    if (name != NULL) {
        remove_asker(lookup);
        if (name->askers == NULL && name->engine == NULL) remove_name(abandoned = name);
    }
    release();
    if (abandoned != NULL) free_name(abandoned);
    if (name != NULL) free_lookup(lookup); /* else handle_answer frees it */
}

struct sw_turn sw_lookup_turn(const struct sw_lookup *lookup) {
    hold();
    const struct sw_name *name = lookup->name;
    struct sw_turn turn = {.has_come = name == NULL || name->engine != NULL, .under_way = registry.under_way};
    if (turn.has_come) turn.since = fmax(name != NULL ? name->since : lookup->since, lookup->asked_at);
    release();
    return turn;
}
