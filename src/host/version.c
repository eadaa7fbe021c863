#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* dladdr, RTLD_DEFAULT */
#endif

#include "host/version.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { LUAJIT = 0 }; /* for LUA_VERSION_NUM, LuaJIT is Lua 5.1: it has the same C interface */

static bool has(const char *function) { return dlsym(RTLD_DEFAULT, function) != NULL; }

/* The version of the Lua that the module's calls reach: 501 to 503 by functions that no earlier version has, 504 and later
 * by what it says itself. */
static int running_version(lua_State *L) {
    if (has("luaJIT_setmode")) return LUAJIT;
    if (has("lua_newuserdatauv")) {
        lua_Number (*version)(lua_State *) = NULL;
        void *symbol = dlsym(RTLD_DEFAULT, "lua_version");
        memcpy(&version, &symbol, sizeof version); /* ISO C has no cast from void * to a function pointer */
        return version != NULL ? (int)version(L) : 504;
    }
    return has("lua_rotate") ? 503 : has("lua_callk") ? 502 : 501;
}

/* The value of LUA= in make. */
static const char *push_name(lua_State *L, int version) {
    if (version == LUAJIT) return lua_pushfstring(L, "luajit");
    return lua_pushfstring(L, "%d.%d", version / 100, version % 100);
}

const char *sw_version_push(lua_State *L) { return push_name(L, running_version(L)); }

static const char *file_of_module(void) {
    Dl_info here;
    bool is_found = dladdr((void *)(uintptr_t)&sw_version_check, &here) != 0 && here.dli_fname != NULL;
    return is_found ? here.dli_fname : "sidewire.core";
}

void sw_version_check(lua_State *L) {
    int version = running_version(L);
    if (version == LUA_VERSION_NUM || (version == LUAJIT && LUA_VERSION_NUM == 501)) return;
    const char *built = push_name(L, LUA_VERSION_NUM), *running = push_name(L, version);
    lua_pushfstring(
        L,
        "%s was built for Lua %s, and this is %s%s: install it for this one (luarocks --lua-version=%s), or use "
        "the file that `make LUA=%s` builds, build/release-%s/sidewire/core.so",
        file_of_module(), built, version == LUAJIT ? "" : "Lua ", version == LUAJIT ? "LuaJIT" : running,
        version == LUAJIT ? "5.1" : running, running, running);
    lua_error(L);
}
