/* embed: a C host that opens and closes Lua states and lives on, so that what a state leaves behind shows.
 *
 *   embed cycles N SCRIPT [ARG...]      N times: open a state, run the script, close the state
 *   embed unload N SCRIPT [ARG...]      the same, and the module: closed by Lua, never unmapped, reopened in its place
 *   embed threads T N SCRIPT [ARG...]   T threads at once, each N times
 *   embed run SCRIPT [ARG...]           once; then what is left
 *   embed exit SCRIPT [ARG...]          once, without closing the state; a destructor takes 30 ms of the exit
 *
 * SCRIPT is Lua text; its `...` are the ARGs. It finds `embed`, the functions at the end of this file. Exit status 1: a script
 * failed, or descriptors, threads or memory did not stay flat after the warm-up. What is measured is printed as a table.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* RTLD_NEXT, syscall */
#endif

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "hostlua.h"

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
enum { SANITIZED = 1 }; /* their shadow and quarantine grow: leaks are AddressSanitizer's business there */
#else
enum { SANITIZED = 0 };
#endif

enum {
    RSS_SLACK = 512, /* KiB between warm-up and end */
    CHILD_TIME = 20, /* seconds after which a forked child is killed by SIGALRM */
    TABLE_LINES = 10,
    SETTLE_TIME = 20, /* seconds */
};

static const char *script;
static char **script_args;
static int script_arg_count;

/* --- counting what the process has --- */

struct census {
    int descriptors, threads;
    long rss; /* KiB */
};

