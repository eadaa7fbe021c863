/* meter: a C host that measures what a piece of Lua costs the thread that runs it.
 *
 *   meter SCRIPT [ARG...]
 *
 * SCRIPT is Lua text; its `...` are the ARGs. It finds `meter`:
 *
 *   meter.start()   from here on is measured
 *   meter.stop()    what it cost since: processor time and wall time in seconds; how often the thread went to sleep
 *                   (voluntary context switches), how often it was put off the processor (involuntary ones), and how
 *                   often it waited for a lock that another thread held
 *   meter.places()  where it waited, each place once: the file and the offset in it, for addr2line
 *
 * That a host thread never waits is said of its own time: the wall time also counts other programs and other machines.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* RTLD_NEXT, RUSAGE_THREAD */
#endif

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "hostlua.h"

/* --- locks: these stand in front of libc's --- */

enum { PLACES_MAX = 32 };

static _Thread_local bool is_measured;
static long contended;                 /* on the thread that measures */
static const void *places[PLACES_MAX]; /* that wanted a lock */
static size_t place_count;

#if !defined __SANITIZE_THREAD__ /* which has functions of its own in front of libc's */

/* Notes the function so many calls above the caller of this one's caller. */
__attribute__((noinline)) static void note(int above) {
    void *frames[8];
    int count = backtrace(frames, 8);
    const void *place = 2 + above < count ? frames[2 + above] : NULL;
    contended++;
    for (size_t i = 0; i < place_count; i++)
        if (places[i] == place) return;
    if (place_count < PLACES_MAX) places[place_count++] = place;
}

int pthread_mutex_lock(pthread_mutex_t *mutex) {
    static int (*real)(pthread_mutex_t *);
    if (is_measured) {
        int failed = pthread_mutex_trylock(mutex);
        if (failed != EBUSY) return failed;
        note(0);
    }
    if (real == NULL) *(void **)&real = dlsym(RTLD_NEXT, "pthread_mutex_lock");
    return real(mutex);
}

/* sidewire's own lock (src/channel/lock.h) calls it when it has spun in vain, and nothing else of the host does. */
int nanosleep(const struct timespec *requested_time, struct timespec *remaining) {
    if (is_measured) note(1);
    int failed = clock_nanosleep(CLOCK_MONOTONIC, 0, requested_time, remaining);
    if (failed == 0) return 0;
    errno = failed;
    return -1;
}

#endif

/* --- measuring --- */

struct reading {
    double cpu, wall;
    long voluntary, involuntary;
};

static struct reading begin;

static double seconds(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static struct reading take_reading(void) {
    struct rusage usage;
    getrusage(RUSAGE_THREAD, &usage);
    return (struct reading){seconds(CLOCK_THREAD_CPUTIME_ID), seconds(CLOCK_MONOTONIC), usage.ru_nvcsw,
                            usage.ru_nivcsw};
}

static int l_start(lua_State *L) {
    (void)L;
    void *frame[1];
    backtrace(frame, 1); /* the first call loads what it needs */
    contended = 0;
    begin = take_reading();
    is_measured = true;
    return 0;
}

static int l_stop(lua_State *L) {
    is_measured = false;
    const struct reading end = take_reading();
    lua_pushnumber(L, end.cpu - begin.cpu);
    lua_pushnumber(L, end.wall - begin.wall);
    lua_pushinteger(L, end.voluntary - begin.voluntary);
    lua_pushinteger(L, end.involuntary - begin.involuntary);
    lua_pushinteger(L, contended);
    return 5;
}

static int l_places(lua_State *L) {
    lua_newtable(L);
    for (size_t i = 0; i < place_count; i++) {
        Dl_info info;
        char text[512] = "?";
        if (dladdr(places[i], &info) != 0)
            (void)snprintf(text, sizeof text, "%s 0x%zx", info.dli_fname,
                           (size_t)((const char *)places[i] - (const char *)info.dli_fbase) -
                               1); /* in the call itself */
        lua_pushstring(L, text);
        lua_rawseti(L, -2, (int)i + 1);
    }
    return 1;
}

static int open_meter(lua_State *L) {
    static const luaL_Reg functions[] = {{"start", l_start}, {"stop", l_stop}, {"places", l_places}, {NULL, NULL}};
    luaL_newlib(L, functions);
    return 1;
}

static int traceback(lua_State *L) {
    luaL_traceback(L, L, luaL_tolstring(L, 1, NULL), 1);
    return 1;
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fputs("usage: meter SCRIPT [ARG...]\n", stderr);
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    lua_State *L = luaL_newstate();
    if (L == NULL) return EXIT_FAILURE;
    luaL_openlibs(L);
    luaL_requiref(L, "meter", open_meter, 1);
    lua_settop(L, 0);
    lua_pushcfunction(L, traceback);
    bool ok = luaL_loadbuffer(L, argv[1], strlen(argv[1]), "=script") == LUA_OK;
    for (int i = 2; ok && i < argc; i++) lua_pushstring(L, argv[i]);
    ok = ok && lua_pcall(L, argc - 2, 0, 1) == LUA_OK;
    if (!ok) fprintf(stderr, "meter: %s\n", lua_tostring(L, -1));
    lua_close(L);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
