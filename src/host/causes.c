#include "host/causes.h"

#include <string.h>

#include "base/address.h"
#include "base/error.h"

void sw_causes_copy(const struct sw_causes *causes, struct sw_causes_copy *copy) {
    copy->count = causes != NULL ? causes->count : 0;
    copy->details[0] = '\0';
    copy->detailed = causes != NULL ? causes->detailed : 0;
    if (copy->count == 0) return;
    memcpy(copy->list, causes->list, copy->count * sizeof copy->list[0]);
    if (causes->details != NULL) memcpy(copy->details, causes->details, strlen(causes->details) + 1);
}

const char *sw_cause_details(const struct sw_causes_copy *causes, const struct sw_ip *address) {
    if (causes->details[0] == '\0') return NULL;
    return sw_ip_equal(&causes->list[causes->detailed].address, address) ? causes->details : NULL;
}

const char *sw_cause_text(const struct sw_causes_copy *causes, unsigned index, char *buf, size_t size) {
    if (index == causes->detailed && causes->details[0] != '\0') return causes->details;
    return sw_error_text(&causes->list[index].error, buf, size);
}

const char *sw_push_reasons(lua_State *L, const struct sw_causes_copy *causes) {
    luaL_Buffer reasons;
    luaL_buffinit(L, &reasons);
    for (unsigned i = 0; i < causes->count; i++) {
        char address[SW_IP_TEXT], text[160];
        sw_ip_text(&causes->list[i].address, address);
        if (i > 0) luaL_addstring(&reasons, "; ");
        luaL_addstring(&reasons, address);
        luaL_addstring(&reasons, ": ");
        luaL_addstring(&reasons, sw_cause_text(causes, i, text, sizeof text));
    }
    luaL_pushresult(&reasons);
    return lua_tostring(L, -1);
}

static void push_cause(lua_State *L, const struct sw_causes_copy *causes, unsigned index, int port) {
    const struct sw_cause *cause = &causes->list[index];
    char text[160];
    lua_createtable(L, 0, 5);
    if (cause->address.version != 0) { /* a unix socket has none */
        char address[SW_IP_TEXT];
        sw_ip_text(&cause->address, address);
        lua_pushstring(L, address);
        lua_setfield(L, -2, "address");
        lua_pushinteger(L, port);
        lua_setfield(L, -2, "port");
    }
    lua_pushstring(L, sw_error_code(&cause->error));
    lua_setfield(L, -2, "code");
    lua_pushstring(L, sw_cause_text(causes, index, text, sizeof text));
    lua_setfield(L, -2, "message");
    lua_pushnumber(L, (lua_Number)cause->seconds);
    lua_setfield(L, -2, "seconds");
}

void sw_push_causes(lua_State *L, const struct sw_causes_copy *causes, int port) {
    lua_createtable(L, (int)causes->count, 0);
    for (unsigned i = 0; i < causes->count; i++) {
        push_cause(L, causes, i, port);
        lua_rawseti(L, -2, (int)i + 1);
    }
}
