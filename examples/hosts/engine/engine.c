/* A C host with many Lua states, each with an allocator of its own that bounds and counts its memory:
 *
 *     engine SCRIPT HOST PORT STATES LIMIT
 *
 * It opens STATES states, eight of them at a time, in place of the oldest. A state runs SCRIPT, which gets HOST and PORT and
 * returns a function, and then that function once a frame, until it is closed, whatever sidewire is just doing. A state may
 * take LIMIT bytes. In the end the host says what is left of memory and threads: nothing.
 *
 *     cc -o engine examples/hosts/engine/engine.c $(pkg-config --cflags --libs luajit)
 *     LUA_CPATH='build/release-luajit/?.so' ./engine examples/hosts/engine/busy.lua 127.0.0.1 4000 100 1000000
 *
 * The count has no part of what sidewire keeps outside of Lua: its queues, whose limits are options of a client.
 */
#include <dirent.h>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { AT_A_TIME = 8, FRAMES = 3 };

/* What one state has of memory, in bytes. */
struct account {
    size_t used, limit;
};

static size_t most;  /* that a state had at a time */
static int refusals; /* of all allocators */
static int failures; /* of scripts */
static struct account accounts[AT_A_TIME];
static lua_State *states[AT_A_TIME];

static void *allocate(void *userdata, void *block, size_t old_size, size_t size) {
    struct account *account = userdata;
    if (block == NULL) old_size = 0; /* since Lua 5.2 it says for what the block is */
    if (size > old_size && account->used + (size - old_size) > account->limit) {
        refusals++;
        return NULL;
    }
    account->used += size - old_size;
    if (account->used > most) most = account->used;
    if (size > 0) return realloc(block, size);
    free(block);
    return NULL;
}

static lua_State *new_state(struct account *account) {
#if LUA_VERSION_NUM >= 505
    return lua_newstate(allocate, account, luaL_makeseed(NULL));
#else
    return lua_newstate(allocate, account); /* LuaJIT on 64 bits: NULL if it was built without GC64 */
#endif
}

/* Runs the function below its arguments on the stack, and keeps its first result. */
static void run(lua_State *L, int arguments) {
    if (lua_pcall(L, arguments, 1, 0) == 0) return;
    if (failures++ == 0) (void)fprintf(stderr, "%s\n", lua_tostring(L, -1));
    lua_settop(L, 0);
}

static int open_libraries(lua_State *L) {
    luaL_openlibs(L);
    return 0;
}

static void open_state(int i, size_t limit, char **script) {
    accounts[i] = (struct account){.limit = limit};
    lua_State *L = states[i] = new_state(&accounts[i]);
    if (L == NULL) return;
    lua_pushcfunction(L, open_libraries);
    run(L, 0);
    lua_settop(L, 0);
    if (luaL_loadfile(L, script[0]) != 0) {
        failures++;
        lua_settop(L, 0);
        return;
    }
    lua_pushstring(L, script[1]);
    lua_pushstring(L, script[2]);
    run(L, 2);
}

static void play_frame(void) {
    for (int i = 0; i < AT_A_TIME; i++) {
        if (states[i] == NULL || lua_gettop(states[i]) != 1) continue; /* it has failed */
        lua_pushvalue(states[i], 1);
        run(states[i], 0);
        if (lua_gettop(states[i]) > 1) lua_settop(states[i], 1);
    }
}

/* Returns how many bytes are left. */
static size_t close_state(int i) {
    if (states[i] == NULL) return 0;
    lua_close(states[i]); /* joins the thread that sidewire has for this state */
    states[i] = NULL;
    return accounts[i].used;
}

static int count_threads(void) {
    DIR *tasks = opendir("/proc/self/task");
    int count = 0;
    if (tasks == NULL) return -1;
    for (const struct dirent *entry; (entry = readdir(tasks)) != NULL;) count += entry->d_name[0] != '.';
    closedir(tasks);
    return count;
}

int main(int argc, char **argv) {
    if (argc != 6) {
        int is_asked = argc == 2 && strcmp(argv[1], "--help") == 0;
        (void)fprintf(is_asked ? stdout : stderr, "usage: engine SCRIPT HOST PORT STATES LIMIT\n");
        return is_asked ? 0 : 2;
    }
    long count = strtol(argv[4], NULL, 10);
    size_t limit = strtoul(argv[5], NULL, 10), left = 0;
    int most_threads = 0;
    for (long n = 0; n < count; n++) {
        int i = (int)(n % AT_A_TIME);
        left += close_state(i);
        open_state(i, limit, argv + 1);
        for (int frame = 0; frame < FRAMES; frame++) play_frame();
        if (count_threads() > most_threads) most_threads = count_threads();
    }
    for (int i = 0; i < AT_A_TIME; i++) left += close_state(i);
    printf("%ld states, at most %zu bytes each and %d threads\n", count, most, most_threads);
    printf("%d allocations refused, %d failures\n", refusals, failures);
    printf("left: %zu bytes, %d threads\n", left, count_threads());
    return left == 0 && count_threads() == 1 ? 0 : 1;
}
