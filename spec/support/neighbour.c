/* neighbour: a C host that uses libev too, next to sidewire: with loops, an allocator and an error hook of its own.
 *
 *   neighbour SCRIPT [ARG...]
 *
 * SCRIPT is Lua text; its `...` are the ARGs. It finds `neighbour`, the functions at the end of this file. Exit status 1:
 * the script failed; 6: something called abort, which prints `aborted`.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* RTLD_NEXT */
#endif

#include <dlfcn.h>
#include <errno.h>
#include <ev.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hostlua.h"

static pthread_t first; /* the thread that runs the script */

static bool is_here(void) { return pthread_equal(pthread_self(), first) != 0; }

/* --- an allocator that knows which blocks it has made --- */

enum { BLOCKS_MAX = 4096 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
    void *blocks[BLOCKS_MAX];
    int here, elsewhere; /* calls: on the script's thread, on others */
    int foreign;         /* blocks that it was given and has not made */
} memory;                /* under the lock */

static int find_block(const void *block) {
    for (int i = 0; i < BLOCKS_MAX; i++)
        if (memory.blocks[i] == block) return i;
    abort(); /* full, or `block` is foreign: that is looked at before */
}

static bool is_made_here(const void *block) {
    for (int i = 0; i < BLOCKS_MAX; i++)
        if (memory.blocks[i] == block) return true;
    return false;
}

static void *resize(void *block, size_t size) {
    if (size > 0) return realloc(block, size);
    free(block);
    return NULL;
}

/* Built on malloc, so that it survives what it counts. */
static void *allocate(void *block, long size) {
    pthread_mutex_lock(&lock);
    if (is_here())
        memory.here++;
    else
        memory.elsewhere++;
    if (block != NULL && !is_made_here(block))
        memory.foreign++;
    else if (block != NULL)
        memory.blocks[find_block(block)] = NULL;
    void *made = resize(block, (size_t)size);
    if (made != NULL) memory.blocks[find_block(NULL)] = made;
    pthread_mutex_unlock(&lock);
    return made;
}

/* --- an error hook --- */

static atomic_int errors_here, errors_elsewhere;

static void note_error(const char *text) EV_NOEXCEPT {
    (void)text;
    if (is_here())
        errors_here++;
    else
        errors_elsewhere++;
}

/* --- epoll: this stands in front of libc's --- */

struct epoll_event; /* sys/epoll.h, whose prototype this replaces, is of no use here */
int epoll_wait(int epoll, struct epoll_event *events, int count, int timeout);

static atomic_int failures_here, failures_elsewhere; /* so many calls are still to fail */

int epoll_wait(int epoll, struct epoll_event *events, int count, int timeout) {
    int (*real)(int, struct epoll_event *, int, int);
    *(void **)&real = dlsym(RTLD_NEXT, "epoll_wait");
    atomic_int *failures = is_here() ? &failures_here : &failures_elsewhere;
    if (*failures == 0) return real(epoll, events, count, timeout);
    (*failures)--;
    errno = EBADF;
    return -1;
}

/* --- what pthread_atfork(3) comes down to in glibc: this stands in front of it --- */

int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void), void *library);

static atomic_int fork_handlers;

/* ThreadSanitizer calls it before it is ready to be called itself. */
__attribute__((no_sanitize("thread"))) int __register_atfork(void (*prepare)(void), void (*parent)(void),
                                                             void (*child)(void), void *library) {
    int (*real)(void (*)(void), void (*)(void), void (*)(void), void *);
    *(void **)&real = dlsym(RTLD_NEXT, "__register_atfork");
    fork_handlers++;
    return real(prepare, parent, child, library);
}

/* --- main --- */

static int open_neighbour(lua_State *L);

static bool run(lua_State *L, int argc, char **argv) {
    luaL_openlibs(L);
    luaL_requiref(L, "neighbour", open_neighbour, 1);
    bool ok = luaL_loadbuffer(L, argv[1], strlen(argv[1]), "=script") == LUA_OK;
    for (int i = 2; ok && i < argc; i++) lua_pushstring(L, argv[i]);
    ok = ok && lua_pcall(L, argc - 2, 0, 0) == LUA_OK;
    if (!ok) fprintf(stderr, "neighbour: %s\n", lua_tostring(L, -1));
    return ok;
}

