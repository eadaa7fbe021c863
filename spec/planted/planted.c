/* One bug of every kind that `make check` looks for, on demand: tools/planted wants each of them found, in a program
 * (planted BUG) and in a module of a stock Lua (require "planted".run(BUG)).
 */
#include <fcntl.h>
#include <lauxlib.h>
#include <lua.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int luaopen_planted(lua_State *L);

/* What no compiler can foresee. */
static volatile int zero = 0, top = 0x7fffffff;
static char *volatile block;
static int shared;

static void heap_overflow(void) {
    block = malloc(16);
    if (block == NULL) abort();
    block[16 + zero] = 1;
    free(block);
}

static void leak(void) {
    block = malloc(100);
    block = NULL;
}

static void overflow(void) { top = top + 1; }

static void shift(void) { top = 1 << (32 + zero); }

static void uninitialised(void) {
    block = malloc(16);
    if (block == NULL) abort();
    if (block[zero] == 7) puts("seven");
    free(block);
}

static void descriptor(void) {
    if (open("/dev/null", O_RDONLY | O_CLOEXEC) < 0) abort();
}

static void *count_up(void *argument) {
    for (int i = 0; i < 1000; i++) shared++;
    return argument;
}

static void race(void) {
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) {
        if (pthread_create(&threads[i], NULL, count_up, NULL) != 0) abort();
    }
    for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
}

static void nothing(void) {}

static const struct {
    const char *name;
    void (*plant)(void);
} bugs[] = {
    {"heap_overflow", heap_overflow},
    {"leak", leak},
    {"overflow", overflow},
    {"shift", shift},
    {"uninitialised", uninitialised},
    {"descriptor", descriptor},
    {"race", race},
    {"nothing", nothing},
};

static int run(const char *name) {
    for (size_t i = 0; i < sizeof bugs / sizeof *bugs; i++) {
        if (strcmp(bugs[i].name, name) != 0) continue;
        bugs[i].plant();
        return 0;
    }
    return 2;
}

static int l_run(lua_State *L) {
    lua_pushinteger(L, run(luaL_checkstring(L, 1)));
    return 1;
}

int luaopen_planted(lua_State *L) {
    lua_newtable(L);
    lua_pushcfunction(L, l_run);
    lua_setfield(L, -2, "run");
    return 1;
}

int main(int argc, char **argv) { return argc == 2 ? run(argv[1]) : 2; }