static int count_entries(const char *path) {
    DIR *dir = opendir(path);
    int count = 0;
    if (dir == NULL) return -1;
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

static long resident(void) {
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%*d %ld", &pages) != 1) pages = 0;
    if (file != NULL) fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static struct census take_census(void) {
    return (struct census){count_entries("/proc/self/fd") - 1, count_entries("/proc/self/task"), resident()};
}

static void sleep_ms(long ms) {
    struct timespec left = {ms / 1000, ms % 1000 * 1000000};
    while (nanosleep(&left, &left) != 0) continue;
}

/* A thread that was joined stays in /proc for a moment, and a socket's last reference may be a softirq's. Where the
 * machine is busy, lua_close may run out of time, and its thread then ends by itself. */
static struct census settled_census(const struct census *wanted, int seconds) {
    struct census found = take_census();
    for (int i = 0; i < seconds * 200; i++) {
        if (found.threads <= wanted->threads && found.descriptors <= wanted->descriptors) break;
        sleep_ms(5);
        found = take_census();
    }
    return found;
}

static bool is_flat(const struct census *before, const struct census *after) {
    return after->descriptors == before->descriptors && after->threads <= before->threads &&
           (SANITIZED || after->rss <= before->rss + RSS_SLACK);
}

static void print_census(const char *when, int number, const struct census *census) {
    printf("%-8s %5d  descriptors %4d  threads %3d  rss %7ld KiB\n", when, number, census->descriptors, census->threads,
           census->rss);
}

/* --- one Lua state --- */

static int traceback(lua_State *L) {
    luaL_traceback(L, L, luaL_tolstring(L, 1, NULL), 1);
    return 1;
}

static int open_embed(lua_State *L);

static bool run_script(lua_State *L) {
    luaL_openlibs(L);
    luaL_requiref(L, "embed", open_embed, 1);
    lua_pushcfunction(L, traceback);
    int handler = lua_gettop(L);
    bool ok = luaL_loadbuffer(L, script, strlen(script), "=script") == LUA_OK;
    for (int i = 0; ok && i < script_arg_count; i++) lua_pushstring(L, script_args[i]);
    ok = ok && lua_pcall(L, script_arg_count, 0, handler) == LUA_OK;
    if (!ok) fprintf(stderr, "embed: %s\n", lua_tostring(L, -1));
    lua_settop(L, 0);
    return ok;
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Opens a state, runs the script and closes the state: *closing is how long that took. */
static bool live(double *closing) {
    lua_State *L = luaL_newstate();
    if (L == NULL) return false;
    bool ok = run_script(L);
    double begin = now();
    lua_close(L);
    *closing = now() - begin;
    return ok;
}

static bool live_once(void) {
    double closing;
    return live(&closing);
}

/* --- cycles --- */

static int warm_up_of(int cycles) { return cycles / 3 > 3 ? cycles / 3 : 3; }

static bool run_cycles(int cycles, bool (*once)(void)) {
    int warm_up = warm_up_of(cycles), step = cycles > TABLE_LINES ? cycles / TABLE_LINES : 1;
    struct census reference = take_census(), found = reference;
    for (int i = 1; i <= cycles; i++) {
        if (!once()) return false;
        found = i < warm_up ? take_census() : settled_census(&reference, SETTLE_TIME);
        if (i == warm_up) reference = found;
        if (i % step == 0 || i == warm_up) print_census(i == warm_up ? "warm-up" : "cycle", i, &found);
        if (i > warm_up && !is_flat(&reference, &found)) {
            print_census("NOT FLAT", i, &found);
            return false;
        }
    }
    return is_flat(&reference, &found);
}

/* --- unloading: this dlclose stands in front of libc's --- */

static void *module; /* the handle that Lua has for core.so */
static int unloads;  /* how often Lua closed it */
static void *opener; /* where luaopen_sidewire_core is */

int dlclose(void *handle) {
    int (*real)(void *);
    *(void **)&real = dlsym(RTLD_NEXT, "dlclose");
    if (handle == module && module != NULL) unloads++;
    return real(handle);
}

/* The module's place in this process, or NULL; *handle is Lua's handle too: one file, one handle. */
static void *find_opener(void **handle) {
    char path[256];
    snprintf(path, sizeof path, "%s/sidewire/core.so", getenv("SIDEWIRE_BUILD"));
    *handle = dlopen(path, RTLD_NOW | RTLD_NOLOAD);
    if (*handle == NULL) return NULL;
    void *found = dlsym(*handle, "luaopen_sidewire_core");
    dlclose(*handle);
    return found;
}

static bool live_and_unload(void) {
    lua_State *L = luaL_newstate();
    bool ok = L != NULL && run_script(L);
    void *handle, *place = find_opener(&handle);
    module = handle;
    int before = unloads;
    lua_close(L);
    int closed = unloads - before;
    module = NULL;
    void *later = find_opener(&handle);
    if (opener == NULL) opener = place;
    if (ok && place == opener && later == opener && closed == 1) return true;
    fprintf(stderr, "embed: module at %p, after lua_close at %p, first at %p; closed %d times\n", place, later, opener,
            closed);
    return false;
}

/* --- a wall clock that jumps: these stand in front of libc's --- */

static atomic_llong jump_at; /* ns of the monotonic clock */
static atomic_long jump;     /* seconds */
static atomic_int looks;     /* how often the clock was read after it jumped */

int clock_gettime(clockid_t clock_id, struct timespec *tp) {
    int failed = (int)syscall(SYS_clock_gettime, clock_id, tp);
    if (failed != 0 || clock_id != CLOCK_REALTIME) return failed;
    struct timespec steady;
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &steady);
    if (steady.tv_sec * 1000000000LL + steady.tv_nsec < jump_at) return 0;
    tp->tv_sec += jump;
    looks++;
    return 0;
}

int gettimeofday(struct timeval *restrict tv, void *restrict tz) {
    (void)tz;
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    *tv = (struct timeval){time.tv_sec, time.tv_nsec / 1000};
    return 0;
}

/* --- names that take time: this getaddrinfo stands in front of libc's --- */

static atomic_long lookup_time; /* ms that each takes longer, but not that of a name which begins with "quick" */
static atomic_int lookups, most_lookups;

static void note_lookup(int now) {
    int most = most_lookups;
    while (now > most && !atomic_compare_exchange_weak(&most_lookups, &most, now)) continue;
}

/* The domain .test has no names (RFC 6761, 6.2): here each of them is localhost, but those of the form pair-N.test are
 * 127.0.0.N and then 127.0.0.1. */
static const char *real_name(const char *name) {
    const char *dot = strrchr(name, '.');
    return dot != NULL && strcasecmp(dot, ".test") == 0 ? "localhost" : name;
}

/* Without the `restrict` of netdb.h, which adds nothing. */
typedef int lookup_function(const char *, const char *, const struct addrinfo *, struct addrinfo **);

/* freeaddrinfo takes such a chain: it frees one entry after the other, in glibc and musl. */
static int find_pair(lookup_function *real, int n, const char *service, const struct addrinfo *req,
                     struct addrinfo **pai) {
    char first[32];
    (void)snprintf(first, sizeof first, "127.0.0.%d", n);
    int failed = real(first, service, req, pai);
    return failed != 0 ? failed : real("127.0.0.1", service, req, &(*pai)->ai_next);
}

int getaddrinfo(const char *name, const char *service, const struct addrinfo *req, struct addrinfo **pai) {
    lookup_function *real;
    int pair;
    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    if (req != NULL && req->ai_flags & AI_NUMERICHOST) return real(name, service, req, pai);
    note_lookup(++lookups);
    if (lookup_time > 0 && strncmp(name, "quick", 5) != 0) sleep_ms(lookup_time);
    int failed = sscanf(name, "pair-%d.test", &pair) == 1 ? find_pair(real, pair, service, req, pai)
                                                          : real(real_name(name), service, req, pai);
    lookups--;
    return failed;
}

/* --- threads --- */

static int cycles_a_thread;

static void *thread_main(void *failed) {
    for (int i = 0; i < cycles_a_thread && !*(bool *)failed; i++) *(bool *)failed = !live_once();
    return NULL;
}

static bool run_threads(int count, int cycles) {
    pthread_t threads[64];
    const struct census empty = take_census();
    bool failed[64] = {false}, ok = count <= 64 && live_once();
    struct census before = settled_census(&empty, 1);
    cycles_a_thread = cycles;
    int started = 0;
    while (ok && started < count && pthread_create(&threads[started], NULL, thread_main, &failed[started]) == 0)
        started++;
    ok = ok && started == count;
    for (int i = 0; i < started; i++) {
        pthread_join(threads[i], NULL);
        ok = ok && !failed[i];
    }
    struct census after = settled_census(&before, SETTLE_TIME);
    print_census("before", 1, &before);
    print_census("after", count * cycles, &after);
    return ok && after.descriptors == before.descriptors && after.threads <= before.threads;
}

/* --- once --- */

static bool is_child; /* of a fork that the script made */

/* Asked by ThreadSanitizer, which else ends the child of a process with threads when it starts one. */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void) { return "die_after_fork=0"; }

/* Asked by LeakSanitizer, where a child ends by exit(3): it would find what the parent's threads had. */
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void) { return is_child; }

