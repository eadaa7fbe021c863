/* frail: a C host in which what sidewire leans on fails on purpose: Lua's allocator, and the epoll calls that libev makes.
 * Memory that Lua frees is overwritten, so that a late read of it is found out.
 *
 *   frail run SCRIPT [ARG...]       twice, the first time to warm up, each in a Lua state of its own
 *   frail starve SCRIPT [ARG...]    again and again: Lua's allocation 1, 2, 3, ... of the script fails, until it needs no more;
 *                                   alone, together with the next one (when the first fails, Lua collects garbage and tries
 *                                   again) and together with all after it, also those of lua_close
 *
 * SCRIPT is Lua text; its `...` are the ARGs. It finds `frail`, the functions at the end of this file. Exit status 1: a script
 * failed for another reason than memory, or a state left a descriptor, a thread or memory behind. Nothing else is printed.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* RTLD_NEXT */
#endif

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hostlua.h"

static const char *script;
static char **script_args;
static int script_arg_count;

/* --- Lua's allocator --- */

enum { NEVER = -1 };

static struct {
    long calls;       /* that want memory, since the script began */
    long first, last; /* these fail */
    long failed;      /* so many did */
    size_t bytes;     /* that Lua has */
} memory;

static void *allocate(void *nothing, void *block, size_t old_size, size_t size) {
    (void)nothing;
    if (block == NULL) old_size = 0; /* it is a type then */
    if (size > old_size) {           /* Lua relies on it that blocks can shrink */
        long call = ++memory.calls;
        if (memory.first <= call && call <= memory.last) {
            memory.failed++;
            return NULL;
        }
    }
    memory.bytes += size - old_size;
    if (size > 0) return realloc(block, size);
    if (block != NULL) memset(block, 0xdd, old_size);
    free(block);
    return NULL;
}

static void starve(long first, long last) {
    memory.calls = memory.failed = 0;
    memory.first = first;
    memory.last = last;
}

/* --- epoll: these stand in front of libc's --- */

struct epoll_event; /* sys/epoll.h, whose prototypes these replace, is of no use here */
int epoll_create1(int flags);
int epoll_ctl(int epoll, int what, int fd, struct epoll_event *event);
int epoll_wait(int epoll, struct epoll_event *events, int count, int timeout);

enum call { CREATE, CONTROL, WAIT, CALLS };
static const char *const call_names[] = {"epoll_create1", "epoll_ctl", "epoll_wait", NULL};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
    int error;
    long calls, first, last;
} faults[CALLS]; /* under the lock */

static bool refused(enum call call) {
    pthread_mutex_lock(&lock);
    long number = ++faults[call].calls;
    int error = faults[call].first <= number && number <= faults[call].last ? faults[call].error : 0;
    pthread_mutex_unlock(&lock);
    if (error != 0) errno = error;
    return error != 0;
}

/* A loop that waits for events stays there for as long as it is held. */
static pthread_cond_t released = PTHREAD_COND_INITIALIZER;
static bool hold, held; /* under the lock: it is to be held, it is */

static void stay_while_held(void) {
    pthread_mutex_lock(&lock);
    while (hold) {
        held = true;
        pthread_cond_wait(&released, &lock);
    }
    held = false;
    pthread_mutex_unlock(&lock);
}

static void set_hold(bool wanted) {
    pthread_mutex_lock(&lock);
    hold = wanted;
    pthread_cond_broadcast(&released);
    pthread_mutex_unlock(&lock);
}

int epoll_create1(int flags) {
    int (*real)(int);
    *(void **)&real = dlsym(RTLD_NEXT, "epoll_create1");
    return refused(CREATE) ? -1 : real(flags);
}

int epoll_ctl(int epoll, int what, int fd, struct epoll_event *event) {
    int (*real)(int, int, int, struct epoll_event *);
    *(void **)&real = dlsym(RTLD_NEXT, "epoll_ctl");
    return refused(CONTROL) ? -1 : real(epoll, what, fd, event);
}

int epoll_wait(int epoll, struct epoll_event *events, int count, int timeout) {
    int (*real)(int, struct epoll_event *, int, int);
    *(void **)&real = dlsym(RTLD_NEXT, "epoll_wait");
    stay_while_held();
    return refused(WAIT) ? -1 : real(epoll, events, count, timeout);
}

/* --- what a state may leave behind --- */