static void on_abort(int number) {
    static const char said[] = "aborted\n";
    (void)!write(STDERR_FILENO, said, sizeof said - 1);
    _exit(number);
}

int main(int argc, char **argv) {
    if (argc < 2) return fputs("usage: neighbour SCRIPT [ARG...]\n", stderr), 2;
    first = pthread_self();
    signal(SIGABRT, on_abort);
    lua_State *L = luaL_newstate();
    if (L == NULL) return EXIT_FAILURE;
    bool ok = run(L, argc, argv);
    lua_close(L);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* --- what scripts can do --- */

/* set_allocator(), set_error_hook(): gives libev those of this file. */
static int l_set_allocator(lua_State *L) {
    (void)L;
    ev_set_allocator(allocate);
    return 0;
}

static int l_set_error_hook(lua_State *L) {
    (void)L;
    ev_set_syserr_cb(note_error);
    return 0;
}

static int count_blocks(void) {
    int count = 0;
    for (int i = 0; i < BLOCKS_MAX; i++) count += memory.blocks[i] != NULL;
    return count;
}

static void set_count(lua_State *L, const char *name, int count) {
    lua_pushinteger(L, count);
    lua_setfield(L, -2, name);
}

/* counts(): calls of the allocator (here, elsewhere), its blocks, foreign ones; calls of the error hook (errors_here,
 * errors_elsewhere); fork_handlers of this process. */
static int l_counts(lua_State *L) {
    lua_createtable(L, 0, 7);
    pthread_mutex_lock(&lock);
    int here = memory.here, elsewhere = memory.elsewhere, blocks = count_blocks(), foreign = memory.foreign;
    pthread_mutex_unlock(&lock);
    set_count(L, "here", here);
    set_count(L, "elsewhere", elsewhere);
    set_count(L, "blocks", blocks);
    set_count(L, "foreign", foreign);
    set_count(L, "errors_here", errors_here);
    set_count(L, "errors_elsewhere", errors_elsewhere);
    set_count(L, "fork_handlers", fork_handlers);
    return 1;
}

/* fail(here, elsewhere): so many calls of epoll_wait fail, on the script's thread and on others. */
static int l_fail(lua_State *L) {
    failures_here = (int)luaL_checkinteger(L, 1);
    failures_elsewhere = (int)luaL_checkinteger(L, 2);
    return 0;
}

static void count_turn(struct ev_loop *loop, ev_timer *timer, int events) {
    (void)loop, (void)events;
    (*(int *)timer->data)++;
}

/* turn(): a loop of the host's own, made and taken apart, in which a timer goes off once; then the same in libev's default
 * loop. How often did it go off? */
static int l_turn(lua_State *L) {
    int turns = 0;
    ev_timer timer;
    struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO), *usual = ev_default_loop(EVFLAG_AUTO);
    if (loop == NULL || usual == NULL) return luaL_error(L, "no loop");
    ev_timer_init(&timer, count_turn, 0.01, 0.);
    timer.data = &turns;
    ev_timer_start(loop, &timer);
    ev_run(loop, 0);
    ev_loop_destroy(loop);
    ev_timer_set(&timer, 0.01, 0.);
    ev_timer_start(usual, &timer);
    ev_run(usual, 0);
    lua_pushinteger(L, turns);
    return 1;
}

static struct ev_loop *kept;

/* keep_loop(), end_loop(): a loop of the host's own, made and taken apart. */
static int l_keep_loop(lua_State *L) {
    kept = ev_loop_new(EVFLAG_AUTO);
    return kept != NULL ? 0 : luaL_error(L, "no loop");
}

static int l_end_loop(lua_State *L) {
    (void)L;
    ev_loop_destroy(kept);
    return 0;
}

static int open_neighbour(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"set_allocator", l_set_allocator},
        {"set_error_hook", l_set_error_hook},
        {"counts", l_counts},
        {"fail", l_fail},
        {"turn", l_turn},
        {"keep_loop", l_keep_loop},
        {"end_loop", l_end_loop},
        {NULL, NULL},
    };
    luaL_newlib(L, functions);
    return 1;
}