static int count_links(const char *wanted) {
    char path[64], target[64];
    int count = 0;
    for (int fd = 0; fd < 1024; fd++) {
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        ssize_t size = readlink(path, target, sizeof target - 1);
        if (size > 0) target[size] = '\0';
        count += size > 0 && strncmp(target, wanted, strlen(wanted)) == 0;
    }
    return count;
}

/* Without exit handlers: what a child leaves behind in memory is not lost but its parent's. */
static void end_child(bool ok) {
    fflush(NULL);
    _exit(ok ? EXIT_SUCCESS : EXIT_FAILURE);
}

static bool is_tcp(int fd) {
    int protocol = 0;
    socklen_t size = sizeof protocol;
    return getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) == 0 && protocol == IPPROTO_TCP;
}

static int count_tcp(void) {
    int count = 0;
    for (int fd = 0; fd < 1024; fd++) count += is_tcp(fd);
    return count;
}

/* TCP sockets and wake-ups. Not among them: libev's epoll descriptor, which only libev knows, and what getaddrinfo
 * had open in a helper thread at the moment of a fork (a netlink socket, some of UDP), which only glibc knows. */
static int count_ours(void) { return count_tcp() + count_links("anon_inode:[eventfd]"); }

/* A helper thread of the child's may hold the engine for a moment longer. */
static bool has_settled(int wanted) {
    for (int i = 0; i < 1000 && count_ours() != wanted; i++) sleep_ms(5);
    int ours = count_ours();
    if (ours != wanted) fprintf(stderr, "embed: %d TCP sockets and wake-ups, not %d\n", ours, wanted);
    return ours == wanted;
}

static bool run_once(void) {
    const int inherited = count_ours();
    const struct census before = take_census();
    double closing = 0;
    bool ok = live(&closing);
    if (is_child) end_child(ok && has_settled(inherited));
    printf("closed in %.3f s\n", closing);
    struct census after = settled_census(&before, SETTLE_TIME);
    print_census("before", 0, &before);
    print_census("after", 1, &after);
    return ok && after.descriptors == before.descriptors && after.threads <= before.threads;
}

static bool slow_exit;

__attribute__((destructor)) static void linger_at_exit(void) {
    if (slow_exit) sleep_ms(30);
}

static bool leave_open(void) {
    static lua_State *L; /* what a state that is never closed holds is not lost */
    slow_exit = true;
    L = luaL_newstate();
    return L != NULL && run_script(L);
}

/* --- main --- */

static int usage(void) {
    fputs("usage: embed cycles N | unload N | threads T N | run | exit, then SCRIPT [ARG...]\n", stderr);
    return 2;
}

