/* A C host that runs a script which is not its own: embed SCRIPT HOST PORT [FRAMES]
 *
 * The host opens sidewire in the Lua state, sets what scripts may ask for, and locks that; then it runs the script in an
 * environment without files, programs and the loading of code, and polls once a frame. The script finds `sidewire`, `host`
 * and `port` in its environment. docs/embedding.md says what happens behind all this.
 *
 *     cc -o embed examples/embed.c $(pkg-config --cflags --libs lua5.4)
 *     tools/run release ./embed examples/embed.lua 127.0.0.1 4000
 *
 * The second line is for a checkout, after `make`: tools/run sets LUA_CPATH, by which `require` finds what was built. Where
 * sidewire is installed for this Lua, ./embed alone does it. A Lua that is linked in as an archive (liblua.a) needs
 * `-rdynamic` as well, so that sidewire finds its functions.
 *
 * It is for Lua 5.1 to 5.4 and LuaJIT; a host that is for one of them needs only the half of what #if has for that.
 */
#include <lauxlib.h>
#include <limits.h>
#include <lua.h>
#include <lualib.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#if LUA_VERSION_NUM < 502 /* 5.1, LuaJIT */

#ifndef LUA_OK
#define LUA_OK 0
#endif

/* Of Lua 5.1 alone, luaL_loadfile takes bytecode, too, also behind a first line that begins with '#': neither is let in. */
static int load_text(lua_State *L, const char *path) {
    FILE *file = fopen(path, "rb");
    int first = file != NULL ? getc(file) : EOF;
    if (file != NULL) (void)fclose(file);
    if (first == LUA_SIGNATURE[0]) return luaL_error(L, "%s: attempt to load a binary chunk", path);
    if (first == '#') return luaL_error(L, "%s: the first line begins with '#'", path);
    return luaL_loadfile(L, path);
}

/* Makes the table on top the environment of the function below it. */
static void set_environment(lua_State *L) { lua_setfenv(L, -2); }

static const char *text_of(lua_State *L) { return lua_tostring(L, -1); }

#else

static int load_text(lua_State *L, const char *path) { return luaL_loadfilex(L, path, "t"); }

static void set_environment(lua_State *L) {
    if (lua_setupvalue(L, -2, 1) == NULL) lua_pop(L, 1);
}

static const char *text_of(lua_State *L) { return luaL_tolstring(L, -1, NULL); }

#endif

/* What the script gets of Lua. Not load, require, io, os, package and debug; not getmetatable, which reaches the library
 * of all strings; nor collectgarbage, which a script seldom needs. */
static const char *const allowed[] = {"assert", "coroutine", "error",        "ipairs",   "math",   "next",
                                      "pairs",  "pcall",     "print",        "select",   "string", "table",
                                      "type",   "tonumber",  "setmetatable", "tostring", NULL};

/* Pushes what `require "sidewire.core"` gives: the C module alone is complete. */
static void push_sidewire(lua_State *L) {
    lua_getglobal(L, "require");
    lua_pushliteral(L, "sidewire.core");
    lua_call(L, 1, 1);
}

static void set_policy(lua_State *L) {
    push_sidewire(L);
    lua_getfield(L, -1, "set_policy");
    lua_createtable(L, 0, 5);
    lua_pushinteger(L, 8);
    lua_setfield(L, -2, "max_clients");
    lua_pushinteger(L, 1048576);
    lua_setfield(L, -2, "max_queue"); /* bytes, for each client */
    lua_pushinteger(L, 1048576);
    lua_setfield(L, -2, "max_inbox");
    lua_pushnumber(L, 0.5);
    lua_setfield(L, -2, "max_linger"); /* seconds that lua_close may take to deliver what is queued */
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "files");
    lua_call(L, 1, 1); /* raises for what cannot be meant */
    if (!lua_toboolean(L, -1)) luaL_error(L, "the policy was locked already");
    lua_pop(L, 1);
    lua_getfield(L, -1, "lock_policy");
    lua_call(L, 0, 0);
    lua_pop(L, 1);
}

/* Pushes a copy of the table on top, in its place: what the script does to it concerns nobody else. */
static void copy_table(lua_State *L) {
    lua_newtable(L);
    for (lua_pushnil(L); lua_next(L, -3) != 0;) {
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, -4);
    }
    lua_remove(L, -2);
}

/* Pushes the script's environment. */
static void push_environment(lua_State *L, const char *host, int port) {
    lua_newtable(L);
    for (int i = 0; allowed[i] != NULL; i++) {
        lua_getglobal(L, allowed[i]);
        if (lua_istable(L, -1)) copy_table(L);
        lua_setfield(L, -2, allowed[i]);
    }
    push_sidewire(L);
    copy_table(L);
    lua_setfield(L, -2, "sidewire");
    lua_pushstring(L, host);
    lua_setfield(L, -2, "host");
    lua_pushinteger(L, port);
    lua_setfield(L, -2, "port");
}

/* Text only: a script in the form of bytecode can crash any Lua. */
static void run_script(lua_State *L, const char *path, const char *host, int port) {
    if (load_text(L, path) != LUA_OK) lua_error(L);
    push_environment(L, host, port);
    set_environment(L);
    lua_call(L, 0, 0);
}

/* Runs the script's handlers. One that raises ends only this poll: the next goes on with the event behind it. */
static void poll(lua_State *L) {
    int top = lua_gettop(L);
    push_sidewire(L);
    lua_getfield(L, -1, "poll");
    lua_pushinteger(L, 1000); /* events a frame, at most */
    if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
        const char *text = text_of(L);
        (void)fprintf(stderr, "script: %s\n", text != NULL ? text : "an error without a text");
    }
    lua_settop(L, top);
}

static int play(lua_State *L) {
    const char *const *arguments = lua_touserdata(L, 1);
    const struct timespec frame = {.tv_nsec = 16666667};
    luaL_openlibs(L);
    set_policy(L);
    run_script(L, arguments[0], arguments[1], (int)strtol(arguments[2], NULL, 10));
    for (long frames = arguments[3] != NULL ? strtol(arguments[3], NULL, 10) : 60; frames > 0; frames--) {
        poll(L);
        nanosleep(&frame, NULL); /* a game draws here */
    }
    return 0;
}

/* Is the argument a whole number of 1 to `most`? */
static bool is_number(const char *text, long most) {
    char *end;
    long number = strtol(text, &end, 10);
    return *text != '\0' && *end == '\0' && number >= 1 && number <= most;
}

int main(int argc, char **argv) {
    bool is_asked = argc == 2 && strcmp(argv[1], "--help") == 0;
    bool is_right =
        (argc == 4 || argc == 5) && is_number(argv[3], 65535) && (argc == 4 || is_number(argv[4], LONG_MAX));
    if (!is_right) {
        (void)fprintf(is_asked ? stdout : stderr, "usage: embed SCRIPT HOST PORT [FRAMES]\n");
        return is_asked ? 0 : 2;
    }
    lua_State *L = luaL_newstate();
    if (L == NULL) return 1;
    lua_pushcfunction(L, play);
    lua_pushlightuserdata(L, argv + 1);
    int failed = lua_pcall(L, 1, 0, 0);
    if (failed != LUA_OK) (void)fprintf(stderr, "embed: %s\n", text_of(L));
    lua_close(L); /* delivers what is queued, for at most max_linger, and joins sidewire's thread */
    return failed == LUA_OK ? 0 : 1;
}