static int count_entries(const char *path) {
    DIR *dir = opendir(path);
    int count = 0;
    if (dir == NULL) return -1;
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

struct census {
    int descriptors, threads;
};

static struct census take_census(void) {
    return (struct census){count_entries("/proc/self/fd"), count_entries("/proc/self/task")};
}

/* A thread that was joined stays in /proc for a moment, and one that was left to itself ends when its linger does. */
static bool is_back(const struct census *before) {
    for (int i = 0; i < 1000; i++) {
        struct census now = take_census();
        if (now.descriptors <= before->descriptors && now.threads <= before->threads) return true;
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
    return false;
}

/* --- one Lua state --- */

static int open_frail(lua_State *L);

static int prepare(lua_State *L) {
    luaL_openlibs(L);
    luaL_requiref(L, "frail", open_frail, 1);
    lua_settop(L, 0);
    if (luaL_loadbuffer(L, script, strlen(script), "=script") != LUA_OK) return lua_error(L);
    luaL_checkstack(L, script_arg_count, NULL);
    for (int i = 0; i < script_arg_count; i++) lua_pushstring(L, script_args[i]);
    return 1 + script_arg_count;
}

static bool is_about_memory(lua_State *L, int status) {
    const char *text = lua_tostring(L, -1);
    return status == LUA_ERRMEM || (memory.failed > 0 && text != NULL && strstr(text, "not enough memory") != NULL);
}

static bool live(long first, long last) {
    starve(NEVER, NEVER);
    lua_State *L = lua_newstate(allocate, NULL);
    if (L == NULL) return false;
    lua_pushcfunction(L, prepare);
    int status = lua_pcall(L, 0, LUA_MULTRET, 0);
    if (status == LUA_OK) {
        starve(first, last);
        status = lua_pcall(L, script_arg_count, 0, 0);
    }
    bool ok = status == LUA_OK || is_about_memory(L, status);
    if (!ok) fprintf(stderr, "frail: %s\n", lua_tostring(L, -1));
    lua_close(L);
    set_hold(false);
    return ok;
}

static bool live_and_leave_nothing(long first, long last) {
    const struct census before = take_census();
    memory.bytes = 0;
    bool ok = live(first, last), back = is_back(&before);
    if (!back) fprintf(stderr, "frail: descriptors or threads are left\n");
    if (memory.bytes != 0) fprintf(stderr, "frail: Lua's memory is left: %zu bytes\n", memory.bytes);
    if (!ok || !back || memory.bytes != 0) fprintf(stderr, "frail: allocations %ld to %ld failed\n", first, last);
    return ok && back && memory.bytes == 0;
}

static bool starve_each(long together) {
    long n = 0;
    do {
        n++;
        if (!live_and_leave_nothing(n, n + together)) return false;
    } while (memory.failed > 0);
    return n > 100; /* else the script does too little to show anything */
}

/* --- main --- */

static void *do_nothing(void *argument) { return argument; }

int main(int argc, char **argv) {
    if (argc < 3) return fputs("usage: frail run | starve, then SCRIPT [ARG...]\n", stderr), 2;
    script = argv[2];
    script_args = argv + 3;
    script_arg_count = argc - 3;
    pthread_t thread; /* a sanitizer starts one of its own with the first one */
    if (pthread_create(&thread, NULL, do_nothing, NULL) == 0) pthread_join(thread, NULL);
    if (!live(NEVER, NEVER)) return EXIT_FAILURE; /* what is loaded once, like name services, is loaded now */
    bool ok;
    if (strcmp(argv[1], "starve") == 0)
        ok = starve_each(0) && starve_each(1) && starve_each(1000000000);
    else
        ok = live_and_leave_nothing(NEVER, NEVER);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* --- what scripts can do --- */

/* fail(call, error, first [, last]): these calls, counted from now, fail with that errno, given by its number. */
static int l_fail(lua_State *L) {
    enum call call = (enum call)luaL_checkoption(L, 1, NULL, call_names);
    int error = (int)luaL_checkinteger(L, 2);
    long first = (long)luaL_checkinteger(L, 3), last = (long)luaL_optinteger(L, 4, first);
    pthread_mutex_lock(&lock);
    faults[call].error = error;
    faults[call].calls = 0;
    faults[call].first = first;
    faults[call].last = last;
    pthread_mutex_unlock(&lock);
    return 0;
}

/* calls(call): how many calls were made since `fail`. */
static int l_calls(lua_State *L) {
    enum call call = (enum call)luaL_checkoption(L, 1, NULL, call_names);
    pthread_mutex_lock(&lock);
    lua_pushinteger(L, faults[call].calls);
    pthread_mutex_unlock(&lock);
    return 1;
}

/* hold(): from now on a loop that waits for events is held, until the state is closed. */
static int l_hold(lua_State *L) {
    (void)L;
    set_hold(true);
    return 0;
}

/* is_held(): is there one? */
static int l_is_held(lua_State *L) {
    pthread_mutex_lock(&lock);
    lua_pushboolean(L, held);
    pthread_mutex_unlock(&lock);
    return 1;
}

/* relent(): from now on Lua has memory again. */
static int l_relent(lua_State *L) {
    (void)L;
    memory.first = memory.last = NEVER;
    return 0;
}

static int open_frail(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"fail", l_fail},       {"calls", l_calls},   {"hold", l_hold},
        {"is_held", l_is_held}, {"relent", l_relent}, {NULL, NULL},
    };
    luaL_newlib(L, functions);
    return 1;
}