static void *do_nothing(void *argument) { return argument; }

/* A sanitizer starts a thread of its own with the first one: before anything is counted. */
static void start_first_thread(void) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, do_nothing, NULL) == 0) pthread_join(thread, NULL);
}

static void take_script(int argc, char **argv, int at) {
    script = argv[at];
    script_args = argv + at + 1;
    script_arg_count = argc - at - 1;
}

/* Threads that happen to run at the same time would each get an arena, a quarter of a megabyte that stays: on a busy
 * machine that looks like a leak. */
static void use_one_arena(void) {
#ifdef __GLIBC__
    mallopt(M_ARENA_MAX, 1);
#endif
}

int main(int argc, char **argv) {
    const char *mode = argc > 1 ? argv[1] : "";
    int numbers = strcmp(mode, "threads") == 0 ? 2 : strcmp(mode, "run") == 0 || strcmp(mode, "exit") == 0 ? 0 : 1;
    if (argc < 3 + numbers) return usage();
    take_script(argc, argv, 2 + numbers);
    setvbuf(stdout, NULL, _IOLBF, 0);
    use_one_arena();
    start_first_thread();
    signal(SIGPIPE, SIG_DFL); /* whatever this process inherited */
    bool ok;
    if (strcmp(mode, "cycles") == 0)
        ok = run_cycles(atoi(argv[2]), live_once);
    else if (strcmp(mode, "unload") == 0)
        ok = run_cycles(atoi(argv[2]), live_and_unload);
    else if (strcmp(mode, "threads") == 0)
        ok = run_threads(atoi(argv[2]), atoi(argv[3]));
    else if (strcmp(mode, "run") == 0)
        ok = run_once();
    else if (strcmp(mode, "exit") == 0)
        ok = leave_open();
    else
        return usage();
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* --- what scripts can do beyond Lua's own libraries --- */

static pthread_t signal_thread;                       /* where signals are expected */
static volatile sig_atomic_t caught[65], strayed[65]; /* by number: on that thread, on others */

static void on_signal(int number) {
    if (pthread_equal(pthread_self(), signal_thread))
        caught[number] = caught[number] + 1;
    else
        strayed[number] = strayed[number] + 1;
}

static int check_signal(lua_State *L) {
    static const char *const names[] = {"TERM", "ALRM", "PIPE", NULL};
    static const int numbers[] = {SIGTERM, SIGALRM, SIGPIPE};
    return numbers[luaL_checkoption(L, 1, NULL, names)];
}

/* catch(name): from now on counts the signal; system calls that it interrupts are not restarted. */
static int l_catch(lua_State *L) {
    struct sigaction action = {.sa_handler = on_signal};
    signal_thread = pthread_self();
    sigemptyset(&action.sa_mask);
    sigaction(check_signal(L), &action, NULL);
    return 0;
}

/* caught(name): how often on the thread that called catch, how often on others. */
static int l_caught(lua_State *L) {
    int number = check_signal(L);
    lua_pushinteger(L, caught[number]);
    lua_pushinteger(L, strayed[number]);
    return 2;
}

/* block(name, on): for the calling thread. */
static int l_block(lua_State *L) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, check_signal(L));
    pthread_sigmask(lua_toboolean(L, 2) ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
    return 0;
}

/* kill(name): sends it to this process, not to a thread. */
static int l_kill(lua_State *L) {
    kill(getpid(), check_signal(L));
    return 0;
}

/* is_default(name): nothing was set for the signal. */
static int l_is_default(lua_State *L) {
    struct sigaction action;
    sigaction(check_signal(L), NULL, &action);
    lua_pushboolean(L, action.sa_handler == SIG_DFL);
    return 1;
}

/* dispositions(): what is set for each signal of the process, as text. */
static int l_dispositions(lua_State *L) {
    luaL_Buffer text;
    luaL_buffinit(L, &text);
    for (int number = 1; number < SIGRTMAX; number++) {
        struct sigaction action = {.sa_handler = SIG_DFL};
        if (sigaction(number, NULL, &action) != 0 || action.sa_handler == SIG_DFL) continue;
        lua_pushfstring(L, "%d %p ", number, (void *)(uintptr_t)action.sa_handler);
        luaL_addvalue(&text);
    }
    luaL_pushresult(&text);
    return 1;
}

