#include "host/pin.h"

#include <stddef.h>

#include "host/context.h"
#include "host/luacompat.h"

void sw_pins_push(lua_State *L) { sw_push_context_value(L, CONTEXT_PINS); }

int sw_pin_make(lua_State *L, int index) {
    sw_pins_push(L);
    lua_pushvalue(L, index);
    int pin = luaL_ref(L, -2);
    lua_pop(L, 1);
    return pin;
}

void sw_pin_end(lua_State *L, int pin) {
    sw_pins_push(L);
    luaL_unref(L, -1, pin);
    lua_pop(L, 1);
}

void sw_pins_end(lua_State *L, struct sw_pages *completions) {
    for (const struct sw_page *page = completions->head; page != NULL; page = page->next) luaL_unref(L, -1, page->pin);
    lua_pop(L, 1);
    sw_pages_free(completions);
}