/* storm(microseconds): SIGALRM again and again at that interval; 0 ends it. */
static int l_storm(lua_State *L) {
    long interval = (long)luaL_checkinteger(L, 1);
    const struct itimerval timer = {{0, interval}, {0, interval}};
    setitimer(ITIMER_REAL, &timer, NULL);
    return 0;
}

/* ThreadSanitizer knows a thread by the place of its stack, and takes the child's first thread for the parent's, whose
 * stack it would get. So the child has larger ones. */
static void use_larger_stacks(void) {
#if defined __SANITIZE_THREAD__ && defined __GLIBC__
    pthread_attr_t attributes;
    size_t size;
    if (pthread_getattr_default_np(&attributes) != 0) return;
    if (pthread_attr_getstacksize(&attributes, &size) == 0 && pthread_attr_setstacksize(&attributes, 2 * size) == 0)
        pthread_setattr_default_np(&attributes);
    pthread_attr_destroy(&attributes);
#endif
}

/* --- a fork with AddressSanitizer --- */

#if defined __SANITIZE_ADDRESS__ && defined __GLIBC__

enum { FORKS = 50, PROBE_SECONDS = 2 };

/* Takes a block of each size class, for which a new thread has none at hand. */
static void *take_blocks(void *unused) {
    for (size_t size = 16; size < (size_t)1 << 18; size += size / 8) {
        void *volatile block = malloc(size); /* else the compiler leaves both calls out */
        free(block);
    }
    return unused;
}

static bool can_allocate(void) {
    pthread_t thread;
    struct timespec deadline;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += PROBE_SECONDS;
    return pthread_create(&thread, NULL, take_blocks, NULL) == 0 && pthread_timedjoin_np(thread, NULL, &deadline) == 0;
}

/* True: the child has written to the pipe. */
static bool hears_from(int pipe_end) {
    char byte;
    struct pollfd fd = {.fd = pipe_end, .events = POLLIN};
    int ready;
    do ready = poll(&fd, 1, 2 * PROBE_SECONDS * 1000);
    while (ready < 0 && errno == EINTR);
    return ready > 0 && read(pipe_end, &byte, 1) == 1;
}

/* At a fork, GCC's AddressSanitizer does not take the locks of its allocator. If another thread of the parent just
 * allocates, the child waits for ever when it allocates a block of that size. Such a child is killed, and another made. */
static pid_t fork_soundly(void) {
    for (int i = 0; i < FORKS; i++) {
        int ends[2];
        if (pipe(ends) != 0) return -1;
        pid_t child = fork();
        if (child == 0) {
            close(ends[0]);
            if (!can_allocate() || write(ends[1], "", 1) != 1) _exit(1);
            close(ends[1]);
            return 0;
        }
        close(ends[1]);
        bool is_sound = child > 0 && hears_from(ends[0]);
        close(ends[0]);
        if (is_sound || child < 0) return child;
        kill(child, SIGKILL);
        while (waitpid(child, NULL, 0) < 0) continue;
    }
    fprintf(stderr, "embed: after %d forks, no child could allocate\n", FORKS);
    abort();
}

#else
static pid_t fork_soundly(void) { return fork(); }
#endif

/* fork(): 0 in the child, which is killed when it hangs; its state is closed and its exit status 1 if a socket is left. */
static int l_fork(lua_State *L) {
    fflush(NULL);
    pid_t child = fork_soundly();
    if (child == 0) {
        is_child = true;
        lookups = most_lookups = 0; /* their threads are the parent's */
        use_larger_stacks();
        alarm(CHILD_TIME);
    }
    lua_pushinteger(L, child);
    return 1;
}

/* reap(pid): "exit" or "signal", and its number. */
static int l_reap(lua_State *L) {
    int status = 0;
    while (waitpid((pid_t)luaL_checkinteger(L, 1), &status, 0) < 0) continue;
    lua_pushstring(L, WIFEXITED(status) ? "exit" : "signal");
    lua_pushinteger(L, WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    return 2;
}

static int l_sleep(lua_State *L) {
    sleep_ms((long)(luaL_checknumber(L, 1) * 1e3));
    return 0;
}

static int l_clock(lua_State *L) {
    lua_pushnumber(L, now());
    return 1;
}

/* jump(seconds, delay): after a delay the wall clock is so much ahead, or behind; 0 sets it right again.
 * How often was it read since the last jump? */
static int l_jump(lua_State *L) {
    lua_pushinteger(L, looks);
    jump_at = (long long)((now() + luaL_checknumber(L, 2)) * 1e9);
    jump = (long)luaL_checkinteger(L, 1);
    looks = 0;
    return 1;
}

/* census(): descriptors, threads, KiB resident */
static int l_census(lua_State *L) {
    struct census found = take_census();
    lua_pushinteger(L, found.descriptors);
    lua_pushinteger(L, found.threads);
    lua_pushinteger(L, found.rss);
    return 3;
}

/* limit_descriptors(n): the process may have so many, which poll(2) asks for, too; returns how many it could before. */
static int l_limit_descriptors(lua_State *L) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return luaL_error(L, "getrlimit failed");
    lua_pushinteger(L, (lua_Integer)limit.rlim_cur);
    limit.rlim_cur = (rlim_t)luaL_checkinteger(L, 1);
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) return luaL_error(L, "setrlimit failed");
    return 1;
}

/* slow_lookups(seconds): each look-up of a name takes so much longer. */
static int l_slow_lookups(lua_State *L) {
    lookup_time = (long)(luaL_checknumber(L, 1) * 1e3);
    return 0;
}

/* lookups(): of names, under way now; the most there ever were at once. */
static int l_lookups(lua_State *L) {
    lua_pushinteger(L, lookups);
    lua_pushinteger(L, most_lookups);
    return 2;
}

struct errand {
    lua_State *L;
    int status;
};

static void *call(void *argument) {
    struct errand *errand = argument;
    errand->status = lua_pcall(errand->L, 0, 0, 0);
    return NULL;
}

/* elsewhere(f): calls it on another thread, in this Lua state, and waits for it. */
static int l_elsewhere(lua_State *L) {
    pthread_t thread;
    struct errand errand = {L, LUA_OK};
    lua_settop(L, 1);
    if (pthread_create(&thread, NULL, call, &errand) != 0) return luaL_error(L, "no thread");
    pthread_join(thread, NULL);
    return errand.status == LUA_OK ? 0 : lua_error(L);
}

/* thread(): the number of the one that runs this. */
static int l_thread(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)syscall(SYS_gettid));
    return 1;
}

static lua_Alloc allocate;
static void *allocator;
static long failing; /* allocations of the one Lua state that asked for it; what is freed or shrinks is none */

static void *allocate_or_fail(void *data, void *block, size_t before, size_t size) {
    (void)data;
    if (failing > 0 && size > (block != NULL ? before : 0)) return failing--, NULL;
    return allocate(allocator, block, before, size);
}

/* fail_allocations(n): Lua's next n allocations fail. */
static int l_fail_allocations(lua_State *L) {
    if (allocate == NULL) {
        allocate = lua_getallocf(L, &allocator);
        lua_setallocf(L, allocate_or_fail, NULL);
    }
    failing = (long)luaL_checkinteger(L, 1);
    return 0;
}

static int l_pid(lua_State *L) {
    lua_pushinteger(L, getpid());
    return 1;
}

/* in_state(text, ...): runs the text with these strings in another Lua state, on this thread. Raises what it raises. */
static int l_in_state(lua_State *L) {
    lua_State *other = luaL_newstate();
    if (other == NULL) return luaL_error(L, "no state");
    luaL_openlibs(other);
    luaL_requiref(other, "embed", open_embed, 1);
    lua_settop(other, 0);
    bool ok = luaL_loadstring(other, luaL_checkstring(L, 1)) == LUA_OK;
    for (int i = 2; i <= lua_gettop(L); i++) lua_pushstring(other, lua_tostring(L, i));
    ok = ok && lua_pcall(other, lua_gettop(L) - 1, 0, 0) == LUA_OK;
    lua_pushstring(L, ok ? NULL : lua_tostring(other, -1));
    lua_close(other);
    return ok ? 0 : lua_error(L);
}

static int open_embed(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"catch", l_catch},
        {"caught", l_caught},
        {"block", l_block},
        {"kill", l_kill},
        {"is_default", l_is_default},
        {"dispositions", l_dispositions},
        {"storm", l_storm},
        {"fork", l_fork},
        {"reap", l_reap},
        {"sleep", l_sleep},
        {"clock", l_clock},
        {"jump", l_jump},
        {"census", l_census},
        {"pid", l_pid},
        {"limit_descriptors", l_limit_descriptors},
        {"fail_allocations", l_fail_allocations},
        {"slow_lookups", l_slow_lookups},
        {"lookups", l_lookups},
        {"elsewhere", l_elsewhere},
        {"in_state", l_in_state},
        {"thread", l_thread},
        {NULL, NULL},
    };
    luaL_newlib(L, functions);
    return 1;
}
